//! Signed intents and signed events, seen by those who may publish but do not have the key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_agent::TrustMode;
use ogent_broker::credentials::SignerRole;
use ogent_broker::ledger::{Claim, Ledger, Submission};
use ogent_broker::permissions::Role;
use ogent_broker::sign::proof::{End, Proof, Report};
use ogent_broker::sign::{Signer, Verifier};
use ogent_broker::{StoredEvent, WatchStart};
use ogent_protocol::event::{Accepted, Finished, Origin};
use ogent_protocol::rest::EvidencePage;
use ogent_protocol::signature::{Purpose, SignerRole as Signs};
use ogent_protocol::{
    AgentId, Approval, Cancel, Cause, CommandId, EventKind, Intent, IntentWire, Link, Outcome, ProposalEvent,
    ProposalKind, Run, approval,
};
use ogent_testkit::{TestAgent, TestBroker, TestGateway, TestKeys, wait_until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// A broker, an agent that takes only what is signed, and the keys.
struct Place {
    broker: TestBroker,
    keys: TestKeys,
    _agent: TestAgent,
}

impl Place {
    async fn new() -> Self {
        Self::with_persons(&[]).await
    }

    async fn with_persons(persons: &[&str]) -> Self {
        let (broker, keys) = (TestBroker::start().await, TestKeys::new());
        let agent = strict(&broker, &keys, "web-1", persons).await;
        Self { broker, keys, _agent: agent }
    }

    /// The ledger as a gateway sees it, with or without its signing key.
    async fn ledger(&self, signer: Option<Signer>) -> Ledger {
        Ledger::new(&self.broker.connect(&Role::Gateway).await).signed(signer)
    }

    async fn gateway(&self) -> Ledger {
        self.ledger(Some(self.keys.signer(SignerRole::Gateway, "gw"))).await
    }

    /// What a direct message with that seal is answered.
    async fn ask(&self, payload: &[u8], signer: Option<&Signer>) -> Value {
        let client = self.broker.client(&Role::Person).await;
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in signer.iter().flat_map(|signer| sealed(signer, payload)) {
            headers.insert(name, value.as_str());
        }
        let answer = client.request_with_headers("agents.web-1.exec".to_owned(), headers, payload.to_vec().into());
        let answer = tokio::time::timeout(LIMIT, answer).await.expect("no answer").unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }

    async fn prove(&self, id: &CommandId) -> Report {
        let ledger = self.ledger(None).await;
        prove(&self.keys, &ledger.evidence(&web(), id, None).await.unwrap())
    }
}

async fn strict(broker: &TestBroker, keys: &TestKeys, id: &str, persons: &[&str]) -> TestAgent {
    TestAgent::start_with(broker, id, |config| {
        config.trust.mode = TrustMode::Signed;
        config.trust.keys = Some(keys.trust());
        config.trust.persons = persons.iter().map(|&person| person.to_owned()).collect();
        config.trust.signer = Some(keys.signer(SignerRole::Agent, id));
    })
    .await
}

fn web() -> AgentId {
    "web-1".parse().unwrap()
}

fn sealed(signer: &Signer, payload: &[u8]) -> Vec<(&'static str, String)> {
    signer.seal(Purpose::Intent, payload, None).unwrap().headers()
}

fn prove(keys: &TestKeys, page: &EvidencePage) -> Report {
    assert_eq!(page.next, None);
    let mut proof = Proof::new(Verifier::new(keys.trust()), page.command.clone());
    page.records.iter().for_each(|record| proof.see(record));
    proof.finish(Timestamp::now())
}

fn problem(report: &Report) -> &str {
    &report.misfit.as_ref().unwrap_or_else(|| panic!("all fits: {report:?}")).problem
}

fn wire(command: &str) -> IntentWire {
    IntentWire {
        id: Some(CommandId::generate()),
        agent: Some(web()),
        command: Some(command.to_owned()),
        not_after: Some(Timestamp::now() + SignedDuration::from_mins(5)),
        requested_by: Some("alice".to_owned()),
        requested_at: Some(Timestamp::now()),
        ..IntentWire::default()
    }
}

fn run(command: &str) -> Run {
    match wire(command).admit(|| unreachable!()).unwrap() {
        Intent::Run(run) => *run,
        Intent::Cancel(_) => unreachable!(),
    }
}

fn bytes(wire: &IntentWire) -> Vec<u8> {
    serde_json::to_vec(wire).unwrap()
}

async fn end_of(ledger: &Ledger, id: &CommandId) -> (Vec<StoredEvent>, Finished) {
    let mut watch = ledger.watch(&web(), id, WatchStart::From(0)).await.unwrap();
    let mut events = Vec::new();
    loop {
        let next = tokio::time::timeout(LIMIT, watch.next()).await.expect("no end in time").unwrap();
        events.push(next.clone());
        if let EventKind::Finished(end) = next.event.kind {
            return (events, *end);
        }
    }
}

/// Submits a command and gives its end.
async fn through(ledger: &Ledger, run: &Run) -> Finished {
    assert!(matches!(ledger.submit(&web(), run).await.unwrap(), Submission::New { .. }));
    end_of(ledger, &run.id).await.1
}

fn is_refused(end: &Finished, code: &str) {
    assert_eq!((end.outcome, end.cause), (Outcome::Rejected, Some(Cause::Signature)), "{code}: {end:?}");
    let message = end.message.as_deref().unwrap();
    assert!(message.starts_with(&format!("{code}: ")), "{code}: {message}");
}

#[tokio::test]
async fn what_a_gateway_signs_runs_and_its_history_is_proved() {
    let (broker, keys) = (TestBroker::start().await, TestKeys::new());
    let _agent = strict(&broker, &keys, "web-1", &[]).await;
    let signer = keys.signer(SignerRole::Gateway, "gw-7");
    let gateway = TestGateway::start_with(&broker, |config| {
        config.signer = Some(signer.clone());
        config.trust = Some(keys.trust());
    })
    .await;
    let (status, body) = gateway.post("/agents/web-1/execute", json!({"command": "echo hello; sleep 0.3"})).await;
    assert_eq!((status, &body["stdout"]), (200, &json!("hello\n")), "{body}");
    let id: CommandId = body["id"].as_str().unwrap().parse().unwrap();
    let (status, page) = gateway.get(&format!("/commands/{id}/evidence")).await;
    assert_eq!(status, 200, "{page}");
    let page: EvidencePage = serde_json::from_value(page).unwrap();
    let report = prove(&keys, &page);
    assert_eq!((&report.misfit, report.end), (&None, End::Ended(Outcome::Succeeded)), "{report:?}");
    let asked = &report.steps[0];
    assert_eq!((asked.signed_by.clone(), asked.signed_by.role), (signer.who(), Signs::Gateway));
    assert!(asked.what.contains("admin") && asked.what.contains("echo hello"), "{}", asked.what);
    assert!(report.steps[1].what.contains("has checked gw-7's signature"), "{report:?}");
    assert!(report.steps.iter().skip(1).all(|step| step.signed_by.name == "web-1"));
    // Any byte of any record, not only in theory.
    for at in 0..page.records.len() {
        let payload = page.records[at].bytes().unwrap();
        for place in (0..payload.len()).step_by(payload.len() / 7 + 1) {
            let (mut page, mut payload) = (page.clone(), payload.clone());
            payload[place] ^= 1;
            page.records[at].payload = ogent_protocol::rest::EvidenceRecord::encode(&payload);
            assert!(prove(&keys, &page).misfit.is_some(), "byte {place} of record {at}");
        }
        let mut fewer = page.clone();
        fewer.records.remove(at);
        let report = prove(&keys, &fewer);
        assert!(report.misfit.is_some() || report.end == End::Open, "without record {at}: {report:?}");
    }
}

#[tokio::test]
async fn who_may_publish_but_has_no_key_runs_nothing_through_the_ledger() {
    let place = Place::new().await;
    let foreign = TestKeys::new();
    let now = Timestamp::now();
    let over = |role, name| {
        let (from, until) = (now - SignedDuration::from_hours(9), now - SignedDuration::from_hours(1));
        Signer::new(place.keys.file_between(role, name, from, until))
    };
    let cases = [
        (None, "unsigned"),
        (Some(foreign.signer(SignerRole::Gateway, "gw")), "untrusted_signer"),
        (Some(place.keys.signer(SignerRole::Agent, "web-1")), "not_allowed"),
        (Some(place.keys.signer(SignerRole::Person, "alice")), "untrusted_signer"),
        (Some(over(SignerRole::Gateway, "gw")), "expired_certificate"),
    ];
    for (signer, code) in cases {
        let file = tempfile::NamedTempFile::new().unwrap();
        let ledger = place.ledger(signer).await;
        let run = run(&format!("echo ran >> {}", file.path().display()));
        is_refused(&through(&ledger, &run).await, code);
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "", "{code}");
        let report = place.prove(&run.id).await;
        match code {
            // Whether somebody takes alice's orders, each agent says for itself: its event tells of it.
            "untrusted_signer" if report.misfit.is_none() => assert_eq!(report.end, End::Ended(Outcome::Rejected)),
            _ => assert_eq!(report.misfit.as_ref().unwrap().stream.as_deref(), Some("COMMANDS"), "{report:?}"),
        }
    }
    // The same agent does what the gateway signs; what it leaves out is not enough.
    let gateway = place.gateway().await;
    assert_eq!(through(&gateway, &run("true")).await.outcome, Outcome::Succeeded);
    is_refused(&through(&gateway, &Run { not_after: None, ..run("true") }).await, "incomplete");
    is_refused(&through(&gateway, &Run { agent: None, ..run("true") }).await, "incomplete");
    let later = |days: i64| Some(Timestamp::now() + SignedDuration::from_hours(24 * days));
    is_refused(&through(&gateway, &Run { not_after: later(9), ..run("true") }).await, "too_long");
    is_refused(&through(&gateway, &Run { requested_at: later(1), ..run("true") }).await, "not_yet");
    // What was asked for in time and waited too long ends as it always has.
    let stale = through(&gateway, &Run { not_after: later(-1), ..run("true") }).await;
    assert_eq!((stale.outcome, stale.cause), (Outcome::Expired, Some(Cause::TooLate)));
}

