use super::*;
use crate::evidence::Evidence;

#[test]
fn a_clean_run_has_no_violation() {
    assert_eq!(judge(files()).violations, Vec::new());
}

#[test]
fn what_is_written_is_judged_the_same() {
    let mut run = CleanRun::default();
    run.start_twice();
    let (_dir, evidence) = run.write();
    let verdict = crate::check::check(&evidence).unwrap();
    assert_eq!(verdict.violations.len(), 1, "{:?}", verdict.violations);
    assert_eq!(verdict, judge(run.0));
}

#[test]
fn a_torn_line_and_a_missing_run_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = Evidence::at(dir.path());
    assert!(crate::check::check(&evidence).is_err(), "there is no run.json");
    std::fs::write(evidence.path("run.json"), serde_json::to_string(&run()).unwrap()).unwrap();
    assert!(!crate::check::check(&evidence).unwrap().violations.is_empty(), "nothing was seen");
    std::fs::write(evidence.path("witness.jsonl"), "\n{\"at\":1,").unwrap();
    assert!(crate::check::check(&evidence).is_ok(), "a witness may be killed while it writes");
    std::fs::write(evidence.path("client.jsonl"), "{\"at\":1,").unwrap();
    assert!(crate::check::check(&evidence).is_err(), "a torn line");
}
