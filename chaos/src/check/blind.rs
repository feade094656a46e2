//! Was there anything to see? Evidence that is missing or one-sided is no evidence that all is well.

use std::collections::{BTreeMap, BTreeSet};

use ogent_protocol::subject::{COMMANDS, RESULTS};

use super::case::Case;
use super::limits::{ENOUGH, LONGEST_GAP};
use super::{Violation, resources};
use crate::evidence::{Behaviour, Micros, Moment, Way};

/// A command that lives so long must be seen alive by somebody who looks once a second.
const LONG_LIFE: Micros = 4_000_000;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(empty(case));
    found.extend(unanswered(case));
    found.extend(one_sided(case));
    found.extend(not_looked(case));
    found.extend(not_measured(case));
    found.into_iter().map(|problem| Violation::of(0, format!("the rig saw too little: {problem}"))).collect()
}

fn empty(case: &Case) -> Vec<String> {
    let records = |stream| case.streams.get(stream).is_some_and(|sequences| sequences.records > 0);
    let wishes = || case.wishes.values();
    let seen = [
        ("no witness wrote a start", case.stories.values().any(|story| story.starts().next().is_some())),
        ("no witness wrote an end", case.stories.values().any(|story| story.exits().next().is_some())),
        ("the load client offered nothing", wishes().any(|wish| wish.offer.is_some())),
        ("nothing was accepted", wishes().any(|wish| !wish.accepted.is_empty())),
        ("the ledger has no commands", records(COMMANDS)),
        ("the ledger has no results", records(RESULTS)),
        ("no gateway was asked afterwards", case.stories.values().any(|story| !story.told.is_empty())),
        ("nobody followed a command live", case.stories.values().any(|story| !story.followed.is_empty())),
        ("there was no fault", !case.faults.is_empty()),
        ("nobody looked at living processes", !case.alive.is_empty()),
        ("nobody measured the parts", !case.samples.is_empty()),
    ];
    seen.into_iter().filter(|(_, is_there)| !is_there).map(|(problem, _)| problem.to_owned()).collect()
}

/// Wishes without an answer, and answers without a wish.
fn unanswered(case: &Case) -> Vec<String> {
    let count = |problem: &str, which: &dyn Fn(&super::story::Wish) -> bool| {
        let nonces: Vec<&str> =
            case.wishes.iter().filter(|(_, wish)| which(wish)).map(|(nonce, _)| nonce.as_str()).collect();
        let some = nonces.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        (!nonces.is_empty()).then(|| format!("{} {problem}: {some} …", nonces.len()))
    };
    let is_open = |wish: &super::story::Wish| {
        wish.offer.is_some() && wish.accepted.is_empty() && wish.refused.is_empty() && wish.unknown == 0
    };
    let problems = [
        count("wishes have no answer in the client's log, not even that nobody knows", &is_open),
        count("answers belong to no offer", &|wish| wish.offer.is_none()),
    ];
    problems.into_iter().flatten().collect()
}

/// Ways that never led to anything, and agents that never ran anything.
fn one_sided(case: &Case) -> Vec<String> {
    // What it is, how often it was offered, how often it came through.
    let mut tried: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let started: BTreeSet<&str> =
        case.stories.values().flat_map(|story| story.starts().map(|line| line.nonce.as_str())).collect();
    for (nonce, wish) in &case.wishes {
        let Some(offer) = &wish.offer else { continue };
        let way = match offer.way {
            Way::Rest { gateway } => format!("by REST at gateway {gateway}, was accepted"),
            Way::Queued { gateway } => format!("by REST with queue at gateway {gateway}, was accepted"),
            Way::Nats => "by NATS, was accepted".to_owned(),
        };
        let agent = format!("of {}, ever started", offer.agent);
        for (what, came_through) in [(way, !wish.accepted.is_empty()), (agent, started.contains(nonce.as_str()))] {
            let (offered, through) = tried.entry(what).or_default();
            *offered += 1;
            *through += usize::from(came_through);
        }
    }
    let never = tried.into_iter().filter(|(_, (offered, through))| *offered >= ENOUGH && *through == 0);
    never.map(|(what, (offered, _))| format!("nothing, of {offered} wishes {what}")).collect()
}

