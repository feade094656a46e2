//! Invariant 7: output arrives complete, in order, once, or is marked as cut, with the true byte count; and who
//! follows a command live sees each event once, in order.

use ogent_protocol::event::{Finished, OutputTotal};
use ogent_protocol::{Outcome, OutputStream, limits};

use super::Violation;
use super::case::Case;
use super::story::Story;
use crate::evidence::Behaviour;
use crate::witness;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    for (command, story) in &case.stories {
        let (begin, end) = case.life(story);
        let mut problems = out_of_order(story);
        // A store that was set back has forgotten pieces and ends that it had acknowledged, and that somebody has seen.
        if !case.is_excused(begin, end) {
            problems.extend(another_end(story));
            problems.extend(wrong(case, story));
        }
        let nonce = story.nonce.as_deref().unwrap_or_default();
        found.extend(problems.into_iter().map(|problem| Violation::of(7, problem).command(command).nonce(nonce)));
    }
    found
}

fn wrong(case: &Case, story: &Story) -> Vec<String> {
    let mut problems = Vec::new();
    let mut kept = Vec::new();
    for stream in [OutputStream::Stdout, OutputStream::Stderr] {
        match contiguous(story, stream) {
            Ok(length) => kept.push(length),
            Err(problem) => return vec![problem],
        }
    }
    let offer = case.wish(story).and_then(|wish| wish.offer.as_ref());
    let printed = offer.and_then(|offer| match offer.behaviour {
        Behaviour::Print { bytes, .. } => Some(bytes),
        _ => None,
    });
    if let (Some(_), Some(nonce)) = (printed, &story.nonce) {
        problems.extend(foreign(story, nonce));
    }
    let Some(end) = story.end().map(|end| end.finished) else { return problems };
    // An end without a process has counted nothing; pieces of a lost command may still be there.
    if end.pid.is_some() {
        let limit = offer.map(|offer| offer.max_output_bytes.unwrap_or(limits::DEFAULT_OUTPUT_BYTES));
        problems.extend(totals(end, &kept, limit));
        problems.extend(printed.and_then(|bytes| true_count(end, bytes)));
    } else if end.outcome != Outcome::Lost && kept.iter().any(|length| *length > 0) {
        problems.push(format!("it is {} without a process, and has output", end.outcome));
    }
    problems
}

/// The length of a stream whose pieces follow each other without a gap.
fn contiguous(story: &Story, stream: OutputStream) -> Result<u64, String> {
    story.pieces(stream).try_fold(0, |next, (offset, bytes)| match offset {
        offset if offset == next => Ok(next + bytes.len() as u64),
        offset if offset < next => Err(format!("{stream:?} has bytes {offset} to {next} twice")),
        offset => Err(format!("{stream:?} lacks bytes {next} to {offset}")),
    })
}

/// Bytes that the witness did not print.
fn foreign(story: &Story, nonce: &str) -> Option<String> {
    let mut pieces = story.pieces(OutputStream::Stdout);
    let differs = |(offset, bytes): &(u64, &[u8])| {
        let expected = witness::pattern(nonce, *offset..offset + bytes.len() as u64);
        expected.iter().zip(*bytes).position(|(expected, came)| expected != came).map(|at| offset + at as u64)
    };
    let at = pieces.find_map(|piece| differs(&piece))?;
    Some(format!("byte {at} of its output is not what it printed"))
}

/// What was counted against what is there.
fn totals(end: &Finished, kept: &[u64], limit: Option<u64>) -> Option<String> {
    for (name, OutputTotal { bytes, cut }, kept) in [("stdout", end.stdout, kept[0]), ("stderr", end.stderr, kept[1])] {
        if bytes.checked_sub(cut) != Some(kept) {
            return Some(format!("{name}: {kept} bytes are there, and the end tells of {bytes}, {cut} of them cut"));
        }
    }
    let (limit, all, cut) = (limit?, kept.iter().sum::<u64>(), end.stdout.cut + end.stderr.cut);
    if all > limit {
        return Some(format!("{all} bytes were kept, {limit} were allowed"));
    }
    (cut > 0 && all < limit).then(|| format!("{cut} bytes were cut, though only {all} of {limit} were kept"))
}

/// What was counted against what the witness meant to print: all of it, if it came to its end.
fn true_count(end: &Finished, meant: u64) -> Option<String> {
    let told = end.stdout.bytes;
    let is_whole = end.outcome == Outcome::Succeeded;
    let is_true = if is_whole { told == meant } else { told <= meant };
    (!is_true).then(|| format!("it printed {meant} bytes and is {}; the end tells of {told}", end.outcome))
}

