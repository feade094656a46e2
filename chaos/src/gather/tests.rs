use std::time::Duration;

use ogent_broker::permissions::{Role, inbox_prefix};
use ogent_testkit::{TestAgent, TestBroker, TestGateway, wait_until};
use reqwest::Method;
use serde_json::json;

use super::*;
use crate::evidence::{ClientEvent, ClientLine, Record, Told};

/// Runs a line on an agent and writes down that it was accepted.
async fn run(gateway: &TestGateway, evidence: &Evidence, line: &str) {
    let path = "/agents/web-1/execute";
    let body = wait_until("the agent", Duration::from_secs(20), async || {
        let (status, body) = gateway.post(path, json!({"command": line})).await;
        (status == 200).then_some(body)
    })
    .await;
    let command = body["id"].as_str().unwrap().parse().unwrap();
    let event = ClientEvent::Accepted { nonce: line.to_owned(), command, latency_us: 1, outcome: None, tries: 1 };
    evidence.log("client.jsonl").unwrap().write(&ClientLine { at: 1, event });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_and_told_is_written_down() {
    let broker = TestBroker::start().await;
    let agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    let dir = tempfile::tempdir().unwrap();
    let evidence = Evidence::at(dir.path());
    run(&gateway, &evidence, "echo hello").await;
    run(&gateway, &evidence, "echo a; sleep 0.3; echo b").await;
    let options = GatherOptions {
        nats_url: broker.url(),
        nats_creds: broker.creds(&Role::Gateway),
        // Nobody listens at the second one.
        gateways: vec![gateway.url.clone(), "http://127.0.0.1:9".to_owned()],
        password: "correct horse battery".to_owned(),
        evidence: evidence.clone(),
        limit: Duration::from_secs(3),
    };
    let (commands, results) = ledger::dump_with(&options, &inbox_prefix(&Role::Gateway)).await.unwrap();
    let told = ask::all(&options).await.unwrap();
    assert_eq!((commands, told), (2, 4));
    assert!(results >= 6, "{results} events");
    is_held(&evidence, results);
    is_told(&evidence);
    let (status, _) = gateway.get("/commands").await;
    assert_eq!(status, 200, "{} {}", Method::GET, "/commands");
    agent.stop().await;
    gateway.stop().await;
}

fn is_held(evidence: &Evidence, results: usize) {
    let ledger: Vec<Record> = evidence.read("ledger.jsonl").unwrap();
    let of = |stream: &str| ledger.iter().filter(|record| record.stream == stream).collect::<Vec<_>>();
    let sequences: Vec<u64> = of("RESULTS").iter().map(|record| record.sequence).collect();
    assert_eq!(sequences, (1..=results as u64).collect::<Vec<_>>());
    let age = crate::evidence::now() - of("COMMANDS")[0].at;
    assert!((0..60_000_000).contains(&age), "stored {age} µs ago");
    assert_eq!(of("COMMANDS")[0].payload["command"], "echo hello");
}

fn is_told(evidence: &Evidence) {
    let told: Vec<Told> = evidence.read("gateways.jsonl").unwrap();
    let (answered, silent): (Vec<Told>, Vec<Told>) = told.into_iter().partition(|told| told.gateway == 0);
    assert!(silent.iter().all(|told| told.status.starts_with("no answer") && told.numbers.is_empty()), "{silent:?}");
    let hello = answered.iter().find(|told| told.stdout_bytes == 6).unwrap();
    assert_eq!(hello.status, "succeeded");
    // sha256sum of "hello\n".
    assert_eq!(hello.stdout_sha256, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    let longer = answered.iter().find(|told| told.stdout_bytes == 4).unwrap();
    assert_eq!(longer.numbers, (0..longer.numbers.len() as u64).collect::<Vec<_>>());
    assert!(longer.numbers.len() >= 4, "{longer:?}");
}
