//! What an agent does when more breaks than a connection: processes that flee, a ledger that forgets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};
use ogent_broker::ledger::{Claim, Ledger};
use ogent_broker::permissions::Role;
use ogent_protocol::event::{Accepted, Finished, Origin};
use ogent_protocol::{Cancel, CommandId, EventKind, Intent, IntentWire, Outcome, Run};
use ogent_testkit::{TestAgent, TestBroker, wait_until};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(40);

fn run(line: &str) -> Run {
    let wire = IntentWire {
        command: Some(line.to_owned()),
        agent: Some("web-1".parse().unwrap()),
        not_after: Some(Timestamp::now() + 5.minutes()),
        ..IntentWire::default()
    };
    match wire.admit(CommandId::generate).unwrap() {
        Intent::Run(run) => *run,
        Intent::Cancel(_) => unreachable!(),
    }
}

async fn submit(ledger: &Ledger, run: &Run) {
    ledger.submit(run.agent.as_ref().unwrap(), run).await.unwrap();
}

async fn end_of(ledger: &Ledger, run: &Run) -> Finished {
    let agent = run.agent.as_ref().unwrap();
    wait_until("the end", LIMIT, async || match ledger.last_event(agent, &run.id).await.ok()??.event.kind {
        EventKind::Finished(end) => Some(*end),
        _ => None,
    })
    .await
}

async fn cancel(ledger: &Ledger, run: &Run) {
    let record = ledger.find(&run.id).await.unwrap().unwrap();
    let cancel = Cancel {
        id: run.id.clone(),
        agent: run.agent.clone(),
        requested_by: Some("alice".into()),
        requested_at: None,
        reason: None,
    };
    ledger.cancel(&record, &cancel).await.unwrap();
}

/// Sorted: commands start beside each other.
fn lines(file: &Path) -> Vec<String> {
    let mut lines: Vec<_> = std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// One grandchild leaves the group at once, one after the command has been put into a control group, one forgets who
/// it is; none heeds SIGTERM.
#[tokio::test]
async fn nobody_flees_from_a_cancellation() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("pids");
    let hide = format!("setsid sh -c \"trap '' TERM; echo \\$\\$ >> {}; exec sleep 300\" &", file.display());
    // Without its mark, only a control group holds it; where there is none, it keeps its mark.
    let forget = "if grep -q '^0::.*/ogent-web-1/' /proc/self/cgroup; then forget='env -i'; fi; $forget";
    let run = run(&format!("trap '' TERM; {hide} sleep 1; {hide} {forget} {hide} wait"));
    submit(&ledger, &run).await;
    wait_until("all three", LIMIT, async || (lines(&file).len() == 3).then_some(())).await;
    assert!(lines(&file).iter().all(|pid| lives(pid)));
    cancel(&ledger, &run).await;
    assert_eq!(end_of(&ledger, &run).await.outcome, Outcome::Cancelled);
    assert!(!lines(&file).iter().any(|pid| lives(pid)), "somebody has fled");
}

/// An acknowledgement of the broker's for somebody else, led onto a running command's events: it is no event, and keeps
/// the command from nothing.
#[tokio::test]
async fn what_is_no_event_keeps_no_command_from_its_end() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let dir = TempDir::new().unwrap();
    let go = dir.path().join("go");
    let run = run(&format!("until [ -e {} ]; do sleep 0.05; done", go.display()));
    submit(&ledger, &run).await;
    wait_until("its announcement", LIMIT, async || {
        let last = ledger.last_event(run.agent.as_ref().unwrap(), &run.id).await.unwrap()?;
        matches!(last.event.kind, EventKind::Started(_)).then_some(())
    })
    .await;
    let own = format!("commands.web-2.{}", CommandId::generate());
    // Somebody in the account of the streams: agents cannot.
    let server = broker.client(&Role::Gateway).await;
    server.publish_with_reply(own, format!("results.web-1.{}", run.id), "{}".into()).await.unwrap();
    wait_until("the stray", LIMIT, async || {
        let last = format!("$JS.API.DIRECT.GET.RESULTS.results.web-1.{}", run.id);
        let found = server.request(last, "".into()).await.unwrap();
        found.payload.starts_with(b"{\"stream\"").then_some(())
    })
    .await;
    std::fs::write(go, "").unwrap();
    assert_eq!(end_of(&ledger, &run).await.outcome, Outcome::Succeeded);
}

