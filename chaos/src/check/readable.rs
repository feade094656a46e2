//! Invariant 8: every acknowledged event is readable afterwards, through each gateway.

use std::fmt::Write as _;

use ogent_protocol::subject::COMMANDS;
use ogent_protocol::{CommandId, OutputStream};
use sha2::{Digest as _, Sha256};

use super::Violation;
use super::case::Case;
use super::story::Story;
use crate::evidence::Told;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found: Vec<Violation> = holes(case).into_iter().map(|problem| Violation::of(8, problem)).collect();
    let gateways = case.gateways();
    for (command, story) in &case.stories {
        let problems = lost(case, story).into_iter().chain(untold(case, story, &gateways));
        found.extend(problems.map(|problem| violation(problem, command, story)));
    }
    found
}

fn violation(problem: String, command: &CommandId, story: &Story) -> Violation {
    let violation = Violation::of(8, problem).command(command);
    match &story.nonce {
        Some(nonce) => violation.nonce(nonce),
        None => violation,
    }
}

/// Records that are gone or cannot be read. Nothing is ever deleted within a run, so the sequences have no gaps.
fn holes(case: &Case) -> Vec<String> {
    let unreadable = case.unreadable.iter();
    let mut problems: Vec<String> = unreadable
        .map(|(stream, sequence, problem)| format!("{stream}, sequence {sequence}, cannot be read: {problem}"))
        .collect();
    for (stream, sequences) in &case.streams {
        if sequences.records != sequences.last {
            let (records, last) = (sequences.records, sequences.last);
            problems.push(format!("{stream} ends with sequence {last} and holds {records} records"));
        }
    }
    problems
}

/// What somebody was told once and the ledger does not have.
fn lost(case: &Case, story: &Story) -> Vec<String> {
    let (begin, end) = case.life(story);
    if case.is_excused(begin, end) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let accepted = case.wish(story).into_iter().flat_map(|wish| &wish.accepted).next();
    if let (Some(yes), true) = (accepted, story.orders.is_empty()) {
        let at = (yes.at - case.run.began) as f64 / 1e6;
        problems.push(format!("it was accepted at {at:.3} s, and {COMMANDS} does not hold it"));
    }
    if let (Some(outcome), true) = (accepted.and_then(|yes| yes.outcome), story.end().is_none()) {
        problems.push(format!("a client was told that it {outcome}, and the ledger has no end of it"));
    }
    for (gateway, numbers, _) in &story.followed {
        let is_there = |n: &u64| story.events.iter().any(|stored| stored.event.n == *n);
        if let Some(gone) = numbers.iter().find(|n| !is_there(n)) {
            problems.push(format!("event {gone} was seen live at gateway {gateway}, and the ledger does not have it"));
        }
    }
    problems
}

/// What a gateway does not tell, or tells otherwise than the ledger.
fn untold(case: &Case, story: &Story, gateways: &[usize]) -> Vec<String> {
    let was_accepted = case.wish(story).is_some_and(|wish| !wish.accepted.is_empty());
    // Without an order there is nothing to tell, and without an end what is told may change while it is read; both
    // are told of elsewhere.
    if !was_accepted || story.orders.is_empty() || story.ends().count() != 1 {
        return Vec::new();
    }
    let ask = |gateway: &usize| match story.told.iter().find(|told| told.gateway == *gateway) {
        None => Some(format!("gateway {gateway} was not asked about it")),
        Some(told) => differs(story, told).map(|problem| format!("gateway {gateway} {problem}")),
    };
    gateways.iter().filter_map(ask).collect()
}

fn differs(story: &Story, told: &Told) -> Option<String> {
    let outcome = story.end()?.finished.outcome.to_string();
    if told.status != outcome {
        return Some(format!("says {:?}, the ledger says {outcome:?}", told.status));
    }
    let numbers: Vec<u64> = story.events.iter().map(|stored| stored.event.n).collect();
    if told.numbers != numbers {
        return Some(format!("tells the events {:?}, the ledger has {numbers:?}", told.numbers));
    }
    let mut hash = Sha256::new();
    let mut length = 0;
    for (_, bytes) in story.pieces(OutputStream::Stdout) {
        hash.update(bytes);
        length += bytes.len() as u64;
    }
    if told.stdout_bytes != length {
        return Some(format!("gives {} bytes of output, the ledger has {length}", told.stdout_bytes));
    }
    (told.stdout_sha256 != hex(&hash.finalize())).then(|| "gives other output than the ledger".to_owned())
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};
    use super::*;
    use crate::check::Files;

    #[track_caller]
    fn is_found(spoil: impl FnOnce(&mut Files), word: &str) {
        let mut files = clean::files();
        spoil(&mut files);
        let violations = found(files, 8);
        assert!(violations.iter().any(|one| one.text.contains(word)), "{word:?} is not in {violations:?}");
    }

    #[test]
    fn a_gateway_that_tells_less_is_found() {
        is_found(|files| files.told[0].status = "404".to_owned(), "says \"404\"");
        is_found(|files| files.told[0].numbers.clear(), "tells the events");
        is_found(|files| files.told[0].stdout_bytes += 1, "bytes of output");
        is_found(|files| files.told[0].stdout_sha256 = String::new(), "other output");
        is_found(|files| drop(files.told.remove(0)), "was not asked");
    }

    #[test]
    fn a_record_that_is_gone_is_found() {
        is_found(|files| drop(files.ledger.remove(2)), "holds");
        is_found(|files| files.ledger[0].payload = serde_json::Value::Null, "cannot be read");
        is_found(|files| files.ledger.retain(|record| record.stream != COMMANDS), "does not hold it");
    }

    #[test]
    fn an_event_that_was_seen_and_is_gone_is_found() {
        let spoil = |files: &mut Files| {
            let last = clean::end_index(files, "print");
            files.ledger.remove(last);
        };
        is_found(spoil, "event 3 was seen live");
        is_found(spoil, "the ledger has no end of it");
    }

    #[test]
    fn a_store_that_was_set_back_may_have_lost_it() {
        let mut files = clean::files();
        let (began, ended) = (files.run.began, files.run.ended);
        files.faults.push(clean::set_back(began, ended));
        let command = files.witnessed[0].command.to_string();
        files.ledger.retain(|record| !record.subject.ends_with(&command));
        // Sequences are given again after a set back, and have no gaps either.
        clean::number(&mut files.ledger);
        assert_eq!(found(files, 8), Vec::new());
    }
}
