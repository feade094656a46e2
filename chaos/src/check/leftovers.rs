//! Invariant 6: after `cancelled` or `timed_out`, no process of that command is alive 5 s later.

use std::collections::HashMap;

use ogent_protocol::{CommandId, Outcome};

use super::Violation;
use super::case::Case;
use super::limits::GONE_WITHIN;
use super::story::{End, Story};
use crate::evidence::{Behaviour, Micros};

/// When each command was last seen alive, and which processes.
type LastSeen<'a> = HashMap<&'a str, (Micros, &'a [u32])>;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let seen = last_seen(case);
    case.stories.iter().filter_map(|(command, story)| of(case, command, story, &seen)).collect()
}

fn last_seen(case: &Case) -> LastSeen<'_> {
    let looks = case.alive.iter().flat_map(|look| look.processes.iter().map(|(nonce, pids)| (nonce, look.at, pids)));
    // The looks come by time, so that the last one stays.
    looks.filter(|(_, _, pids)| !pids.is_empty()).map(|(nonce, at, pids)| (nonce.as_str(), (at, &pids[..]))).collect()
}

fn of(case: &Case, command: &CommandId, story: &Story, seen: &LastSeen<'_>) -> Option<Violation> {
    let (at, end, pids) = left(story, seen)?;
    // Without cgroups nobody can find a process that left the group; then the end has to say that something is left.
    if is_escape_artist(case, story) && !case.run.cgroups && end.finished.left_running {
        return None;
    }
    let after = (at - end.at) as f64 / 1e6;
    let text =
        format!("{} of its processes lived {after:.1} s after it was {}: {pids:?}", pids.len(), end.finished.outcome);
    let violation = Violation::of(6, text).command(command);
    Some(match &story.nonce {
        Some(nonce) => violation.nonce(nonce),
        None => violation,
    })
}

/// What was alive too long after the end.
fn left<'a>(story: &'a Story, seen: &LastSeen<'a>) -> Option<(Micros, End<'a>, &'a [u32])> {
    let end = story.end().filter(|end| matches!(end.finished.outcome, Outcome::Cancelled | Outcome::TimedOut))?;
    let &(at, pids) = seen.get(story.nonce.as_deref()?)?;
    (at >= end.at + GONE_WITHIN).then_some((at, end, pids))
}

/// Whether its processes leave the group.
fn is_escape_artist(case: &Case, story: &Story) -> bool {
    let offer = case.wish(story).and_then(|wish| wish.offer.as_ref());
    offer.is_some_and(|offer| matches!(offer.behaviour, Behaviour::Setsid { .. } | Behaviour::ForkBomb { .. }))
}

/// Commands of which something was left and the end said so, because this machine has no cgroups for agents.
pub(super) fn told(case: &Case) -> usize {
    let seen = last_seen(case);
    let is_told = |story: &&Story| left(story, &seen).is_some_and(|(_, end, _)| end.finished.left_running);
    case.stories.values().filter(is_told).count()
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};
    use crate::check::Files;
    use crate::evidence::{Alive, Behaviour};

    /// The cancelled command of the clean run is still alive so long after its end.
    fn alive_after(seconds: i64) -> Files {
        let mut files = clean::files();
        let end = clean::end_of(&files, "cancelled");
        let processes = vec![("cancelled".to_owned(), vec![7, 8])];
        files.alive.push(Alive { at: end + seconds * 1_000_000, processes });
        files
    }

    #[test]
    fn a_process_that_outlives_its_cancelled_command_is_found() {
        let violations = found(alive_after(6), 6);
        assert_eq!(violations.len(), 1);
        assert!(violations[0].text.contains("6.0 s after"), "{violations:?}");
        assert!(found(alive_after(4), 6).is_empty());
    }

    #[test]
    fn without_cgroups_what_left_the_group_may_stay_if_the_end_says_so() {
        for (says_so, expected) in [(true, 0), (false, 1)] {
            let mut files = alive_after(6);
            files.run.cgroups = false;
            clean::set_behaviour(&mut files, "cancelled", Behaviour::Setsid { ms: 1 });
            clean::change_end(&mut files, "cancelled", |data| data["left_running"] = says_so.into());
            assert_eq!(found(files, 6).len(), expected, "{says_so}");
        }
    }

    #[test]
    fn with_cgroups_nothing_may_stay() {
        let mut files = alive_after(6);
        clean::set_behaviour(&mut files, "cancelled", Behaviour::Setsid { ms: 1 });
        clean::change_end(&mut files, "cancelled", |data| data["left_running"] = true.into());
        assert_eq!(found(files, 6).len(), 1);
    }
}
