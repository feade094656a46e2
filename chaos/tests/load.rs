//! The load client: against real parts, and against a gateway that leaves it in doubt.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "load/gateway.rs"]
mod gateway;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use ogent_broker::permissions::Role;
use ogent_chaos::evidence::{ClientEvent, ClientLine, Evidence, Way, Witnessed};
use ogent_chaos::load::{Load, LoadOptions};
use ogent_chaos::readers::{Reader, Slow};
use ogent_testkit::{TestAgent, TestBroker, TestGateway, wait_until};
use tempfile::TempDir;

use gateway::DoubtfulGateway;

fn options(broker: &TestBroker, dir: &Path, urls: Vec<String>) -> LoadOptions {
    let evidence = Evidence::at(dir);
    LoadOptions {
        urls,
        password: "correct horse battery".to_owned(),
        nats_url: broker.url(),
        person_creds: broker.creds(&Role::Person),
        agents: vec!["web-1".parse().unwrap()],
        witness: env!("CARGO_BIN_EXE_ogent-witness").into(),
        witness_file: evidence.path("witness.jsonl"),
        evidence,
        seed: 7,
        commands_per_second: 25.0,
    }
}

/// What became of each wish, and that it was one thing.
fn settled(dir: &Path) -> HashMap<String, (Way, ClientEvent)> {
    let mut offers = HashMap::new();
    let mut settled = HashMap::new();
    for line in Evidence::at(dir).read::<ClientLine>("client.jsonl").unwrap() {
        let event = line.event;
        match &event {
            ClientEvent::Offer { nonce, way, .. } => assert!(offers.insert(nonce.clone(), *way).is_none()),
            ClientEvent::Accepted { nonce, .. }
            | ClientEvent::Refused { nonce, .. }
            | ClientEvent::Unknown { nonce, .. } => {
                let way = offers.remove(nonce).expect("an offer, once, before its answer");
                settled.insert(nonce.clone(), (way, event));
            }
            ClientEvent::Cancelled { .. } | ClientEvent::Followed { .. } => {}
        }
    }
    assert!(offers.is_empty(), "without an answer: {offers:?}");
    settled
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_witnessed_and_written_down() {
    let broker = TestBroker::start().await;
    let agent = TestAgent::start(&broker, "web-1").await;
    let (one, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let dir = TempDir::new().unwrap();
    let load = Load::connect(options(&broker, dir.path(), vec![one.url.clone(), other.url.clone()])).await.unwrap();
    assert!(load.probe(1, &agent.id, Duration::from_secs(20)).await.is_some());
    load.begin();
    let readers = Slow::ALL.map(|slow| Reader::start(slow, &load, 0, &agent.id));
    wait_until("a hundred commands", Duration::from_secs(60), async || (load.tally().accepted > 100).then_some(()))
        .await;
    wait_until("slow readers", Duration::from_secs(20), async || {
        readers.iter().all(|reader| reader.connections() > 0 && reader.bytes() > 0).then_some(())
    })
    .await;
    drop(readers);
    load.stop().await;
    wait_until("all ends", Duration::from_secs(60), async || load.unfinished().await.is_empty().then_some(())).await;

    let settled = settled(dir.path());
    assert!(settled.values().all(|(_, event)| matches!(event, ClientEvent::Accepted { .. })), "{settled:?}");
    assert_eq!(settled.len() as u64, load.tally().offered);
    let witnessed: Vec<Witnessed> = Evidence::at(dir.path()).read("witness.jsonl").unwrap();
    for line in &witnessed {
        let (_, ClientEvent::Accepted { command, .. }) = &settled[&line.nonce] else { unreachable!() };
        assert_eq!(command, &line.command);
    }
    assert!(witnessed.len() > 150, "{} lines", witnessed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_counts_only_without_a_doubt() {
    let broker = TestBroker::start().await;
    let gateway = DoubtfulGateway::start().await;
    let dir = TempDir::new().unwrap();
    let load = Load::start(options(&broker, dir.path(), vec![gateway.url()])).await.unwrap();
    wait_until("fifty answers", Duration::from_secs(60), async || {
        let tally = load.tally();
        (tally.accepted + tally.refused > 50).then_some(())
    })
    .await;
    load.stop().await;

    for (nonce, (way, event)) in settled(dir.path()) {
        match (way, DoubtfulGateway::is_in_doubt(&nonce), event) {
            (Way::Nats, _, ClientEvent::Refused { code, .. }) => assert_eq!(code, "no_responders"),
            (_, true, ClientEvent::Accepted { tries, .. }) => assert_eq!(tries, 3),
            (_, false, ClientEvent::Refused { code, status, .. }) => {
                assert_eq!((code.as_str(), status), ("agent_offline", 409));
            }
            other => panic!("{nonce}: {other:?}"),
        }
    }
}