#[tokio::test]
async fn direct_messages_pass_the_same_check() {
    let place = Place::with_persons(&["alice"]).await;
    let gateway = place.keys.signer(SignerRole::Gateway, "gw");
    let alice = place.keys.signer(SignerRole::Person, "alice");
    let good = bytes(&wire("echo hi"));
    let code = |answer: Value| answer["code"].as_str().map(str::to_owned).unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(code(place.ask(&good, None).await), "unsigned");
    let signers = [
        (place.keys.signer(SignerRole::Person, "bob"), "untrusted_signer"),
        (place.keys.signer(SignerRole::Agent, "web-1"), "not_allowed"),
        (TestKeys::new().signer(SignerRole::Gateway, "gw"), "untrusted_signer"),
    ];
    for (signer, expected) in &signers {
        assert_eq!(code(place.ask(&good, Some(signer)).await), *expected);
    }
    let past = Some(Timestamp::now() - SignedDuration::from_mins(1));
    let far = Some(Timestamp::now() + SignedDuration::from_hours(24 * 9));
    let hash = approval::hash(&web(), &run("true"));
    let approval = Some(Approval { by: "bob".into(), at: Timestamp::now(), reason: None, hash });
    let cases = [
        (IntentWire { not_after: past, ..wire("true") }, "stale"),
        (IntentWire { not_after: far, ..wire("true") }, "too_long"),
        (IntentWire { requested_at: far, ..wire("true") }, "not_yet"),
        (IntentWire { not_after: None, ..wire("true") }, "incomplete"),
        (IntentWire { agent: None, ..wire("true") }, "incomplete"),
        (IntentWire { id: None, ..wire("true") }, "incomplete"),
        (IntentWire { agent: Some("web-2".parse().unwrap()), ..wire("true") }, "foreign_message"),
        (IntentWire { requested_by: Some("bob".into()), ..wire("true") }, "not_allowed"),
        (IntentWire { approval, ..wire("true") }, "not_allowed"),
    ];
    for (wire, expected) in cases {
        assert_eq!(code(place.ask(&bytes(&wire), Some(&alice)).await), expected, "{wire:?}");
    }
    // A byte that was changed after it was signed; and what was signed as something else.
    let client = place.broker.client(&Role::Person).await;
    for (payload, purpose) in [(&b"echo ho"[..], Purpose::Intent), (b"echo hi", Purpose::Event)] {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in alice.seal(purpose, &good, None).unwrap().headers() {
            headers.insert(name, value.as_str());
        }
        let text = String::from_utf8(good.clone()).unwrap();
        let payload = text.replace("echo hi", std::str::from_utf8(payload).unwrap());
        let answer = client.request_with_headers("agents.web-1.exec", headers, payload.into()).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&answer.payload).unwrap()["code"], "bad_signature");
    }
    // And what counts: kept byte by byte, with its signature, and proved.
    for signer in [&gateway, &alice] {
        let wire = wire("echo hi");
        let answer = place.ask(&bytes(&wire), Some(signer)).await;
        assert_eq!(answer["stdout"], "hi\n", "{answer}");
        let report = place.prove(&wire.id.clone().unwrap()).await;
        assert_eq!((&report.misfit, report.end), (&None, End::Ended(Outcome::Succeeded)));
        assert_eq!(report.steps[0].signed_by, signer.who());
        // Shown again, it is known.
        assert_eq!(code(place.ask(&bytes(&wire), Some(signer)).await), "command_exists");
    }
}

