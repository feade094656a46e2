//! Invariant 3: exactly one end for each command that was taken, in time, and it never changes.

use std::collections::BTreeMap;

use ogent_protocol::{AgentId, CommandId, Lifecycle};

use super::Violation;
use super::case::Case;
use super::limits::{HEALING, SLACK};
use super::story::{Stored, Story};
use crate::evidence::{FaultLine, Micros};

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    for (command, story) in &case.stories {
        let (begin, end) = case.life(story);
        let mut problems = disorder(story);
        if was_taken(case, story) {
            problems.extend(count(case, story));
            problems.extend(changed(case, story));
        }
        // What was acknowledged and then taken back by hand can have no end, or another one.
        if !case.is_excused(begin, end) {
            found.extend(problems.into_iter().map(|problem| violation(problem, command, story)));
        }
    }
    found
}

fn violation(problem: String, command: &CommandId, story: &Story) -> Violation {
    let violation = Violation::of(3, problem).command(command);
    match &story.nonce {
        Some(nonce) => violation.nonce(nonce),
        None => violation,
    }
}

/// Whether it has to have an end: a client was told so, or the ledger has it.
pub(super) fn was_taken(case: &Case, story: &Story) -> bool {
    let was_told = case.wish(story).is_some_and(|wish| !wish.accepted.is_empty());
    was_told || !story.orders.is_empty() || story.claims().next().is_some()
}

/// Events that may not follow each other, and numbers that are not in a row.
fn disorder(story: &Story) -> Vec<String> {
    let mut agents: BTreeMap<&AgentId, Vec<&Stored>> = BTreeMap::new();
    for stored in &story.events {
        agents.entry(&stored.event.agent).or_default().push(stored);
    }
    let mut problems = Vec::new();
    if agents.len() > 1 {
        problems.push(format!("several agents wrote about it: {:?}", agents.keys().collect::<Vec<_>>()));
    }
    for events in agents.values() {
        let mut state = Lifecycle::default();
        for (expected, stored) in (0..).zip(events) {
            if stored.event.n != expected {
                problems.push(format!("event {} stands where event {expected} should be", stored.event.n));
                break;
            }
            match state.apply(&stored.event.kind) {
                Ok(next) => state = next,
                Err(error) => {
                    problems.push(format!("event {expected} (sequence {}): {error}", stored.sequence));
                    break;
                }
            }
        }
    }
    problems
}

/// Whether there is one end, in time.
fn count(case: &Case, story: &Story) -> Option<String> {
    let ends: Vec<_> = story.ends().collect();
    let limit = limit(case, story);
    match &ends[..] {
        [] => {
            let (begin, _) = case.life(story);
            let age = (case.seen_until - begin) as f64 / 1e6;
            let is_late = if limit <= case.seen_until { "" } else { ", though its time is not over" };
            Some(format!("it has no end, {age:.1} s after it was asked for{is_late}"))
        }
        [end] if end.at > limit => {
            let late = (end.at - limit) as f64 / 1e6;
            Some(format!("it ended {late:.1} s too late, as {}", end.finished.outcome))
        }
        [_] => None,
        more => {
            let outcomes: Vec<String> = more.iter().map(|end| end.finished.outcome.to_string()).collect();
            Some(format!("it has {} ends: {}", more.len(), outcomes.join(", ")))
        }
    }
}

/// Whether a client once heard another end than the ledger has.
fn changed(case: &Case, story: &Story) -> Option<String> {
    let end = story.end()?.finished.outcome;
    let heard = case.wish(story)?.accepted.iter().find_map(|yes| yes.outcome.filter(|heard| *heard != end))?;
    Some(format!("a client was told that it {heard}, and now it is {end}"))
}

/// When it must have ended: its time, and healing after each fault that had to do with it until then.
fn limit(case: &Case, story: &Story) -> Micros {
    let mut limit = due(case, story) + SLACK;
    let agent = story.orders.first().map(|order| &order.agent).or_else(|| {
        let offer = case.wish(story)?.offer.as_ref()?;
        Some(&offer.agent)
    });
    // Faults come by their begin: one that began after everything should have been over is no excuse.
    for fault in case.faults.iter().filter(|fault| agent.is_none_or(|agent| disturbs(fault, agent))) {
        if fault.from <= limit {
            limit = limit.max(fault.to + HEALING);
        }
    }
    limit
}

/// When it has run as long as it may, or waited as long as it may.
fn due(case: &Case, story: &Story) -> Micros {
    let offer = case.wish(story).and_then(|wish| wish.offer.as_ref());
    let order = story.orders.first();
    let timeout = offer.map(|offer| offer.timeout).or_else(|| {
        let timeout = order?.run.timeout;
        Micros::try_from(timeout.as_micros()).ok()
    });
    if let Some(start) = story.starts().next() {
        return start.at + timeout.unwrap_or_default();
    }
    let not_after = || order?.run.not_after.map(|not_after| not_after.as_microsecond());
    offer.map(|offer| offer.start_by).or_else(not_after).unwrap_or(case.seen_until)
}

