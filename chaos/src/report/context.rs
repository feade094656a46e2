//! Receives what a violation is about, gives all that is known of it, by time.

use std::fmt::Write as _;

use ogent_protocol::{CommandId, EventKind};

use crate::check::{Case, Story};
use crate::evidence::{FaultLine, Micros, Phase};

/// Lines of one story that are printed.
const PRINTED: usize = 60;

/// What is known of a wish and of its command; nothing when it is about neither.
pub(super) fn of(case: &Case, nonce: Option<&str>, command: Option<&CommandId>) -> String {
    let mut lines = Vec::new();
    let story = command.and_then(|command| case.stories.get(command));
    let nonce = nonce.or_else(|| story?.nonce.as_deref());
    if let Some(nonce) = nonce {
        wish(case, nonce, &mut lines);
    }
    if let Some(story) = story {
        record(story, &mut lines);
        faults(case, story, &mut lines);
    }
    lines.sort();
    let mut text = String::new();
    match (nonce, command) {
        (None, None) => return text,
        (nonce, command) => {
            let (nonce, command) = (nonce.unwrap_or("?"), command.map_or("?", CommandId::as_str));
            let _ = writeln!(text, "    wish {nonce}, command {command}");
        }
    }
    let all = lines.len();
    for (at, line) in lines.into_iter().take(PRINTED) {
        let _ = writeln!(text, "    {:>10.3} s  {line}", (at - case.run.began) as f64 / 1e6);
    }
    if all > PRINTED {
        let _ = writeln!(text, "    … and {} lines more", all - PRINTED);
    }
    text
}

fn wish(case: &Case, nonce: &str, lines: &mut Vec<(Micros, String)>) {
    let Some(wish) = case.wishes.get(nonce) else { return };
    if let Some(offer) = &wish.offer {
        let (timeout, patience) = (offer.timeout / 1000, (offer.start_by - offer.at) / 1000);
        let what =
            format!("{:?} by {:?}, time-out {timeout} ms, to start within {patience} ms", offer.behaviour, offer.way);
        lines.push((offer.at, format!("client   asks {}: {what}", offer.agent)));
    }
    let last = wish.offer.as_ref().map_or(case.run.began, |offer| offer.at);
    for yes in &wish.accepted {
        let outcome = yes.outcome.map_or_else(|| "open".to_owned(), |outcome| outcome.to_string());
        lines.push((yes.at, format!("client   hears: accepted as {}, {outcome}", yes.command)));
    }
    for (status, code) in &wish.refused {
        lines.push((last, format!("client   hears (later): refused, {status} {code}")));
    }
    if wish.unknown > 0 {
        lines.push((last, "client   hears (later): nothing".to_owned()));
    }
    if wish.cancels > 0 {
        lines.push((last, "client   asks (later) to cancel it".to_owned()));
    }
}

fn record(story: &Story, lines: &mut Vec<(Micros, String)>) {
    for order in &story.orders {
        lines.push((order.at, format!("COMMANDS {} holds the intent for {}", order.sequence, order.agent)));
    }
    for at in &story.cancels {
        lines.push((*at, "COMMANDS holds the wish to cancel it".to_owned()));
    }
    for stored in &story.events {
        let event = &stored.event;
        let what = match &event.kind {
            EventKind::Accepted(accepted) => format!("accepted by {}, {:?}", accepted.instance, accepted.origin),
            EventKind::Started(started) => format!("started as process {}", started.pid),
            EventKind::Output(chunk) => format!("{:?} from {}, {} bytes", chunk.stream, chunk.offset, chunk.data.len()),
            EventKind::Finished(end) => {
                let facts = (end.exit_code, end.signal, end.pid, end.duration_ms, end.cause, end.stdout);
                let left = if end.left_running { ", something is left" } else { "" };
                format!("{}: (code, signal, pid, ms, cause, stdout) = {facts:?}{left}", end.outcome)
            }
        };
        lines.push((stored.at, format!("RESULTS  {} {} n={} {what}", stored.sequence, event.agent, event.n)));
    }
    for line in &story.witnessed {
        let what = match line.phase {
            Phase::Start => "starts".to_owned(),
            Phase::End { code } => format!("ends with {code}"),
        };
        lines.push((line.at, format!("witness  {what} on {}, process {}", line.agent, line.pid)));
    }
    let last = story.moments().max().unwrap_or_default();
    for told in &story.told {
        lines.push((
            last,
            format!("gateway {} says afterwards: {}, events {:?}", told.gateway, told.status, told.numbers),
        ));
    }
}

/// The faults that fell into its life.
fn faults(case: &Case, story: &Story, lines: &mut Vec<(Micros, String)>) {
    let (begin, end) = case.life(story);
    let met = |fault: &&FaultLine| fault.from <= end && begin <= fault.to;
    for fault in case.faults.iter().filter(met) {
        let over = (fault.to - case.run.began) as f64 / 1e6;
        lines.push((fault.from, format!("fault    {} of {}, until {over:.3} s", fault.kind, fault.parts.join(", "))));
    }
}
