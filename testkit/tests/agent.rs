//! What an agent does with a command, seen from the ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use ogent_broker::ledger::{Claim, Ledger, Submission};
use ogent_broker::permissions::Role;
use ogent_broker::{StoredEvent, Watch, WatchStart};
use ogent_protocol::event::Finished;
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{AgentId, Cancel, CommandId, EventKind, Intent, IntentWire, Lifecycle, Outcome, Run};
use ogent_testkit::{TestAgent, TestBroker, wait_until};

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

/// Goes on to the end of a command.
async fn until_end(watch: &mut Watch, events: &mut Vec<StoredEvent>) {
    let is_over =
        |events: &[StoredEvent]| events.last().is_some_and(|last| matches!(last.event.kind, EventKind::Finished(_)));
    while !is_over(events) {
        events.push(tokio::time::timeout(LIMIT, watch.next()).await.expect("no end in time").unwrap());
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

#[tokio::test]
async fn cancelling_ends_the_whole_group() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    // Neither the command nor its grandchild heeds SIGTERM, and the grandchild holds the pipes.
    let run = run("web-1", line("trap '' TERM; (trap '' TERM; sleep 300) & echo $!; wait; wait"));
    let agent = run.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &run.id, WatchStart::Fresh).await.unwrap();
    ledger.submit(&agent, &run).await.unwrap();
    let (grandchild, mut events) = loop {
        let next = tokio::time::timeout(LIMIT, watch.next()).await.unwrap().unwrap();
        if let [chunk, ..] = next.event.kind.chunks() {
            break (std::str::from_utf8(chunk.data.as_bytes()).unwrap().trim().parse::<i32>().unwrap(), vec![next]);
        }
    };
    let record = ledger.find(&run.id).await.unwrap().unwrap();
    let cancel = Cancel {
        id: run.id.clone(),
        agent: Some(agent),
        requested_by: Some("alice".into()),
        requested_at: None,
        reason: Some("enough".into()),
    };
    ledger.cancel(&record, &cancel).await.unwrap();
    ledger.cancel(&record, &cancel).await.unwrap();
    until_end(&mut watch, &mut events).await;
    assert_eq!(end(&events).outcome, Outcome::Cancelled);
    assert_eq!(end(&events).message.as_deref(), Some("cancelled by alice: enough"));
    wait_until("the grandchild's end", LIMIT, async || is_gone(grandchild).then_some(())).await;
}

fn is_gone(pid: impl std::fmt::Display) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[tokio::test]
async fn a_daemon_that_is_left_behind_does_not_hold_the_command() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let events = events(&ledger, &run("web-1", line("sleep 30 & echo $!"))).await;
    assert_eq!(end(&events).outcome, Outcome::Succeeded);
    assert!(end(&events).left_running);
    let (daemon, _) = printed(&events);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon.trim().parse().unwrap()), nix::sys::signal::SIGKILL)
        .unwrap();
}

#[tokio::test]
async fn a_flood_is_cut_and_counted() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let wire = IntentWire { max_output_bytes: Some(1_000_000), ..line("head -c 5000000 /dev/zero | tr '\\0' x") };
    let events = events(&ledger, &run("web-1", wire)).await;
    let stdout = end(&events).stdout;
    assert_eq!((stdout.bytes, stdout.cut), (5_000_000, 4_000_000));
    assert_eq!(printed(&events).0, "x".repeat(1_000_000));
}

#[tokio::test]
async fn input_environment_and_folder_arrive_and_nothing_leaks() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let wire = IntentWire {
        stdin: Some("typed".into()),
        cwd: Some("/".into()),
        env: [("GREETING".to_owned(), "hi".to_owned())].into(),
        ..line("cat; pwd; echo $GREETING $OGENT_AGENT_ID; env | grep -c -e ^NEXTEST -e ^CARGO")
    };
    let events = events(&ledger, &run("web-1", wire)).await;
    assert_eq!(printed(&events).0, "typed/\nhi web-1\n0\n");
}