/// The headers by which the ledger's bell is known; anybody may write them who may publish there.
fn bell(id: &CommandId, sequence: u64) -> async_nats::HeaderMap {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Stream", "COMMANDS");
    headers.insert("Nats-Subject", format!("commands.web-1.{id}").as_str());
    headers.insert("Nats-Sequence", sequence.to_string().as_str());
    headers
}

#[tokio::test]
async fn a_gateway_signs_only_what_a_gateway_has_written_down_as_approved() {
    let (broker, keys) = (TestBroker::start().await, TestKeys::new());
    let _agent = strict(&broker, &keys, "web-1", &[]).await;
    let gateway = TestGateway::start_with(&broker, |config| {
        config.signer = Some(keys.signer(SignerRole::Gateway, "gw"));
        config.trust = Some(keys.trust());
    })
    .await;
    let bob = TestGateway::token_of("bob");
    let ask = async || {
        let (_, body) = gateway.post("/agents/web-1/execute?wait=0", json!({"command": "echo hi", "ask": true})).await;
        assert_eq!(body["status"], "awaiting_approval", "{body}");
        body["id"].as_str().unwrap().parse::<CommandId>().unwrap()
    };
    // Somebody who may write into the ledger, but has no key, approves in bob's name.
    let bare = Ledger::new(&broker.connect(&Role::Gateway).await);
    let id = ask().await;
    let record = bare.proposal(&id).await.unwrap().unwrap();
    let (by, at, hash) = ("bob".to_owned(), Timestamp::now(), record.hash.clone().unwrap());
    let kind = ProposalKind::Approved(Approval { by, at, reason: None, hash });
    let forged = ProposalEvent { agent: web(), command: id.clone(), n: 1, time: at, kind };
    assert!(bare.decide(&record, &forged).await.unwrap());
    assert_eq!(bare.proposal(&id).await.unwrap().unwrap().state.name(), "approved", "who believes the broker, does");
    for _ in 0..2 {
        let (status, body) = gateway.get(&format!("/commands/{id}")).await;
        assert_eq!((status, &body["status"]), (200, &json!("awaiting_approval")), "{body}");
    }
    assert!(bare.find(&id).await.unwrap().is_none(), "it was not sent");
    // Bob himself still can; that somebody has written into the history stays to be seen.
    let approve = async |id: &CommandId| gateway.post_as(&bob, &format!("/commands/{id}/approve"), json!({})).await;
    let (status, body) = approve(&id).await;
    assert_eq!(status, 202, "{body}");
    assert_eq!(end_of(&bare, &id).await.1.outcome, Outcome::Succeeded);
    assert_eq!(problem(&prove(&keys, &bare.evidence(&web(), &id, None).await.unwrap())), "it is not signed");
    // Undisturbed, all of it is proved.
    let id = ask().await;
    assert_eq!(approve(&id).await.0, 202);
    assert_eq!(end_of(&bare, &id).await.1.outcome, Outcome::Succeeded);
    let report = prove(&keys, &bare.evidence(&web(), &id, None).await.unwrap());
    assert_eq!((&report.misfit, report.end), (&None, End::Ended(Outcome::Succeeded)), "{report:?}");
    assert_eq!(report.steps[1].what, "approved by bob");
    assert!(report.steps[2].what.starts_with("asked for by admin, approved by bob: echo hi"), "{report:?}");
}

