//! A run in which all went well, for tests to spoil.

mod folder;
mod spoil;

use ogent_protocol::subject::{self, COMMANDS, RESULTS};
use ogent_protocol::{AgentId, CommandId, Outcome};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::readable::hex;
use super::{Violation, judge};
use crate::check::Files;
use crate::evidence::{
    Alive, Behaviour, ClientEvent, ClientLine, Micros, Moment, Phase, Record, Run, Sample, Told, Way, Witnessed,
};
use crate::witness::{NONCE, pattern};

pub(crate) use folder::CleanRun;
pub(crate) use spoil::*;

const SECOND: Micros = 1_000_000;
/// A day of the year 2025, in seconds.
const BEGAN: Micros = 1_760_000_000 * SECOND;
const QUICK: usize = 60;

/// How many wishes there are: quick ones, one that prints, one that sleeps, one that is cancelled, one that is refused.
pub(crate) const WISHES: usize = QUICK + 4;

/// What a judge finds against one invariant.
pub(crate) fn found(files: Files, invariant: u8) -> Vec<Violation> {
    let violations = judge(files).violations;
    violations.into_iter().filter(|violation| violation.invariant == invariant).collect()
}

/// The evidence.
pub(crate) fn files() -> Files {
    let mut files = Files {
        run: run(),
        witnessed: Vec::new(),
        client: Vec::new(),
        faults: vec![kill("agent-0", BEGAN + 20 * SECOND, BEGAN + 22 * SECOND)],
        samples: samples(),
        alive: Vec::new(),
        ledger: Vec::new(),
        told: Vec::new(),
    };
    for number in 0..QUICK {
        // Those of each agent come by each way.
        let way = [Way::Rest { gateway: 0 }, Way::Queued { gateway: 1 }, Way::Nats][number / 2 % 3];
        let wish = wish(&format!("quick-{number}"), number % 2, way, Behaviour::Quick { code: 0 });
        add(&mut files, BEGAN + number as Micros * SECOND / 2, &wish, 1_000);
    }
    let print = Behaviour::Print { bytes: 200, pause_ms: 0 };
    add(&mut files, BEGAN + 5 * SECOND, &wish("print", 0, Way::Rest { gateway: 0 }, print), 2_000);
    let sleep = Behaviour::Sleep { ms: 5_000, code: 0 };
    add(&mut files, BEGAN + 6 * SECOND, &wish("sleep", 1, Way::Rest { gateway: 1 }, sleep), 5 * SECOND);
    let ignore = Behaviour::IgnoreTerm { ms: 60_000 };
    add(&mut files, BEGAN + 8 * SECOND, &wish("cancelled", 0, Way::Rest { gateway: 1 }, ignore), 2 * SECOND);
    refuse(&mut files, BEGAN + 9 * SECOND, "refused");
    number(&mut files.ledger);
    files.alive = (0..40).map(|second| look(BEGAN + second * SECOND, second)).collect();
    files
}

struct Wanted {
    nonce: String,
    agent: AgentId,
    way: Way,
    behaviour: Behaviour,
}

fn wish(nonce: &str, agent: usize, way: Way, behaviour: Behaviour) -> Wanted {
    Wanted { nonce: nonce.to_owned(), agent: format!("agent-{agent}").parse().unwrap(), way, behaviour }
}

fn run() -> Run {
    Run {
        seed: 1,
        scene: "single".to_owned(),
        sabotage: None,
        began: BEGAN,
        faults_from: BEGAN + 20 * SECOND,
        faults_to: BEGAN + 22 * SECOND,
        idle_at: Some(BEGAN + 35 * SECOND),
        not_idle: Vec::new(),
        ended: BEGAN + 34 * SECOND,
        cgroups: true,
        skipped: Vec::new(),
        versions: vec![("nats-server".to_owned(), "2".to_owned())],
    }
}

fn samples() -> Vec<Sample> {
    let parts = ["agent-0", "agent-1", "gateway-0", "gateway-1", "broker-0"];
    let moments =
        [(2, Moment::Before), (10, Moment::During), (20, Moment::During), (30, Moment::During), (39, Moment::After)];
    let sample = |part: &str, (second, moment)| Sample {
        at: BEGAN + second * SECOND,
        part: part.to_owned(),
        pid: 1,
        rss: 20 << 20,
        fds: 20,
        threads: 4,
        zombies: 0,
        moment,
    };
    parts.iter().flat_map(|part| moments.map(|moment| sample(part, moment))).collect()
}

fn look(at: Micros, second: i64) -> Alive {
    let (sleeps, ignores) = ((6..11).contains(&second), (8..10).contains(&second));
    let nonces = [("sleep", sleeps), ("cancelled", ignores), ("quick-0", second == 0)];
    let processes = nonces.into_iter().filter(|(_, is_alive)| *is_alive).map(|(nonce, _)| (nonce.to_owned(), vec![7]));
    Alive { at, processes: processes.collect() }
}

