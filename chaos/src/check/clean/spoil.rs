//! Ways to spoil a clean run.

use ogent_protocol::subject::{COMMANDS, RESULTS};
use serde_json::Value;

use crate::check::Files;
use crate::evidence::{Behaviour, ClientEvent, FaultLine, Micros, Record};

/// Gives each record its sequence, as its stream would.
pub(crate) fn number(ledger: &mut [Record]) {
    for stream in [COMMANDS, RESULTS] {
        let records = ledger.iter_mut().filter(|record| record.stream == stream);
        (1..).zip(records).for_each(|(sequence, record)| record.sequence = sequence);
    }
}

/// A moment as it stands in messages.
pub(crate) fn timestamp(at: Micros) -> String {
    jiff::Timestamp::from_microsecond(at).unwrap().to_string()
}

/// A fault that healed after a second and a half.
pub(crate) fn fault(kind: &str, part: &str, from: Micros, to: Micros) -> FaultLine {
    FaultLine {
        from,
        to,
        kind: kind.to_owned(),
        parts: vec![part.to_owned()],
        can_lose: Vec::new(),
        set_back_to: None,
        healed_after_us: Some(1_500_000),
        count: 1,
    }
}

/// An agent that was killed.
pub(crate) fn kill(agent: &str, from: Micros, to: Micros) -> FaultLine {
    FaultLine { can_lose: vec![agent.parse().unwrap()], ..fault("kill agent", agent, from, to) }
}

/// A store that has forgotten what came since.
pub(crate) fn set_back(since: Micros, until: Micros) -> FaultLine {
    FaultLine { set_back_to: Some(since), ..fault("set back store", "broker-0", until, until) }
}

/// Where the end of a wish is in the ledger.
pub(crate) fn end_index(files: &Files, nonce: &str) -> usize {
    let command = format!("c-{nonce}");
    let is_end =
        |record: &Record| record.payload["subject"] == command && record.payload["type"] == "ogent.command.finished";
    files.ledger.iter().position(is_end).unwrap()
}

/// When a wish had ended.
pub(crate) fn end_of(files: &Files, nonce: &str) -> Micros {
    files.ledger[end_index(files, nonce)].at
}

/// Changes the data of the end of a wish.
pub(crate) fn change_end(files: &mut Files, nonce: &str, change: impl FnOnce(&mut Value)) {
    let at = end_index(files, nonce);
    change(&mut files.ledger[at].payload["data"]);
}

/// Changes what a wish was.
pub(crate) fn set_behaviour(files: &mut Files, of: &str, new: Behaviour) {
    for line in &mut files.client {
        if let ClientEvent::Offer { nonce, behaviour, .. } = &mut line.event
            && nonce == of
        {
            *behaviour = new.clone();
        }
    }
}