/// Gaps between two looks at the processes of this machine, and looks that see nothing.
fn not_looked(case: &Case) -> Vec<String> {
    let mut problems = Vec::new();
    // A look that found no process of a command has left no line; the same looks also measure the parts.
    let looks = case.alive.iter().map(|alive| alive.at).chain(case.samples.iter().map(|sample| sample.at));
    let moments: BTreeSet<Micros> = looks.chain([case.run.began, case.run.ended]).collect();
    let moments: Vec<Micros> = moments.into_iter().filter(|at| *at >= case.run.began).collect();
    let gap = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    if gap > LONGEST_GAP {
        problems.push(format!("nobody looked at living processes for {} s", gap / 1_000_000));
    }
    let seen: BTreeSet<&str> =
        case.alive.iter().flat_map(|alive| alive.processes.iter().map(|(nonce, _)| nonce.as_str())).collect();
    let long: Vec<&str> = case.stories.values().filter_map(|story| long_lived(case, story)).collect();
    let hidden = long.iter().filter(|nonce| !seen.contains(**nonce)).count();
    if hidden * 2 > long.len() {
        problems.push(format!("{hidden} of {} commands that lived for seconds were never seen alive", long.len()));
    }
    problems
}

/// The nonce of a command whose witness says that it lived for seconds.
fn long_lived<'a>(case: &Case, story: &'a super::story::Story) -> Option<&'a str> {
    let (start, (end, _)) = (story.starts().next()?, story.exits().next()?);
    let sleeps = matches!(case.wish(story)?.offer.as_ref()?.behaviour, Behaviour::Sleep { .. });
    (sleeps && end - start.at >= LONG_LIFE).then_some(start.nonce.as_str())
}

fn not_measured(case: &Case) -> Vec<String> {
    let mut problems = Vec::new();
    let parts: BTreeSet<&str> = case.samples.iter().map(|sample| sample.part.as_str()).collect();
    let has = |part: &str, moment| case.samples.iter().any(|sample| sample.part == part && sample.moment == moment);
    for kind in resources::KINDS {
        if !parts.iter().any(|part| part.starts_with(kind)) {
            problems.push(format!("no {} was measured", kind.trim_end_matches('-')));
        }
    }
    for part in parts.into_iter().filter(|part| resources::is_lasting(part)) {
        for (moment, when) in [(Moment::Before, "before the faults"), (Moment::After, "after the run")] {
            // What never came to rest has no afterwards; that is told by invariant 10.
            let is_due = moment == Moment::Before || case.run.idle_at.is_some();
            if is_due && !has(part, moment) {
                problems.push(format!("{part} was not measured {when}"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};
    use super::*;
    use crate::check::Files;

    #[track_caller]
    fn is_seen(spoil: impl FnOnce(&mut Files), word: &str) {
        let mut files = clean::files();
        spoil(&mut files);
        let texts: Vec<String> = found(files, 0).into_iter().map(|violation| violation.text).collect();
        assert!(texts.iter().any(|text| text.contains(word)), "{word:?} is not in {texts:?}");
    }

    #[test]
    fn what_is_missing_is_told() {
        is_seen(|files| files.witnessed.clear(), "no witness wrote a start");
        is_seen(|files| files.client.clear(), "offered nothing");
        is_seen(|files| files.ledger.clear(), "the ledger has no commands");
        is_seen(|files| files.ledger.retain(|record| record.stream == COMMANDS), "the ledger has no results");
        is_seen(|files| files.told.clear(), "no gateway was asked");
        is_seen(|files| files.faults.clear(), "there was no fault");
        is_seen(|files| files.alive.clear(), "nobody looked at living");
        is_seen(|files| files.samples.clear(), "nobody measured");
        is_seen(|files| files.samples.retain(|one| one.moment != Moment::Before), "agent-0 was not measured before");
        is_seen(|files| files.samples.retain(|one| one.part != "broker-0"), "no broker was measured");
        is_seen(
            |files| files.samples.retain(|one| one.part != "agent-1" || one.moment != Moment::After),
            "agent-1 was not measured after",
        );
    }

    #[test]
    fn a_long_gap_between_looks_is_told() {
        is_seen(
            |files| {
                files.alive.truncate(3);
                files.samples.retain(|sample| sample.moment != Moment::During);
            },
            "looked at living processes for",
        );
        is_seen(|files| files.alive.iter_mut().for_each(|alive| alive.processes.clear()), "never seen alive");
    }

    #[test]
    fn wishes_without_an_answer_are_told() {
        is_seen(
            |files| files.client.retain(|line| !matches!(line.event, crate::evidence::ClientEvent::Accepted { .. })),
            "have no answer",
        );
    }

    #[test]
    fn an_agent_that_never_ran_anything_is_told() {
        is_seen(
            |files| {
                let idle: ogent_protocol::AgentId = "agent-1".parse().unwrap();
                files.witnessed.retain(|line| line.agent != idle);
            },
            "of agent-1, ever started",
        );
    }
}