#[tokio::test]
async fn a_made_up_bell_neither_runs_nor_ends_anything() {
    let place = Place::new().await;
    let client = place.broker.client(&Role::Person).await;
    let gateway = place.gateway().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    // Before the real one comes: with its name, an unsigned payload, and one that is none.
    let real = run("echo real");
    let forged = Run { program: run(&format!("echo forged >> {}", file.path().display())).program, ..real.clone() };
    let forged = serde_json::to_vec(&Intent::Run(Box::new(forged)).to_wire()).unwrap();
    for payload in [forged.clone(), b"nonsense".to_vec()] {
        client.publish_with_headers("agents.web-1.exec", bell(&real.id, 1), payload.into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert!(matches!(gateway.submit(&web(), &real).await.unwrap(), Submission::New { .. }));
    let (_, end) = end_of(&gateway, &real.id).await;
    assert_eq!(end.outcome, Outcome::Succeeded, "{end:?}");
    // And after it has ended.
    client.publish_with_headers("agents.web-1.exec", bell(&real.id, 999), forged.into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(through(&gateway, &run("true")).await.outcome, Outcome::Succeeded);
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "");
    assert_eq!(place.prove(&real.id).await.misfit, None);
}

#[tokio::test]
async fn a_cancellation_counts_only_if_signed() {
    let place = Place::new().await;
    let (gateway, unsigned) = (place.gateway().await, place.ledger(None).await);
    let run = run("sleep 300");
    assert!(matches!(gateway.submit(&web(), &run).await.unwrap(), Submission::New { .. }));
    wait_until("its start", LIMIT, async || {
        let last = gateway.last_event(&web(), &run.id).await.unwrap();
        matches!(last.map(|last| last.event.kind), Some(EventKind::Started(_))).then_some(())
    })
    .await;
    let cancel = Cancel {
        id: run.id.clone(),
        agent: None,
        requested_by: Some("mallory".into()),
        requested_at: None,
        reason: None,
    };
    let payload = bytes(&Intent::Cancel(Cancel { agent: Some(web()), ..cancel.clone() }).to_wire());
    assert_eq!(place.ask(&payload, None).await["code"], "unsigned");
    let record = unsigned.find(&run.id).await.unwrap().unwrap();
    unsigned.cancel(&record, &cancel).await.unwrap();
    // What comes after it has been heard by then, and it still runs.
    assert_eq!(through(&gateway, &self::run("true")).await.outcome, Outcome::Succeeded);
    let last = gateway.last_event(&web(), &run.id).await.unwrap().unwrap();
    assert!(matches!(last.event.kind, EventKind::Started(_)), "{last:?}");
    let by = |name: &str| Cancel { requested_by: Some(name.into()), ..cancel.clone() };
    // Who knows the keys sees that nobody who counts has asked for its end so far.
    let checked = gateway.clone().checked(Some(Verifier::new(place.keys.trust())));
    let record = checked.find(&run.id).await.unwrap().unwrap();
    assert_eq!(record.cancel, None);
    gateway.cancel(&record, &by("alice")).await.unwrap();
    let (_, end) = end_of(&gateway, &run.id).await;
    assert_eq!((end.outcome, end.message.as_deref()), (Outcome::Cancelled, Some("cancelled by alice")));
    // The history shows that somebody else has written into it.
    assert_eq!(problem(&place.prove(&run.id).await), "it is not signed");
}

#[tokio::test]
async fn a_cancellation_that_comes_straight_is_kept_and_proved() {
    let place = Place::with_persons(&["alice"]).await;
    let (gateway, alice) = (place.gateway().await, place.keys.signer(SignerRole::Person, "alice"));
    let run = run("sleep 300");
    assert!(matches!(gateway.submit(&web(), &run).await.unwrap(), Submission::New { .. }));
    wait_until("its start", LIMIT, async || {
        let last = gateway.last_event(&web(), &run.id).await.unwrap();
        matches!(last.map(|last| last.event.kind), Some(EventKind::Started(_))).then_some(())
    })
    .await;
    let by = Some("alice".to_owned());
    let cancel = Cancel { id: run.id.clone(), agent: Some(web()), requested_by: by, requested_at: None, reason: None };
    let payload = bytes(&Intent::Cancel(cancel).to_wire());
    assert_eq!(place.ask(&payload, Some(&alice)).await, json!({"cancelling": true}));
    assert_eq!(end_of(&gateway, &run.id).await.1.outcome, Outcome::Cancelled);
    wait_until("the proof", LIMIT, async || {
        let report = place.prove(&run.id).await;
        (report.misfit.is_none() && report.end == End::Ended(Outcome::Cancelled)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_another_tells_of_an_agents_command_does_not_fit() {
    let (broker, keys) = (TestBroker::start().await, TestKeys::new());
    let gateway = keys.signer(SignerRole::Gateway, "gw");
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await).signed(Some(gateway.clone()));
    let web_1 = broker.connect(&Role::Agent(web())).await;
    let who = |role, name| Some(keys.signer(role, name));
    let cases: [(Option<Signer>, bool, &str); 5] = [
        (who(SignerRole::Agent, "web-1"), true, ""),
        (who(SignerRole::Agent, "web-1"), false, "does not follow"),
        (who(SignerRole::Agent, "web-2"), true, "only the agent web-1"),
        (who(SignerRole::Gateway, "web-1"), true, "only the agent web-1"),
        (None, true, "it is not signed"),
    ];
    for (signer, is_tied, expected) in cases {
        let run = run("true");
        ledger.submit(&web(), &run).await.unwrap();
        let page = ledger.evidence(&web(), &run.id, None).await.unwrap();
        let link = Link::to(&page.records[0].bytes().unwrap());
        let link = if is_tied { link } else { Link::to(b"something else") };
        let accepted = Accepted {
            intent: run.clone(),
            origin: Origin::Ledger,
            instance: "clone".into(),
            signed_by: Some(gateway.who()),
            verdict: None,
            ruling: None,
        };
        let writes = Ledger::new(&web_1).signed(signer);
        let claim = writes.claim(&web(), &run.id, "clone", Some(link), EventKind::Accepted(Box::new(accepted))).await;
        let Ok(Claim::Won(mut writer)) = claim else { panic!("{claim:?}") };
        let end = Finished::without_process(Outcome::Succeeded, Cause::Other, "told");
        writer.append(EventKind::Finished(Box::new(end))).await.unwrap();
        let report = prove(&keys, &ledger.evidence(&web(), &run.id, None).await.unwrap());
        match expected {
            "" => assert_eq!((&report.misfit, report.end), (&None, End::Ended(Outcome::Succeeded))),
            expected => {
                assert!(problem(&report).contains(expected), "{expected}: {report:?}");
                assert_eq!(report.misfit.unwrap().stream.as_deref(), Some("RESULTS"));
            }
        }
    }
}

#[tokio::test]
async fn what_a_life_left_open_is_ended_in_the_same_chain() {
    let (broker, keys) = (TestBroker::start().await, TestKeys::new());
    let dir = tempfile::TempDir::new().unwrap();
    let start = async || {
        TestAgent::start_with(&broker, "web-1", |config| {
            config.state_dir = dir.path().to_owned();
            config.trust.mode = TrustMode::Signed;
            config.trust.keys = Some(keys.trust());
            // Each life with another key: the last one was renewed meanwhile.
            config.trust.signer = Some(keys.signer(SignerRole::Agent, "web-1"));
        })
        .await
    };
    let gateway = keys.signer(SignerRole::Gateway, "gw");
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await).signed(Some(gateway));
    let agent = start().await;
    let run = run("echo before; sleep 300");
    ledger.submit(&web(), &run).await.unwrap();
    wait_until("its output", LIMIT, async || {
        let last = ledger.last_event(&web(), &run.id).await.unwrap();
        matches!(last.map(|last| last.event.kind), Some(EventKind::Output(_))).then_some(())
    })
    .await;
    agent.crash().await;
    let _next = start().await;
    let (_, end) = end_of(&ledger, &run.id).await;
    assert_eq!(end.outcome, Outcome::Lost);
    let report = prove(&keys, &ledger.evidence(&web(), &run.id, None).await.unwrap());
    assert_eq!((&report.misfit, report.end), (&None, End::Ended(Outcome::Lost)), "{report:?}");
}

#[tokio::test]
async fn who_trusts_the_broker_takes_both_and_says_which() {
    let (broker, keys) = (TestBroker::start().await, TestKeys::new());
    let _agent = TestAgent::start_with(&broker, "web-1", |config| config.trust.keys = Some(keys.trust())).await;
    let gateway = keys.signer(SignerRole::Gateway, "gw");
    let bare = Ledger::new(&broker.connect(&Role::Gateway).await);
    for (signer, by) in [(None, None), (Some(gateway.clone()), Some(gateway.who()))] {
        let (ledger, run) = (bare.clone().signed(signer), run("true"));
        assert_eq!(through(&ledger, &run).await.outcome, Outcome::Succeeded);
        let (events, _) = end_of(&ledger, &run.id).await;
        let EventKind::Accepted(accepted) = &events[0].event.kind else { panic!("{events:?}") };
        assert_eq!(accepted.signed_by, by);
        // Tied together even where nobody signs.
        let page = ledger.evidence(&web(), &run.id, None).await.unwrap();
        assert_eq!(events[0].event.previous, Some(Link::to(&page.records[0].bytes().unwrap())));
        assert_eq!(problem(&prove(&keys, &page)), "it is not signed");
    }
}
