//! What an agent does with a command, seen from the ledger.

use std::time::Duration;

use ogent_broker::ledger::{Ledger, Submission};
use ogent_broker::permissions::Role;
use ogent_broker::{StoredEvent, WatchStart};
use ogent_protocol::event::Finished;
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{AgentId, CommandId, EventKind, Intent, IntentWire, Lifecycle, Outcome, Run};
use ogent_testkit::{TestAgent, TestBroker};

const LIMIT: Duration = Duration::from_secs(20);

fn run(agent: &str, wire: IntentWire) -> Run {
    let wire = IntentWire { agent: Some(agent.parse().unwrap()), ..wire };
    match wire.admit(CommandId::generate).unwrap() {
        Intent::Run(run) => *run,
        Intent::Cancel(_) => unreachable!(),
    }
}

fn line(command: &str) -> IntentWire {
    IntentWire { command: Some(command.to_owned()), ..IntentWire::default() }
}

/// Submits a command and gives all its events, checked against the lifecycle.
async fn events(ledger: &Ledger, run: &Run) -> Vec<StoredEvent> {
    let agent: AgentId = run.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &run.id, WatchStart::Fresh).await.unwrap();
    assert!(matches!(ledger.submit(&agent, run).await.unwrap(), Submission::New { .. }));
    let (mut state, mut events) = (Lifecycle::default(), Vec::new());
    loop {
        let next = tokio::time::timeout(LIMIT, watch.next()).await.expect("no end in time").unwrap();
        assert_eq!(next.event.n, events.len() as u64);
        state = state.apply(&next.event.kind).unwrap();
        events.push(next);
        if state.status().is_final() {
            return events;
        }
    }
}

fn end(events: &[StoredEvent]) -> &Finished {
    match &events.last().unwrap().event.kind {
        EventKind::Finished(end) => end,
        other => panic!("the last event is {other:?}"),
    }
}

fn printed(events: &[StoredEvent]) -> (String, String) {
    let mut fold = ResultFold::new(usize::MAX);
    events.iter().for_each(|stored| fold.see(&stored.event.kind));
    let last = &events.last().unwrap().event;
    let result = fold.finish(&last.agent, &last.command, end(events));
    assert!(!result.truncated);
    let text = |blob: ogent_protocol::Blob| String::from_utf8(blob.as_bytes().to_vec()).unwrap();
    (text(result.stdout), text(result.stderr))
}

#[tokio::test]
async fn a_command_runs_and_is_recorded() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);

    let events = events(&ledger, &run("web-1", line("echo out; echo err >&2; exit 3"))).await;
    assert_eq!(printed(&events), ("out\n".to_owned(), "err\n".to_owned()));
    assert_eq!((end(&events).outcome, end(&events).exit_code), (Outcome::Failed, Some(3)));
    assert!(matches!(events[0].event.kind, EventKind::Accepted(_)));
}

#[tokio::test]
async fn every_outcome_is_told() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let argv = |argv: &[&str]| IntentWire {
        argv: Some(argv.iter().map(|&word| word.to_owned()).collect()),
        ..IntentWire::default()
    };
    let cases = [
        (line("true"), Outcome::Succeeded),
        (line("exit 1"), Outcome::Failed),
        (line("kill -9 $$"), Outcome::Signaled),
        (IntentWire { timeout_s: Some(0.2), ..line("sleep 60") }, Outcome::TimedOut),
        (argv(&["no-such-program"]), Outcome::Unspawnable),
        (IntentWire { cwd: Some("/no/such/folder".into()), ..line("true") }, Outcome::Unspawnable),
        (IntentWire { user: Some("no-such-user".into()), ..line("true") }, Outcome::Unspawnable),
        (IntentWire { execution_target: Some("ssh".parse().unwrap()), ..line("true") }, Outcome::Rejected),
        (IntentWire { not_after: Some("2020-01-01T00:00:00Z".parse().unwrap()), ..line("true") }, Outcome::Expired),
    ];
    for (wire, expected) in cases {
        let shown = format!("{wire:?}");
        let events = events(&ledger, &run("web-1", wire)).await;
        assert_eq!(end(&events).outcome, expected, "{shown}: {:?}", end(&events));
        let never_ran = matches!(expected, Outcome::Unspawnable | Outcome::Rejected | Outcome::Expired);
        assert_eq!(end(&events).started_at.is_none(), never_ran, "{shown}");
    }
}
