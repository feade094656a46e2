//! Invariant 5: outcomes tell the truth, as far as the witness and the faults know it.

use ogent_protocol::event::Finished;
use ogent_protocol::{Cause, CommandId, Outcome};

use super::Violation;
use super::case::Case;
use super::limits::{CLOCK_SLACK, START_SLACK};
use super::story::{End, Story};
use crate::evidence::{Behaviour, FaultLine, Micros};

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    for (command, story) in &case.stories {
        let problems = story.end().and_then(|end| wrong(case, story, &end)).into_iter().chain(late(case, story));
        found.extend(problems.map(|problem| violation(problem, command, story)));
    }
    found
}

fn violation(problem: String, command: &CommandId, story: &Story) -> Violation {
    let violation = Violation::of(5, problem).command(command);
    match &story.nonce {
        Some(nonce) => violation.nonce(nonce),
        None => violation,
    }
}

/// What is not true about an end.
fn wrong(case: &Case, story: &Story, end: &End<'_>) -> Option<String> {
    match end.finished.outcome {
        Outcome::Succeeded => exited(story, end, |code| code == 0),
        Outcome::Failed => exited(story, end, |code| code != 0),
        Outcome::Signaled => signaled(case, story, end),
        Outcome::TimedOut => timed_out(case, story, end.finished),
        Outcome::Cancelled => cancelled(case, story, end),
        Outcome::Expired => never_started(story, end).or_else(|| expired(case, story, end)),
        Outcome::Rejected | Outcome::Unspawnable => never_started(story, end),
        Outcome::Lost => lost(case, story, end),
    }
}

/// The witness wrote down the same code, before the ledger did.
fn exited(story: &Story, end: &End<'_>, may_be: impl Fn(i32) -> bool) -> Option<String> {
    let outcome = end.finished.outcome;
    let Some(code) = end.finished.exit_code.filter(|code| may_be(*code)) else {
        return Some(format!("it is {outcome} with the exit code {:?}", end.finished.exit_code));
    };
    if story.starts().next().is_none() {
        return Some(format!("it is {outcome}, and no witness of it ever started"));
    }
    let Some((at, _)) = story.exits().find(|(_, witnessed)| *witnessed == code) else {
        let witnessed: Vec<i32> = story.exits().map(|(_, code)| code).collect();
        return Some(format!("it is {outcome} with code {code}, and its witness ended with {witnessed:?}"));
    };
    let early = at - end.at;
    (early > 0).then(|| format!("it was {outcome} {early} µs before its witness came to its end"))
}

/// Only what kills itself is ended by a signal that Ogent did not send, and what runs on a machine that is crashed.
fn signaled(case: &Case, story: &Story, end: &End<'_>) -> Option<String> {
    let behaviour = case.wish(story).and_then(|wish| wish.offer.as_ref()).map(|offer| &offer.behaviour);
    let is_expected = matches!(behaviour, None | Some(Behaviour::DieBySignal));
    if is_expected && end.finished.signal == Some(9) {
        return None;
    }
    let crash = |fault: &FaultLine| fault.kind.starts_with("crash") && fault.can_lose.contains(end.agent);
    let (begin, over) = case.life(story);
    let was_crashed = case.faults.iter().any(|fault| crash(fault) && fault.from <= over && begin <= fault.to);
    let text = format!("it was ended by signal {:?}, and nobody had sent one", end.finished.signal);
    (!was_crashed).then_some(text)
}

fn timed_out(case: &Case, story: &Story, end: &Finished) -> Option<String> {
    let timeout = case.wish(story)?.offer.as_ref()?.timeout as f64 / 1000.0;
    // Both are of the monotonic clock, and so of no clock step.
    match end.duration_ms {
        None => Some("it timed out, and was not started".to_owned()),
        Some(ran) if ran + 1.0 < timeout => Some(format!("it timed out after {ran:.0} ms of {timeout:.0} ms")),
        Some(_) => None,
    }
}

/// Somebody asked for it. That the witness had come to its end by itself is no contradiction: what it left in its
/// group had not.
fn cancelled(case: &Case, story: &Story, end: &End<'_>) -> Option<String> {
    if end.finished.started_at.is_none()
        && let Some(problem) = never_started(story, end)
    {
        return Some(problem);
    }
    let begin = case.life(story).0;
    if end.finished.cause == Some(Cause::AgentStopped) {
        let was_ended = case
            .faults
            .iter()
            .any(|fault| fault.can_lose.contains(end.agent) && fault.from <= end.at && begin <= fault.to);
        return (!was_ended).then(|| "it was cancelled because its agent stops, and nobody stopped it".to_owned());
    }
    // The client writes down that it asked only after it was answered, which may be after the end.
    let was_asked = case.wish(story).is_some_and(|wish| wish.cancels > 0) || !story.cancels.is_empty();
    (!was_asked).then(|| "it was cancelled, and nobody had asked for that".to_owned())
}

fn never_started(story: &Story, end: &End<'_>) -> Option<String> {
    let start = story.starts().next()?;
    Some(format!("it is {} without a start, and was started as process {}", end.finished.outcome, start.pid))
}

/// Not before its time. With a wrong clock an agent or a gateway cannot know better.
fn expired(case: &Case, story: &Story, end: &End<'_>) -> Option<String> {
    let early = not_after(case, story)? - end.at;
    (early > CLOCK_SLACK).then(|| format!("it expired {} ms before its time", early / 1000))
}

/// What was started after its `not_after`, unless the agent was paused between its look at the clock and the start.
fn late(case: &Case, story: &Story) -> Option<String> {
    let start = story.starts().next()?;
    let not_after = not_after(case, story)?;
    let late = start.at - not_after;
    let pause = |fault: &FaultLine| {
        fault.kind.starts_with("pause") && fault.parts.iter().any(|part| part == start.agent.as_str())
    };
    let was_paused =
        case.faults.iter().any(|fault| pause(fault) && fault.from <= not_after && fault.to + START_SLACK >= start.at);
    (late > START_SLACK && !was_paused).then(|| format!("it was started {} ms after its not_after", late / 1000))
}

/// The moment after which it may not start; `None` where clocks were wrong, and nobody could tell.
fn not_after(case: &Case, story: &Story) -> Option<Micros> {
    if case.has_wrong_clocks() {
        return None;
    }
    story.orders.first()?.run.not_after.map(|not_after| not_after.as_microsecond())
}

/// A fault that ends this agent, or what it knows, fell into the command's life.
fn lost(case: &Case, story: &Story, end: &End<'_>) -> Option<String> {
    let (begin, over) = case.life(story);
    let explains = |fault: &FaultLine| fault.can_lose.contains(end.agent) && fault.from <= over && begin <= fault.to;
    let is_explained = case.faults.iter().any(explains);
    (!is_explained).then(|| format!("it is lost, and nothing had happened to {}", end.agent))
}

#[cfg(test)]
mod tests;
