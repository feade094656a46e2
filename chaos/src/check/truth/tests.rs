use super::super::clean::{self, found};
use crate::check::Files;
use crate::evidence::{ClientEvent, Phase};

#[track_caller]
fn is_found(spoil: impl FnOnce(&mut Files), word: &str) {
    let mut files = clean::files();
    spoil(&mut files);
    let violations = found(files, 5);
    assert!(violations.iter().any(|one| one.text.contains(word)), "{word:?} is not in {violations:?}");
}

fn set_outcome(files: &mut Files, nonce: &str, outcome: &str) {
    clean::change_end(files, nonce, |data| {
        *data = serde_json::json!({"outcome": outcome, "pid": data["pid"], "started_at": data["started_at"]});
    });
}

#[test]
fn a_success_that_the_witness_does_not_know_is_found() {
    let ends = |files: &mut Files, nonce: &str| {
        files.witnessed.retain(|line| line.nonce != nonce || line.phase == Phase::Start);
    };
    is_found(|files| ends(files, "quick-0"), "its witness ended with []");
    is_found(|files| files.witnessed.retain(|line| line.nonce != "quick-0"), "ever started");
    is_found(
        |files| {
            let end = files.witnessed.iter_mut().find(|line| line.phase != Phase::Start).unwrap();
            end.phase = Phase::End { code: 3 };
        },
        "its witness ended with [3]",
    );
}

#[test]
fn an_end_before_the_witness_is_found() {
    is_found(
        |files| {
            let at = clean::end_of(files, "quick-0");
            files.witnessed.iter_mut().find(|line| line.phase != Phase::Start).unwrap().at = at + 5;
        },
        "5 µs before its witness",
    );
}

#[test]
fn what_never_started_by_its_own_word_and_did_is_found() {
    for outcome in ["expired", "rejected", "unspawnable"] {
        is_found(|files| set_outcome(files, "quick-0", outcome), "without a start");
    }
    is_found(
        |files| clean::change_end(files, "quick-0", |data| *data = serde_json::json!({"outcome": "cancelled"})),
        "cancelled without a start",
    );
}

#[test]
fn a_cancellation_that_nobody_asked_for_is_found() {
    is_found(
        |files| {
            files.client.retain(|line| !matches!(line.event, ClientEvent::Cancelled { .. }));
            files.ledger.retain(|record| record.payload["type"] != "cancel");
        },
        "nobody had asked for that",
    );
}

#[test]
fn a_witness_that_came_to_its_end_before_the_cancellation_took_it_is_no_lie() {
    let mut files = clean::files();
    let start = files.witnessed.iter().find(|line| line.nonce == "cancelled").unwrap().clone();
    files.witnessed.push(crate::evidence::Witnessed { at: start.at + 10, phase: Phase::End { code: 0 }, ..start });
    assert!(found(files, 5).is_empty());
}

#[test]
fn a_time_out_before_its_time_is_found() {
    is_found(
        |files| {
            clean::change_end(files, "quick-0", |data| {
                *data = serde_json::json!({"outcome": "timed_out", "pid": 1, "duration_ms": 5.0});
            });
        },
        "timed out after 5 ms",
    );
}

#[test]
fn a_signal_that_nobody_sent_is_found() {
    is_found(
        |files| {
            clean::change_end(files, "quick-0", |data| {
                *data = serde_json::json!({"outcome": "signaled", "signal": 9, "pid": 1, "duration_ms": 5.0});
            });
        },
        "nobody had sent one",
    );
}

#[test]
fn what_is_lost_needs_a_fault_that_can_lose_it() {
    let lost = |agent: Option<&str>| {
        let mut files = clean::files();
        files.faults.clear();
        let at = clean::end_of(&files, "quick-0");
        files.faults.extend(agent.map(|agent| clean::kill(agent, at - 1000, at)));
        set_outcome(&mut files, "quick-0", "lost");
        found(files, 5).len()
    };
    assert_eq!(lost(None), 1);
    assert_eq!(lost(Some("agent-1")), 1);
    assert_eq!(lost(Some("agent-0")), 0);
}

#[test]
fn what_expires_before_its_time_or_starts_after_it_is_found() {
    let expire = |files: &mut Files| {
        files.witnessed.retain(|line| line.nonce != "quick-0");
        set_outcome(files, "quick-0", "expired");
    };
    is_found(expire, "before its time");
    let mut files = clean::files();
    expire(&mut files);
    files.run.scene = "clock".to_owned();
    assert!(found(files, 5).is_empty(), "with wrong clocks nobody can know better");
    let too_late = |files: &mut Files| {
        let start = files.witnessed.iter().find(|line| line.nonce == "quick-0").unwrap().clone();
        let of_it = |record: &&mut crate::evidence::Record| record.subject.ends_with(start.command.as_str());
        let order = files.ledger.iter_mut().find(of_it).unwrap();
        order.payload["not_after"] = clean::timestamp(start.at - 4_000_000).into();
    };
    is_found(too_late, "4000 ms after its not_after");
}