/// What was cancelled before its agent came, and a forged bell that says it is something else.
#[tokio::test]
async fn a_forged_bell_runs_nothing_that_was_cancelled() {
    let broker = TestBroker::start().await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let operator = broker.client(&Role::Person).await;
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("forged");
    let run = run("true");
    submit(&ledger, &run).await;
    cancel(&ledger, &run).await;
    let subject = format!("commands.web-1.{}", run.id);
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in [("Nats-Stream", "COMMANDS"), ("Nats-Subject", &subject), ("Nats-Sequence", "1")] {
        headers.insert(name, value);
    }
    let forged = serde_json::json!({"id": run.id, "command": format!("echo >> {}", file.display())}).to_string();
    // It has to be heard before the agent reads the ledger.
    let flood = tokio::spawn(async move {
        loop {
            operator.publish_with_headers("agents.web-1.exec", headers.clone(), forged.clone().into()).await.unwrap();
            operator.flush().await.unwrap();
        }
    });
    let _agent = TestAgent::start(&broker, "web-1").await;
    assert_eq!(end_of(&ledger, &run).await.outcome, Outcome::Cancelled);
    flood.abort();
    assert!(!file.exists());
}

/// A clone of the agent has claimed a command, and died with it: the agent that lives cannot know that, until the command
/// would have had to end.
#[tokio::test]
async fn what_a_dead_clone_has_claimed_gets_its_end() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let clone = Ledger::new(&broker.connect(&Role::Agent("web-1".parse().unwrap())).await);
    let run = Run { timeout: Duration::from_secs(1), ..run("true") };
    let agent = run.agent.clone().unwrap();
    let accepted = Accepted {
        intent: run.clone(),
        origin: Origin::Ledger,
        instance: "clone".to_owned(),
        verdict: None,
        ruling: None,
    };
    let claim = clone.claim(&agent, &run.id, "clone", EventKind::Accepted(Box::new(accepted))).await.unwrap();
    assert!(matches!(claim, Claim::Won(_)));
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    let began = Instant::now();
    submit(&ledger, &run).await;
    assert_eq!(end_of(&ledger, &run).await.outcome, Outcome::Lost);
    assert!(began.elapsed() > Duration::from_secs(10), "it could have been at work");
}

/// A broker is restored from a copy that is older than some claims: what was started does not start again, whether
/// its agent lives on or is started anew; and what is asked for from then on runs.
#[tokio::test]
async fn a_ledger_that_forgets_starts_nothing_twice() {
    let mut broker = TestBroker::start().await;
    let state = TempDir::new().unwrap();
    let keep = |config: &mut ogent_agent::AgentConfig| config.state_dir = state.path().to_owned();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("starts");
    let late =
        Run { not_after: Some(Timestamp::now() + 4.seconds()), ..run(&format!("echo late >> {}", file.display())) };
    let (short, long) = (
        run(&format!("echo short >> {}", file.display())),
        run(&format!("echo long >> {}; sleep 300", file.display())),
    );

    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    submit(&ledger, &short).await;
    submit(&ledger, &long).await;
    submit(&ledger, &late).await;
    let copy = broker.back_up();
    broker.restart().await;
    let agent = TestAgent::start_with(&broker, "web-1", keep).await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    assert_eq!(end_of(&ledger, &short).await.outcome, Outcome::Succeeded);
    wait_until("all of them", LIMIT, async || (lines(&file).len() == 3).then_some(())).await;
    // Its next event is its end.
    wait_until("its announcement", LIMIT, async || {
        let last = ledger.last_event(long.agent.as_ref().unwrap(), &long.id).await.unwrap()?;
        matches!(last.event.kind, EventKind::Started(_)).then_some(())
    })
    .await;
    // The sequences that come now will be given out a second time.
    for _ in 0..5 {
        let more = run("true");
        submit(&ledger, &more).await;
        end_of(&ledger, &more).await;
    }

    broker.restore(&copy).await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    assert!(ledger.last_event(short.agent.as_ref().unwrap(), &short.id).await.unwrap().is_none(), "nothing forgotten");
    let new = run(&format!("echo new >> {}", file.display()));
    submit(&ledger, &new).await;
    assert_eq!(end_of(&ledger, &new).await.outcome, Outcome::Succeeded);
    // It has no claim any more, and must not start; the long one notices at its next event.
    assert_eq!(end_of(&ledger, &short).await.outcome, Outcome::Lost);
    cancel(&ledger, &long).await;
    let end = end_of(&ledger, &long).await;
    assert_eq!(end.outcome, Outcome::Cancelled, "{end:?}");
    assert_eq!(lines(&file), ["late", "long", "new", "short"]);

    agent.stop().await;
    broker.restore(&copy).await;
    let _next_life = TestAgent::start_with(&broker, "web-1", keep).await;
    let ledger = Ledger::new(&broker.connect(&Role::Gateway).await);
    // It was started in time, although now it would come too late.
    for run in [&short, &long, &late] {
        assert_eq!(end_of(&ledger, run).await.outcome, Outcome::Lost);
    }
    assert_eq!(lines(&file), ["late", "long", "new", "short"]);
}