/// Whether a fault has to do with what this agent does: it met the agent, its clone, or a broker.
pub(super) fn disturbs(fault: &FaultLine, agent: &AgentId) -> bool {
    let meets = |part: &String| part.contains(agent.as_str()) || part.starts_with("broker");
    fault.can_lose.contains(agent) || fault.parts.iter().any(meets)
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};
    use crate::check::Files;
    use crate::evidence::ClientEvent;
    use ogent_protocol::Outcome;
    use ogent_protocol::subject::RESULTS;

    #[track_caller]
    fn is_found(files: Files, word: &str) {
        let violations = found(files, 3);
        assert!(violations.iter().any(|one| one.text.contains(word)), "{word:?} is not in {violations:?}");
    }

    fn without_end() -> Files {
        let mut files = clean::files();
        let at = clean::end_index(&files, "quick-0");
        files.ledger.remove(at);
        files
    }

    #[test]
    fn a_command_without_an_end_is_found() {
        is_found(without_end(), "has no end");
    }

    #[test]
    fn a_command_that_is_only_in_the_ledger_needs_an_end_too() {
        let mut files = without_end();
        for line in &mut files.client {
            if matches!(&line.event, ClientEvent::Accepted { nonce, .. } if nonce == "quick-0") {
                line.event = ClientEvent::Unknown { nonce: "quick-0".to_owned(), problem: "x".to_owned() };
            }
        }
        is_found(files, "has no end");
    }

    #[test]
    fn two_ends_are_found() {
        let mut files = clean::files();
        let mut again = files.ledger[clean::end_index(&files, "quick-0")].clone();
        again.sequence = 9_999;
        files.ledger.push(again);
        is_found(files.clone(), "2 ends");
        is_found(files, "event 1 stands where event 2");
    }

    #[test]
    fn what_follows_an_end_is_found() {
        let mut files = clean::files();
        let end = clean::end_index(&files, "quick-0");
        let mut late = files.ledger[end].clone();
        late.sequence = 9_999;
        late.payload["id"] = late.payload["id"].as_str().unwrap().replace("/1", "/2").into();
        late.payload["type"] = "ogent.command.started".into();
        late.payload["data"] = serde_json::json!({"pid": 1});
        files.ledger.push(late);
        is_found(files, "may not follow");
    }

    #[test]
    fn a_missing_number_is_found() {
        let mut files = clean::files();
        let end = clean::end_index(&files, "quick-0");
        let id = files.ledger[end].payload["id"].as_str().unwrap().replace("/1", "/2");
        files.ledger[end].payload["id"] = id.into();
        is_found(files, "event 2 stands where event 1");
    }

    #[test]
    fn an_end_that_comes_late_is_found_unless_a_fault_has_to_do_with_it() {
        let late = |fault: Option<&str>| {
            let mut files = clean::files();
            files.faults.clear();
            let end = clean::end_index(&files, "quick-0");
            let at = files.ledger[end].at;
            files.faults.extend(fault.map(|part| clean::fault("pause", part, at - 100_000, at + 20_000_000)));
            files.ledger[end].at += 75_000_000;
            found(files, 3)
        };
        assert!(late(None)[0].text.contains("too late"));
        assert!(late(Some("agent-1"))[0].text.contains("too late"), "another agent's fault is no excuse");
        assert!(late(Some("agent-0")).is_empty());
        assert!(late(Some("broker-0")).is_empty());
    }

    #[test]
    fn an_end_that_was_told_otherwise_is_found() {
        let mut files = clean::files();
        for line in &mut files.client {
            if let ClientEvent::Accepted { nonce, outcome, .. } = &mut line.event
                && nonce == "quick-0"
            {
                *outcome = Some(Outcome::Failed);
            }
        }
        is_found(files, "told that it failed");
    }

    #[test]
    fn what_was_set_back_is_excused() {
        let mut files = without_end();
        let (began, ended) = (files.run.began, files.run.ended);
        files.faults.push(clean::set_back(began, ended));
        assert!(found(files, 3).is_empty());
    }

    #[test]
    fn two_agents_are_found() {
        let mut files = clean::files();
        let claim = files.ledger.iter().find(|record| record.stream == RESULTS).unwrap();
        let mut other = claim.clone();
        other.sequence = 9_999;
        other.subject = other.subject.replace("agent-0", "agent-1");
        other.payload["source"] = "/agents/agent-1".into();
        files.ledger.push(other);
        is_found(files, "several agents");
    }
}
