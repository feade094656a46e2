//! `ogent sign` and `ogent verify`, as a person calls them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ogent_agent::TrustMode;
use ogent_broker::Ledger;
use ogent_broker::credentials::SignerRole;
use ogent_broker::permissions::Role;
use ogent_protocol::{Intent, IntentWire};
use ogent_testkit::{TestAgent, TestBroker, TestGateway, TestKeys};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Beside this test, not within it: its own threads serve the gateway that the program asks.
async fn ogent(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut ogent = Command::new(env!("CARGO_BIN_EXE_ogent"));
    ogent.args(words).envs(variables.iter().copied()).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || ogent.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn strict(broker: &TestBroker, keys: &TestKeys, id: &str, person: Option<&str>) -> TestAgent {
    TestAgent::start_with(broker, id, |config| {
        config.trust.mode = TrustMode::Signed;
        config.trust.keys = Some(keys.trust());
        config.trust.persons = person.into_iter().map(str::to_owned).collect();
        config.trust.signer = Some(keys.signer(SignerRole::Agent, id));
    })
    .await
}

/// A `nats` that keeps its arguments, one a line, so that what a shell makes of the line is seen.
fn line_through_a_shell(dir: &Path, line: &str) -> Vec<String> {
    let nats = dir.join("nats");
    std::fs::write(&nats, "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$ARGUMENTS\"\n").unwrap();
    std::fs::set_permissions(&nats, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let kept = dir.join("arguments");
    let status = Command::new("sh").args(["-c", line]).env("PATH", path).env("ARGUMENTS", &kept).status().unwrap();
    assert!(status.success());
    std::fs::read_to_string(kept).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_trusts_a_person_runs_what_she_has_signed() {
    let (broker, keys, dir) = (TestBroker::start().await, TestKeys::new(), TempDir::new().unwrap());
    let _trusting = strict(&broker, &keys, "web-1", Some("alice")).await;
    let _other = strict(&broker, &keys, "web-2", None).await;
    let file = dir.path().join("alice.sign");
    keys.file(SignerRole::Person, "alice").save(&file).unwrap();
    let file = file.to_str().unwrap();
    for (agent, expected) in [("web-1", ("stdout", "it's {{here}}\n")), ("web-2", ("code", "untrusted_signer"))] {
        let output = ogent(&["sign", "--agent", agent, "--key", file, "--", "echo", "it's", "{{here}}"], &[]).await;
        assert!(output.status.success(), "{}", said(&output));
        let arguments = line_through_a_shell(dir.path(), &String::from_utf8(output.stdout).unwrap());
        assert_eq!(arguments[0], "req");
        let headers = arguments.windows(2).filter(|pair| pair[0] == "-H").map(|pair| {
            let (name, value) = pair[1].split_once(':').unwrap();
            (name.to_owned(), value.to_owned())
        });
        let headers: Vec<_> = headers.collect();
        let answer = broker.ask(&arguments[1], &headers, arguments[2].as_bytes()).await;
        assert_eq!(answer[expected.0], expected.1, "{answer}");
    }
    // A gateway's key is nobody's to sign by hand with.
    let gateway = dir.path().join("gateway.sign");
    keys.file(SignerRole::Gateway, "gw").save(&gateway).unwrap();
    let output = ogent(&["sign", "--agent", "web-1", "--key", gateway.to_str().unwrap(), "--", "true"], &[]).await;
    assert!(!output.status.success() && said(&output).contains("of a gateway"), "{}", said(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_proved_over_a_gateway_and_from_a_file() {
    let (broker, keys, dir) = (TestBroker::start().await, TestKeys::new(), TempDir::new().unwrap());
    let _agent = strict(&broker, &keys, "web-1", None).await;
    let gateway = TestGateway::start_with(&broker, |config| {
        config.signer = Some(keys.signer(SignerRole::Gateway, "gw"));
        config.trust = Some(keys.trust());
    })
    .await;
    let trust = dir.path().join("trust.json");
    keys.trust().save(&trust).unwrap();
    let (_, body) = gateway.post("/agents/web-1/execute", json!({"command": "echo hello"})).await;
    let id = body["id"].as_str().unwrap();
    let kept = dir.path().join("evidence.jsonl");
    let (trust, kept) = (trust.to_str().unwrap(), kept.to_str().unwrap());
    let variables = [("OGENT_URL", gateway.url.as_str()), ("OGENT_TOKEN", &gateway.token), ("OGENT_TRUST_FILE", trust)];
    let output = ogent(&["verify", id, "--save", kept], &variables).await;
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for part in ["asked for by admin: echo hello", "gateway gw", "agent web-1", "everything fits: succeeded"] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    // Without anybody to ask.
    let alone = [("OGENT_URL", "http://127.0.0.1:1"), ("OGENT_TRUST_FILE", trust)];
    let output = ogent(&["verify", "--evidence", kept], &alone).await;
    assert!(output.status.success(), "{}", said(&output));
    let whole = std::fs::read_to_string(kept).unwrap();
    // What nobody reads is not passed over in silence.
    std::fs::write(kept, whole.repeat(2)).unwrap();
    let output = ogent(&["verify", "--evidence", kept], &alone).await;
    assert!(!output.status.success() && said(&output).contains("more than the records of"), "{}", said(&output));
    let page: Value = serde_json::from_str(whole.trim()).unwrap();
    let payload = page["records"][1]["payload"].as_str().unwrap();
    // Another letter in the middle is another byte.
    let middle = payload.len() / 2;
    let letter = if payload.as_bytes()[middle] == b'B' { "C" } else { "B" };
    let forged = format!("{}{letter}{}", &payload[..middle], &payload[middle + 1..]);
    std::fs::write(kept, whole.replace(payload, &forged)).unwrap();
    let output = ogent(&["verify", "--evidence", kept, "-o", "json"], &alone).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["misfit"]["stream"], "RESULTS");
    assert!(said(&output).contains("does not fit: RESULTS"), "{}", said(&output));
    // Many at once; and then one that nobody has signed.
    let output = ogent(&["verify"], &variables).await;
    assert!(output.status.success() && said(&output).contains("1 commands: 1 fit"), "{}", said(&output));
    let wire =
        IntentWire { command: Some("true".into()), agent: Some("web-1".parse().unwrap()), ..IntentWire::default() };
    let Intent::Run(run) = wire.admit(|| "by-hand".parse().unwrap()).unwrap() else { panic!() };
    let bare = Ledger::new(&broker.connect(&Role::Gateway).await);
    bare.submit(&"web-1".parse().unwrap(), &run).await.unwrap();
    let output = ogent(&["verify", "--since", "1h"], &variables).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("WRONG   by-hand  COMMANDS 2: it is not signed"), "{}", said(&output));
}
