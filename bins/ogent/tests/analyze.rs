//! `ogent analyze` as a program: what it prints, and what it exits with. No gateway and no broker is there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn ogent(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogent"));
    // Nothing offline may depend on what the gateway's variables hold.
    command.args(words).env("OGENT_URL", "not a url").env("OGENT_TOKEN", "\n").env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(words: &[&str], stdin: &[u8]) -> Output {
    let mut child = ogent(words).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writes = std::thread::spawn(move || drop(to.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writes.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_command_is_shown_with_what_is_dangerous() {
    let output = run(&["analyze", "echo grüße; rm -rf /"], b"");
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    assert!(shown.starts_with("  echo grüße; rm -rf /\n              ^^"), "{shown}");
    assert!(shown.contains("\nrisk    critical\npolicy  blocked: "), "{shown}");
    assert!(!shown.contains('\x1b') && output.stderr.is_empty(), "{output:?}");
    let colored = run(&["analyze", "--color", "always", "rm -rf /"], b"");
    assert!(text(&colored.stdout).contains("\x1b[1;31m"), "{colored:?}");
}

#[test]
fn what_would_steer_a_terminal_is_visible() {
    let output = run(&["analyze", "echo \x1b]0;x\x07 \u{202e} \u{200b}; ls"], b"");
    assert!(text(&output.stdout).starts_with("  echo ^[]0;x^G \\u{202e} \\u{200b}; ls\n"), "{output:?}");
}

#[test]
fn the_exit_code_tells_where_it_is_asked_to() {
    for (command, code) in [("ls", 0), ("rm -rf /", 4), ("some-program-that-nobody-knows --now", 3)] {
        assert_eq!(run(&["analyze", "--exit-code", command], b"").status.code(), Some(code), "{command}");
        assert_eq!(run(&["analyze", command], b"").status.code(), Some(0), "{command}");
    }
    let words = run(&["analyze", "--exit-code", "--", "rm", "-rf", "/"], b"");
    assert_eq!(words.status.code(), Some(4), "{words:?}");
    assert_eq!(run(&["analyze", " "], b"").status.code(), Some(1));
    for wrong in [&["analyze"][..], &["analyze", "ls", "--", "ls"], &["analyze", "--offline", "--agent", "a", "ls"]] {
        assert_eq!(run(wrong, b"").status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn programs_get_the_whole_analysis() {
    for format in [&["-o", "json"], &["--format", "json"], &["-o", "jsonl"]] {
        let output = run(&[&["analyze", "--offline", "rm -rf /"][..], format].concat(), b"");
        let analysis: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(analysis["level"], "critical");
        assert_eq!(analysis["ruling"]["decision"], "block");
        assert_eq!(analysis["advisor"], "absent");
    }
    assert!(text(&run(&["analyze", "--format", "text", "ls"], b"").stdout).contains("risk    none\n"));
}

#[test]
fn a_policy_of_ones_own_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let judge = |policy: &str| {
        std::fs::write(&path, policy).unwrap();
        run(&["analyze", "--exit-code", "--policy-file", path.to_str().unwrap(), "rm -rf /"], b"")
    };
    assert_eq!(judge("mode = \"enforce\"").status.code(), Some(4));
    let output = judge("mode = \"advise\"");
    assert_eq!(output.status.code(), Some(4), "what it would do if it were enforced: {output:?}");
    assert!(
        text(&output.stdout).contains("policy  runs, because the policy only advises; it would block: "),
        "{output:?}"
    );
    let output = judge("blok = \"high\"");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("policy.toml cannot be used"), "{output:?}");
}

#[test]
fn every_line_gets_its_answer_in_order() {
    let input = b"{\"command\":\"ls\"}\n\n{\"command\":\"rm -rf /\",\"expect\":\"block\",\"id\":7}\nnonsense\n{\"argv\":[\"rm\",\"-rf\",\"/\"]}";
    let output = run(&["analyze", "--offline", "--jsonl"], input);
    assert_eq!(output.status.code(), Some(1));
    let answers: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<&str> = answers.iter().map(|answer| answer["decision"].as_str().unwrap_or("error")).collect();
    assert_eq!(decisions, ["run", "error", "block", "error", "block"]);
    assert!(answers[2]["effects"].as_array().unwrap().contains(&"delete".into()), "{answers:?}");
    assert!(text(&output.stderr).contains("2 of 5 lines could not be judged"), "{output:?}");
    let output = run(&["analyze", "--offline", "--jsonl"], b"");
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0));
}

#[test]
fn lines_are_judged_here_only() {
    let output = run(&["analyze", "--jsonl"], b"{\"command\":\"ls\"}\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("hint: add --offline"), "{output:?}");
    assert_eq!(run(&["analyze", "--offline", "--jsonl", "ls"], b"").status.code(), Some(2));
}

#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let mut child = ogent(&["analyze", "--offline", "--jsonl"]).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    for command in ["ls", "rm -rf /"] {
        writeln!(to, "{}", serde_json::json!({"command": command})).unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        assert!(line.contains("\"decision\""), "{line}");
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

#[test]
fn whoever_has_read_enough_ends_it() {
    let mut child = ogent(&["analyze", "--offline", "--jsonl"]).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let lines = "{\"command\":\"ls\"}\n".repeat(100_000);
    assert!(to.write_all(lines.as_bytes()).is_err(), "it reads on although nobody hears it");
    drop(to);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(141), 0));
}