/// Whether somebody who followed saw event numbers out of their order.
fn out_of_order(story: &Story) -> Vec<String> {
    let mut problems = Vec::new();
    for (gateway, numbers, _) in &story.followed {
        if let Some((at, seen)) = (0..).zip(numbers).find(|(expected, seen)| expected != *seen) {
            problems.push(format!("who followed it at gateway {gateway} saw event {seen} instead of event {at}"));
        }
    }
    problems
}

/// Whether somebody who followed to the end saw another end than the ledger has.
fn another_end(story: &Story) -> Vec<String> {
    let mut problems = Vec::new();
    for (gateway, numbers, ended) in &story.followed {
        let last = story.end().and_then(|_| story.events.last()).map(|stored| stored.event.n);
        if let (true, Some(last)) = (*ended, last)
            && numbers.last() != Some(&last)
        {
            let seen = numbers.last();
            problems.push(format!("the live events at gateway {gateway} ended with {seen:?}, the last one is {last}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::clean::{self, found};
    use crate::check::Files;
    use crate::evidence::ClientEvent;

    #[track_caller]
    fn is_found(spoil: impl FnOnce(&mut Files), word: &str) {
        let mut files = clean::files();
        spoil(&mut files);
        let violations = found(files, 7);
        assert!(violations.iter().any(|one| one.text.contains(word)), "{word:?} is not in {violations:?}");
    }

    fn end(files: &mut Files, change: impl FnOnce(&mut Value)) {
        clean::change_end(files, "print", change);
    }

    /// The event of the printing command that carries output.
    fn piece(files: &mut Files) -> &mut Value {
        let is_output = |record: &&mut crate::evidence::Record| record.payload["type"] == "ogent.command.output";
        &mut files.ledger.iter_mut().find(is_output).unwrap().payload["data"]
    }

    #[test]
    fn a_gap_or_a_double_is_found() {
        is_found(|files| end(files, |data| data["tail"][0]["offset"] = 120.into()), "lacks bytes 100 to 120");
        is_found(|files| end(files, |data| data["tail"][0]["offset"] = 90.into()), "has bytes 90 to 100 twice");
        is_found(|files| end(files, |data| data["tail"] = Value::Array(Vec::new())), "100 bytes are there");
    }

    #[test]
    fn foreign_bytes_are_found() {
        is_found(|files| piece(files)["data"] = "x".repeat(100).into(), "byte 0 of its output");
    }

    #[test]
    fn a_wrong_count_is_found() {
        is_found(|files| end(files, |data| data["stdout"]["bytes"] = 300.into()), "the end tells of 300");
        is_found(|files| end(files, |data| data["stdout"]["cut"] = 1.into()), "1 of them cut");
        let tell_less = |data: &mut Value| {
            data["stdout"]["bytes"] = 100.into();
            data["tail"] = Value::Array(Vec::new());
        };
        is_found(|files| end(files, tell_less), "it printed 200 bytes");
    }

    #[test]
    fn a_cut_that_no_limit_asked_for_is_found() {
        let cut = |data: &mut Value| {
            data["tail"] = Value::Array(Vec::new());
            data["stdout"] = serde_json::json!({"bytes": 200, "cut": 100});
        };
        is_found(|files| end(files, cut), "100 bytes were cut");
        let mut files = clean::files();
        end(&mut files, cut);
        for line in &mut files.client {
            if let ClientEvent::Offer { nonce, max_output_bytes, .. } = &mut line.event
                && nonce == "print"
            {
                *max_output_bytes = Some(100);
            }
        }
        assert!(found(files, 7).is_empty(), "a cut at the limit is in order");
    }

    #[test]
    fn live_events_out_of_order_are_found() {
        let follow = |seen: Vec<u64>| {
            move |files: &mut Files| {
                for line in &mut files.client {
                    if let ClientEvent::Followed { numbers, .. } = &mut line.event {
                        numbers.clone_from(&seen);
                    }
                }
            }
        };
        is_found(follow(vec![0, 2, 1, 3]), "saw event 2 instead of event 1");
        is_found(follow(vec![0, 1, 1, 2, 3]), "saw event 1 instead of event 2");
        is_found(follow(vec![0, 1]), "ended with Some(1), the last one is 3");
    }
}