/// Writes a command that starts 1 ms after it was asked for and runs for so long.
fn add(files: &mut Files, at: Micros, wanted: &Wanted, lasts: Micros) {
    let Wanted { nonce, agent, behaviour, .. } = wanted;
    let command: CommandId = format!("c-{nonce}").parse().unwrap();
    let (start, end) = (at + 1_000, at + 1_000 + lasts);
    let was_cancelled = matches!(behaviour, Behaviour::IgnoreTerm { .. });
    offer(files, at, wanted);
    let outcome = if was_cancelled { Outcome::Cancelled } else { Outcome::Succeeded };
    let accepted = ClientEvent::Accepted {
        nonce: nonce.clone(),
        command: command.clone(),
        latency_us: 1,
        outcome: Some(outcome),
        tries: 1,
    };
    files.client.push(ClientLine { at: end + 300, event: accepted });
    let mut witness = |at, phase| {
        let (command, agent, nonce) = (command.clone(), agent.clone(), nonce.clone());
        files.witnessed.push(Witnessed { at, command, agent, nonce, pid: 7, phase });
    };
    witness(start, Phase::Start);
    if !was_cancelled {
        witness(end, Phase::End { code: 0 });
    }
    let mut store = |stream: &str, at, payload| {
        let subject = match stream {
            COMMANDS => subject::command(agent, &command),
            _ => subject::result(agent, &command),
        };
        files.ledger.push(Record { stream: stream.to_owned(), sequence: 0, subject, at, payload });
    };
    let intent = json!({"id": command, "agent": agent, "argv": ["w"], "env": {NONCE: nonce}, "timeout_s": 60.0,
        "not_after": timestamp(at + 30 * SECOND)});
    store(COMMANDS, at + 200, intent.clone());
    if was_cancelled {
        store(COMMANDS, end - 500_000, json!({"type": "cancel", "id": command}));
        let event = ClientEvent::Cancelled { nonce: nonce.clone(), status: 202 };
        files.client.push(ClientLine { at: end - 499_000, event });
    }
    let printed = match behaviour {
        Behaviour::Print { bytes, .. } => *bytes,
        _ => 0,
    };
    let kinds = events(&intent, behaviour, &pattern(nonce, 0..printed), start, lasts);
    let numbers: Vec<u64> = (0..kinds.len() as u64).collect();
    for (n, (kind, data)) in kinds.into_iter().enumerate() {
        let at = if kind == "finished" { end + 200 } else { at + 500 };
        store(RESULTS, at, event(agent, &command, n, kind, &data, at));
    }
    let stdout_sha256 = hex(&Sha256::digest(pattern(nonce, 0..printed)));
    let status = outcome.to_string();
    for gateway in 0..2 {
        let (command, numbers) = (command.clone(), numbers.clone());
        let (status, stdout_sha256) = (status.clone(), stdout_sha256.clone());
        files.told.push(Told { gateway, command, status, stdout_sha256, stdout_bytes: printed, numbers });
    }
    if printed > 0 {
        let event = ClientEvent::Followed { command, gateway: 0, numbers, ended: true };
        files.client.push(ClientLine { at: end + 1_000, event });
    }
}

/// The events of a command, without what surrounds them.
fn events(
    intent: &Value,
    behaviour: &Behaviour,
    printed: &[u8],
    start: Micros,
    lasts: Micros,
) -> Vec<(&'static str, Value)> {
    let text = |range: std::ops::Range<usize>| String::from_utf8(printed[range].to_vec()).unwrap();
    let mut events = vec![("accepted", json!({"intent": intent, "origin": "ledger", "instance": "i"}))];
    let mut end = json!({"outcome": "succeeded", "exit_code": 0, "pid": 7, "started_at": timestamp(start),
        "duration_ms": lasts as f64 / 1000.0, "stdout": {"bytes": printed.len(), "cut": 0}});
    if !printed.is_empty() {
        events.push(("started", json!({"pid": 7})));
        events.push(("output", json!({"stream": "stdout", "offset": 0, "data": text(0..100)})));
        end["tail"] = json!([{"stream": "stdout", "offset": 100, "data": text(100..200)}]);
    }
    if matches!(behaviour, Behaviour::IgnoreTerm { .. }) {
        end["outcome"] = "cancelled".into();
        end["exit_code"] = Value::Null;
        end["cause"] = "cancelled".into();
    }
    events.push(("finished", end));
    events
}

fn event(agent: &AgentId, command: &CommandId, n: usize, kind: &str, data: &Value, at: Micros) -> Value {
    json!({"specversion": "1.0", "id": format!("{command}/{n}"), "source": format!("/agents/{agent}"),
        "subject": command, "time": timestamp(at), "datacontenttype": "application/json",
        "type": format!("ogent.command.{kind}"), "data": data})
}

fn offer(files: &mut Files, at: Micros, wanted: &Wanted) {
    let event = ClientEvent::Offer {
        nonce: wanted.nonce.clone(),
        agent: wanted.agent.clone(),
        way: wanted.way,
        behaviour: wanted.behaviour.clone(),
        timeout_s: 60.0,
        start_within_s: 30.0,
        max_output_bytes: None,
    };
    files.client.push(ClientLine { at, event });
}

fn refuse(files: &mut Files, at: Micros, nonce: &str) {
    offer(files, at, &wish(nonce, 1, Way::Rest { gateway: 0 }, Behaviour::Quick { code: 0 }));
    let event = ClientEvent::Refused { nonce: nonce.to_owned(), status: 409, code: "agent_offline".to_owned() };
    files.client.push(ClientLine { at: at + 1_000, event });
}

mod tests;
