use super::*;
use crate::check::{CleanRun, check};

#[test]
fn a_clean_run_says_so() {
    let (_dir, evidence) = CleanRun::default().write();
    let text = report(&evidence, &check(&evidence).unwrap()).unwrap();
    for word in ["seed 1, scene single", "nats-server 2", "kill agent", "offered", "agent_offline 1", "no violation"] {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(evidence.path("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["run"]["seed"], 1);
    assert_eq!(summary["violations"], serde_json::json!([]));
    assert_eq!(summary["figures"]["accepted"], 63);
}

#[test]
fn a_violation_comes_with_all_that_is_known_of_it() {
    let mut run = CleanRun::default();
    run.start_twice();
    let (_dir, evidence) = run.write();
    let text = report(&evidence, &check(&evidence).unwrap()).unwrap();
    let words = [
        "1 VIOLATIONS",
        "[1] it was started 2 times",
        "client   asks agent-0",
        "COMMANDS 1 holds",
        "RESULTS  1 agent-0 n=0 accepted",
        "witness  starts on agent-0",
        "gateway 1 says afterwards: succeeded",
    ];
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}
