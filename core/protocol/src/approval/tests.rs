//! What may become of a proposal, and what its hash names.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::analysis::{Decision, PolicyMode};
use crate::id::AgentId;
use crate::intent::{ExecutionTarget, Intent, IntentWire, Program};

fn run(json: &str) -> Run {
    let wire: IntentWire = serde_json::from_str(json).unwrap();
    match wire.admit(|| "c".parse().unwrap()).unwrap() {
        Intent::Run(run) => *run,
        Intent::Cancel(_) => unreachable!(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn ruling() -> Ruling {
    let (decision, enforced) = (Decision::Ask, Decision::Ask);
    Ruling { decision, enforced, mode: PolicyMode::Enforce, because: "b".into() }
}

fn proposed(by: Option<&str>) -> ProposalKind {
    let intent = Run { requested_by: by.map(str::to_owned), ..run(r#"{"command":"rm x"}"#) };
    let (verdict, hash) = (Verdict::default(), "right".to_owned());
    let proposed =
        Proposed { intent, verdict, ruling: ruling(), hash, expires_at: at(100), start_within_s: Some(300.0) };
    ProposalKind::Proposed(Box::new(proposed))
}

fn approved(by: &str, second: i64, hash: &str) -> ProposalKind {
    ProposalKind::Approved(Approval { by: by.into(), at: at(second), reason: None, hash: hash.into() })
}

fn refusal(by: &str) -> Refusal {
    Refusal { by: by.into(), at: at(1), reason: None }
}

fn any_event() -> impl Strategy<Value = ProposalKind> {
    let blocked = Blocked { intent: run(r#"{"command":"a"}"#), verdict: Verdict::default(), ruling: ruling() };
    prop_oneof![
        Just(proposed(Some("alice"))),
        ("alice|bob", 0i64..200, "right|wrong").prop_map(|(by, second, hash)| approved(&by, second, &hash)),
        "alice|bob".prop_map(|by| ProposalKind::Denied(refusal(&by))),
        "alice|bob".prop_map(|by| ProposalKind::Withdrawn(refusal(&by))),
        (0i64..200).prop_map(|second| ProposalKind::Expired(Expired { at: at(second) })),
        Just(ProposalKind::Blocked(Box::new(blocked))),
    ]
}

proptest! {
    #[test]
    fn there_is_one_decision_whatever_comes(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut state = ProposalState::default();
        let (mut asked, mut decisions) = (0, 0);
        for event in &events {
            let before = state.clone();
            let Ok(after) = before.clone().apply(event) else { continue };
            match event {
                ProposalKind::Proposed(_) | ProposalKind::Blocked(_) => asked += 1,
                _ => {
                    let was_awaiting = matches!(before, ProposalState::Awaiting(_));
                    prop_assert!(was_awaiting, "{} after {}", event.name(), before.name());
                    decisions += 1;
                }
            }
            if let ProposalKind::Approved(approval) = event {
                prop_assert!(approval.by == "bob" && approval.hash == "right" && approval.at < at(100));
            }
            state = after;
        }
        prop_assert!(asked <= 1 && decisions <= 1);
    }

    #[test]
    fn events_survive_the_wire(kind in any_event(), n in 0u64..3) {
        let event = ProposalEvent {
            agent: "web-1".parse().unwrap(),
            command: "c".parse().unwrap(),
            n,
            time: at(5),
            kind,
        };
        let bytes = serde_json::to_vec(&event).unwrap();
        prop_assert_eq!(serde_json::from_slice::<ProposalEvent>(&bytes).unwrap(), event);
    }
}

#[test]
fn only_a_fitting_approval_counts() {
    let awaiting = || ProposalState::default().apply(&proposed(Some("alice"))).unwrap();
    let refused = |event: &ProposalKind| awaiting().apply(event).unwrap_err();
    assert!(matches!(awaiting().apply(&approved("bob", 99, "right")), Ok(ProposalState::Approved(_))));
    assert_eq!(refused(&approved("alice", 99, "right")), InvalidDecision::Own);
    assert_eq!(refused(&approved("bob", 99, "wrong")), InvalidDecision::Hash);
    assert_eq!(refused(&approved("bob", 100, "right")), InvalidDecision::TooLate);
    assert_eq!(refused(&ProposalKind::Expired(Expired { at: at(99) })), InvalidDecision::TooEarly);
    let nobody_s = ProposalState::default().apply(&proposed(None)).unwrap();
    assert_eq!(nobody_s.apply(&approved("bob", 1, "right")), Err(InvalidDecision::Own));
}

#[test]
fn the_hash_names_each_part() {
    let agent: AgentId = "web-1".parse().unwrap();
    let json = r#"{"command":"ls","id":"i","cwd":"/","env":{"A":"b"},"stdin":"x","user":"u","timeout_s":1.5}"#;
    let base = run(json);
    let first = hash(&agent, &base);
    assert!(is_hash(&first), "{first}");
    let mut seen = vec![first.clone(), hash(&"web-2".parse().unwrap(), &base)];
    let others = [
        Run { id: "j".parse().unwrap(), ..base.clone() },
        Run { program: Program::Shell("ls ".into()), ..base.clone() },
        Run { program: Program::Argv(vec!["ls".into()]), ..base.clone() },
        Run { program: Program::Argv(vec!["l".into(), "s".into()]), ..base.clone() },
        Run { cwd: None, ..base.clone() },
        Run { cwd: Some("/u".into()), user: None, ..base.clone() },
        Run { user: Some("root".into()), ..base.clone() },
        Run { env: [("A".to_owned(), "c".to_owned())].into(), ..base.clone() },
        Run { env: [("Ab".to_owned(), String::new())].into(), ..base.clone() },
        Run { env: std::collections::BTreeMap::new(), ..base.clone() },
        Run { stdin: None, ..base.clone() },
        Run { stdin: Some("".into()), ..base.clone() },
        Run { target: ExecutionTarget::Local, ..base.clone() },
        Run { timeout: Duration::from_secs(2), ..base.clone() },
    ];
    seen.extend(others.iter().map(|other| hash(&agent, other)));
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "two of them have one hash");
    // What does not count.
    let same = Run { requested_by: Some("a".into()), not_after: Some(at(1)), reason: Some("r".into()), ..base };
    assert_eq!(hash(&agent, &same), first);
}

#[test]
fn the_hash_never_changes() {
    // Agents of other versions have to find the same one.
    let run = run(r#"{"command":"uptime","id":"i"}"#);
    assert_eq!(hash(&"web-1".parse().unwrap(), &run), FIXED);
    let wire: IntentWire = serde_json::from_slice(&serde_json::to_vec(&run).unwrap()).unwrap();
    let Intent::Run(again) = wire.admit(|| unreachable!()).unwrap() else { unreachable!() };
    assert_eq!(hash(&"web-1".parse().unwrap(), &again), FIXED);
}

const FIXED: &str = "7186b8c14cf057a5451da65e8bef42f6db9f780090fc8b03792c75f2df453817";