#[tokio::test]
async fn commands_over_the_limit_wait_unclaimed() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start_with(&broker, "web-1", |config| config.max_concurrent = 1).await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let (first, second) = (run("web-1", line("sleep 30")), run("web-1", line("echo two")));
    let agent = first.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &first.id, WatchStart::Fresh).await.unwrap();
    ledger.submit(&agent, &first).await.unwrap();
    watch.next().await.unwrap();
    ledger.submit(&agent, &second).await.unwrap();
    // Two round trips later, the second one has been heard, and has still not been claimed.
    ledger.find(&second.id).await.unwrap();
    assert_eq!(ledger.last_event(&agent, &second.id).await.unwrap(), None);
    let record = ledger.find(&first.id).await.unwrap().unwrap();
    let cancel = Cancel { id: first.id, agent: None, requested_by: None, requested_at: None, reason: None };
    ledger.cancel(&record, &cancel).await.unwrap();
    wait_until("the second command", LIMIT, async || {
        let last = ledger.last_event(&agent, &second.id).await.unwrap()?;
        matches!(last.event.kind, EventKind::Finished(_)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_asked_while_the_agent_was_away_runs_once_it_is_back() {
    let broker = TestBroker::start().await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let (wanted, unwanted) = (run("web-1", line("echo back")), run("web-1", line("echo never")));
    let agent = wanted.agent.clone().unwrap();
    for run in [&unwanted, &wanted] {
        ledger.submit(&agent, run).await.unwrap();
    }
    let record = ledger.find(&unwanted.id).await.unwrap().unwrap();
    let cancel = Cancel { id: unwanted.id.clone(), agent: None, requested_by: None, requested_at: None, reason: None };
    ledger.cancel(&record, &cancel).await.unwrap();
    let _agent = TestAgent::start(&broker, "web-1").await;
    for (run, outcome) in [(&wanted, Outcome::Succeeded), (&unwanted, Outcome::Cancelled)] {
        let mut watch = ledger.watch(&agent, &run.id, WatchStart::From(0)).await.unwrap();
        let mut events = Vec::new();
        until_end(&mut watch, &mut events).await;
        assert_eq!(end(&events).outcome, outcome);
        assert_eq!(end(&events).started_at.is_some(), outcome == Outcome::Succeeded);
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_ends_as_lost_and_runs_nothing_twice() {
    let broker = TestBroker::start().await;
    let dir = tempfile::TempDir::new().unwrap();
    let witness = dir.path().join("starts");
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let run = run("web-1", line(&format!("echo $$ >> {}; sleep 1000", witness.display())));
    let agent = run.agent.clone().unwrap();

    let first_life = TestAgent::start(&broker, "web-1").await;
    ledger.submit(&agent, &run).await.unwrap();
    wait_until("the start", LIMIT, async || std::fs::metadata(&witness).ok().filter(|file| file.len() > 0)).await;
    first_life.crash().await;
    let _second_life = TestAgent::start(&broker, "web-1").await;
    let last = wait_until("the end", LIMIT, async || {
        let last = ledger.last_event(&agent, &run.id).await.unwrap()?;
        matches!(last.event.kind, EventKind::Finished(_)).then_some(last)
    })
    .await;
    assert_eq!(end(&[last]).outcome, Outcome::Lost);
    let starts = std::fs::read_to_string(&witness).unwrap();
    assert_eq!(starts.lines().count(), 1);
    // Nobody watches over what is left any more.
    wait_until("the end of what was left", LIMIT, async || is_gone(starts.trim()).then_some(())).await;
}

#[tokio::test]
async fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let mut broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let run = run("web-1", line("for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done"));
    let agent = run.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &run.id, WatchStart::Fresh).await.unwrap();
    ledger.submit(&agent, &run).await.unwrap();
    let mut events = vec![tokio::time::timeout(LIMIT, watch.next()).await.unwrap().unwrap()];
    broker.restart().await;
    until_end(&mut watch, &mut events).await;
    assert_eq!(end(&events).outcome, Outcome::Succeeded);
    assert_eq!(printed(&events).0, "1\n2\n3\n4\n5\n6\n");
    assert!(events.iter().enumerate().all(|(n, stored)| stored.event.n == n as u64));
}

#[tokio::test]
async fn two_agents_with_one_id_are_one_too_many() {
    let broker = TestBroker::start().await;
    let dir = tempfile::TempDir::new().unwrap();
    let _first = TestAgent::start_with(&broker, "web-1", |config| config.state_dir = dir.path().to_owned()).await;
    let config = ogent_agent::AgentConfig {
        id: Some("web-1".parse().unwrap()),
        state_dir: dir.path().to_owned(),
        labels: Default::default(),
        max_concurrent: 1,
        kill_grace: Duration::from_secs(1),
        drain: Duration::ZERO,
        policy: Default::default(),
        broker: ogent_broker::BrokerArgs {
            nats_url: broker.url(),
            nats_nkey: None,
            nats_creds: None,
            nats_ca: None,
            nats_inbox_prefix: None,
            nats_api_prefix: None,
        },
    };
    let error = ogent_agent::Agent::build(config).await.err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
}

/// Everything that a rogue publisher may try is answered, seen, and starts nothing; the agent carries on.
#[tokio::test]
async fn nonsense_and_forgeries_are_refused() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let operator = broker.client(&Role::Person).await;
    let forged = |stream: &str, subject: &str| {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Stream", stream);
        headers.insert("Nats-Subject", subject);
        headers.insert("Nats-Sequence", "7");
        headers
    };
    let good = r#"{"id":"c1","command":"true"}"#;
    let mut wrong_type = async_nats::HeaderMap::new();
    wrong_type.insert("Content-Type", "image/png");
    let cases = [
        (async_nats::HeaderMap::new(), "{", "malformed_intent"),
        (async_nats::HeaderMap::new(), r#"{"command":"true","nonsense":1}"#, "malformed_intent"),
        (async_nats::HeaderMap::new(), r#"{"command":"true"} trailing"#, "malformed_intent"),
        (async_nats::HeaderMap::new(), r#"{"command":"true","agent":"web-2"}"#, "foreign_message"),
        (async_nats::HeaderMap::new(), r#"{"id":"a.b","command":"true"}"#, "malformed_intent"),
        (wrong_type, good, "malformed_intent"),
        (forged("RESULTS", "results.web-1.c1"), good, "foreign_message"),
        (forged("COMMANDS", "commands.web-2.c1"), good, "foreign_message"),
        (forged("COMMANDS", "commands.web-1.other"), good, "foreign_message"),
    ];
    let mut feed = ledger.follow_agent(&"web-1".parse().unwrap(), Some(0)).await.unwrap();
    for (headers, payload, code) in cases {
        let answer = operator.request_with_headers("agents.web-1.exec", headers, payload.into()).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(problem["code"], code, "{payload}: {problem}");
        let event = tokio::time::timeout(LIMIT, feed.next()).await.unwrap().unwrap();
        assert_eq!(end(&[event]).outcome, Outcome::Rejected, "{payload}");
    }
    let events = events(&ledger, &run("web-1", line("echo still here"))).await;
    assert_eq!(printed(&events).0, "still here\n");
}

/// A forged bell for a command that the ledger does not hold: it is put there before anything starts.
#[tokio::test]
async fn a_forged_bell_cannot_hide_a_command() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let operator = broker.client(&Role::Person).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Stream", "COMMANDS");
    headers.insert("Nats-Subject", "commands.web-1.hidden");
    headers.insert("Nats-Sequence", "7");
    operator
        .publish_with_headers("agents.web-1.exec", headers, r#"{"id":"hidden","command":"true"}"#.into())
        .await
        .unwrap();
    let id: CommandId = "hidden".parse().unwrap();
    wait_until("the record", LIMIT, async || ledger.find(&id).await.unwrap()).await;
}

#[tokio::test]
async fn direct_commands_are_answered_recorded_and_run_once() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let operator = broker.client(&Role::Person).await;
    let ask = async |payload: &'static str| -> serde_json::Value {
        let answer = operator.request("agents.web-1.exec", payload.into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    };
    let answer = ask(r#"{"id":"mine","command":"echo hello; exit 4"}"#).await;
    assert_eq!((answer["status"].as_str(), answer["exit_code"].as_i64()), (Some("failed"), Some(4)));
    assert_eq!(answer["stdout"], "hello\n");
    let record = ledger.find(&"mine".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.run.program.to_string(), "echo hello; exit 4");
    let again = ask(r#"{"id":"mine","command":"echo hello; exit 4"}"#).await;
    assert_eq!(again["code"], "command_exists");
}

#[tokio::test]
async fn messagepack_is_answered_in_messagepack() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let operator = broker.client(&Role::Person).await;
    let payload = rmp_serde::to_vec_named(&line("printf '\\377'")).unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Content-Type", "application/msgpack");
    let answer = operator.request_with_headers("agents.web-1.exec", headers, payload.into()).await.unwrap();
    assert_eq!(answer.headers.unwrap().get("Content-Type").unwrap().as_str(), "application/msgpack");
    let result: ogent_protocol::rest::CommandResult = rmp_serde::from_slice(&answer.payload).unwrap();
    assert_eq!(result.stdout.as_bytes(), [0xff]);
}

/// The broker answers wherever it is told to in the account of whoever asks. From the agents' account that leads nowhere;
/// and where something else in the account of the streams leads it, such records count for nothing.
#[tokio::test]
async fn no_agent_can_write_into_the_history_of_another() {
    let broker = TestBroker::start().await;
    let evil = broker.client(&Role::Agent("web-2".parse().unwrap())).await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let gateway = broker.client(&Role::Gateway).await;
    let lead = async |from: &'static str, to: String, payload: String| {
        let stream = from.split_once('.').unwrap().0.to_uppercase();
        evil.request(from, payload.into()).await.unwrap();
        let last = format!("$JS.API.DIRECT.GET.{stream}.{to}");
        let own = format!("LEDGER.API.DIRECT.GET.{stream}.{from}");
        evil.publish_with_reply(own.clone(), to.clone(), "".into()).await.unwrap();
        evil.request(own, "".into()).await.unwrap();
        let found = gateway.request(last.clone(), "".into()).await.unwrap();
        assert!(found.headers.is_none_or(|headers| headers.get_all("Nats-Stream").count() < 2), "it leads somewhere");
        gateway.publish_with_reply(format!("$JS.API.DIRECT.GET.{stream}.{from}"), to, "".into()).await.unwrap();
        // The broker does store this: the test would show nothing otherwise.
        wait_until("the record that was led there", LIMIT, async || {
            let found = gateway.request(last.clone(), "".into()).await.unwrap();
            found.headers.filter(|headers| headers.get_all("Nats-Stream").count() == 2)
        })
        .await;
    };
    // A command that web-1 never was asked for, there before its agent starts and reads the ledger.
    let intent = r#"{"id":"planted","command":"true"}"#;
    lead("commands.web-2.a", "commands.web-1.planted".to_owned(), intent.to_owned()).await;
    let behind = run("web-1", line("true"));
    ledger.submit(&"web-1".parse().unwrap(), &behind).await.unwrap();
    let _agent = TestAgent::start(&broker, "web-1").await;
    // What stands behind it in the ledger has run: it has been read, and passed.
    let mut watch = ledger.watch(&"web-1".parse().unwrap(), &behind.id, WatchStart::From(0)).await.unwrap();
    until_end(&mut watch, &mut Vec::new()).await;
    let planted: CommandId = "planted".parse().unwrap();
    assert_eq!(ledger.last_event(&"web-1".parse().unwrap(), &planted).await.unwrap(), None);
    assert_eq!(ledger.find(&planted).await.unwrap(), None);

    // An end of a command of web-1 that web-1 never wrote.
    let run = run("web-1", line("sleep 1; exit 3"));
    let agent = run.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &run.id, WatchStart::Fresh).await.unwrap();
    ledger.submit(&agent, &run).await.unwrap();
    let mut events = vec![tokio::time::timeout(LIMIT, watch.next()).await.unwrap().unwrap()];
    let forged = Finished::without_process(Outcome::Succeeded, ogent_protocol::Cause::Other, "forged");
    let event = ogent_protocol::Event {
        agent: agent.clone(),
        command: run.id.clone(),
        n: 1,
        time: run.requested_at.unwrap_or_else(jiff::Timestamp::now),
        kind: EventKind::Finished(Box::new(forged)),
    };
    let event = serde_json::to_string(&event).unwrap();
    lead("results.web-2.b", format!("results.web-1.{}", run.id), event).await;
    until_end(&mut watch, &mut events).await;
    assert_eq!((end(&events).outcome, end(&events).exit_code), (Outcome::Failed, Some(3)));
    assert_eq!(ledger.last_event(&agent, &run.id).await.unwrap().as_ref(), events.last());
}

/// Answers go to inboxes only: elsewhere they would count as the agent's own word.
#[tokio::test]
async fn an_answer_cannot_be_led_into_the_history() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let operator = broker.client(&Role::Person).await;
    let run = run("web-1", line("sleep 1; echo done"));
    let agent = run.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &run.id, WatchStart::Fresh).await.unwrap();
    ledger.submit(&agent, &run).await.unwrap();
    let mut events = vec![tokio::time::timeout(LIMIT, watch.next()).await.unwrap().unwrap()];
    operator
        .publish_with_reply("agents.web-1.exec", format!("results.web-1.{}", run.id), "garbage".into())
        .await
        .unwrap();
    until_end(&mut watch, &mut events).await;
    assert_eq!(printed(&events).0, "done\n");
}

/// A bell whose headers are made up, for a command that is there, or under a sequence that is not its own.
#[tokio::test]
async fn a_forged_bell_starts_nothing_twice_and_nothing_else() {
    let broker = TestBroker::start().await;
    let dir = tempfile::TempDir::new().unwrap();
    let witness = dir.path().join("starts");
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let operator = broker.client(&Role::Person).await;
    let ring = async |id: &str, sequence: u64, command: &str| {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Stream", "COMMANDS");
        headers.insert("Nats-Subject", format!("commands.web-1.{id}").as_str());
        headers.insert("Nats-Sequence", sequence.to_string().as_str());
        let payload = serde_json::json!({"id": id, "agent": "web-1", "command": command}).to_string();
        operator.publish_with_headers("agents.web-1.exec", headers, payload.into()).await.unwrap();
    };
    let start = format!("echo start >> {}", witness.display());
    for sequence in [900, 901, 902] {
        ring("forged", sequence, &start).await;
    }
    // A command that has ended, with another line; and the sequence that the next command will have.
    let first = run("web-1", line("true"));
    let events_of_first = events(&ledger, &first).await;
    ring(first.id.as_str(), 5, &start).await;
    for sequence in 1..20 {
        ring("occupies", sequence, "true").await;
    }
    let second = events(&ledger, &run("web-1", line("echo second"))).await;
    assert_eq!(printed(&second).0, "second\n");
    assert_eq!(ledger.last_event(&"web-1".parse().unwrap(), &first.id).await.unwrap().as_ref(), events_of_first.last());
    assert_eq!(std::fs::read_to_string(&witness).unwrap(), "start\n");
}

/// The queue would not offer a command twice; if it did, the claim says no, also to the process that made the first one.
#[tokio::test]
async fn a_second_claim_is_no_claim_whoever_makes_it() {
    let broker = TestBroker::start().await;
    let agent: AgentId = "web-1".parse().unwrap();
    let ledger = Ledger::new(&broker.connect(&Role::Agent(agent.clone())).await);
    let id = CommandId::generate();
    let claim = async |instance: &str| {
        let end = Finished::without_process(Outcome::Expired, ogent_protocol::Cause::TooLate, "late");
        ledger.claim(&agent, &id, instance, EventKind::Finished(Box::new(end))).await.unwrap()
    };
    assert!(matches!(claim("one").await, Claim::Won(_)));
    assert!(matches!(claim("one").await, Claim::Taken));
    assert!(matches!(claim("another").await, Claim::Taken));
}
