//! Invariant 10: within 60 s of the last fault, everything is idle and healthy again, without help.

use super::Violation;
use super::case::Case;
use super::limits::HEALING;
use crate::evidence::{FaultLine, Micros};

/// How long the nemesis tries at least to get through, before it says that a fault did not heal because of others.
const TRIED_FOR: Micros = 4 * HEALING;

/// Things that were not idle, of which each is a violation of its own; more are counted.
const TOLD: usize = 10;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    let run = &case.run;
    // What the load asked for until its own end may run for a while.
    let since = run.faults_to.max(run.ended);
    let late = match run.idle_at {
        Some(at) if at <= since + HEALING => None,
        Some(at) => Some(format!(
            "everything was idle and healthy only {:.1} s after the last fault",
            (at - since) as f64 / 1e6
        )),
        None => Some("not everything was idle and healthy again within 60 s of the last fault".to_owned()),
    };
    found.extend(late.map(|late| Violation::of(10, late)));
    found.extend(run.not_idle.iter().take(TOLD).map(|what| Violation::of(10, what.clone())));
    if let Some(more) = run.not_idle.len().checked_sub(TOLD).filter(|more| *more > 0) {
        found.push(Violation::of(10, format!("{more} more things were not idle or healthy")));
    }
    let unhealed = case.faults.iter().filter(|fault| is_unhealed(case, fault));
    found.extend(unhealed.map(|fault| {
        let (at, parts) = ((fault.to - run.began) as f64 / 1e6, fault.parts.join(", "));
        Violation::of(10, format!("{} of {parts} was over at {at:.1} s, and did not heal within 60 s", fault.kind))
    }));
    found
}

/// Whether nobody could get through after a fault, though for a minute nothing else was in the way.
fn is_unhealed(case: &Case, fault: &FaultLine) -> bool {
    // Nobody was met whom one could ask.
    if fault.parts.is_empty() {
        return false;
    }
    let tried_until = match fault.healed_after_us.map(|after| Micros::try_from(after).unwrap_or(Micros::MAX)) {
        Some(after) if after <= HEALING => return false,
        Some(after) => fault.to.saturating_add(after),
        None => case.seen_until.min(fault.to + TRIED_FOR),
    };
    longest_peace(case, fault, tried_until) >= HEALING
}

/// The longest time after a fault, until `until`, in which no other fault was in the way of a probe.
fn longest_peace(case: &Case, fault: &FaultLine, until: Micros) -> Micros {
    let others = case.faults.iter().filter(|other| *other != fault && is_in_the_way(fault, other));
    let (mut since, mut longest) = (fault.to, 0);
    // Faults come by their begin.
    for other in others.filter(|other| other.from < until) {
        longest = longest.max(other.from - since);
        since = since.max(other.to);
    }
    longest.max(until - since)
}

/// Whether a probe of what one fault has met can fail because of another fault. Who was asked to see a broker or a
/// gateway work again is not known here: it may have been any agent.
fn is_in_the_way(fault: &FaultLine, other: &FaultLine) -> bool {
    let is_common = |part: &String| part.starts_with("broker") || part.starts_with("gateway");
    let is_same = |part: &String| fault.parts.contains(part);
    let shares_agent = || other.can_lose.iter().any(|agent| is_same(&agent.to_string()));
    fault.parts.iter().any(is_common)
        || other.parts.iter().any(|part| is_common(part) || is_same(part))
        || shares_agent()
}

/// Faults that were not seen to heal because others came on top.
pub(super) fn covered(case: &Case) -> usize {
    let open = case.faults.iter().filter(|fault| fault.healed_after_us.is_none() && !fault.parts.is_empty());
    open.filter(|fault| !is_unhealed(case, fault)).count()
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};

    #[test]
    fn what_does_not_come_to_rest_is_found() {
        let mut files = clean::files();
        files.run.idle_at = None;
        files.run.not_idle = vec!["agent-3 is offline at gateway 1".to_owned()];
        let texts: Vec<String> = found(files, 10).into_iter().map(|one| one.text).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[1].contains("agent-3 is offline"));
        let mut files = clean::files();
        files.run.idle_at = Some(files.run.ended + 61_000_000);
        assert!(found(files, 10)[0].text.contains("only 61.0 s"));
    }

    #[test]
    fn a_fault_that_does_not_heal_is_found_unless_others_were_in_the_way() {
        const MINUTE: i64 = 60_000_000;
        let unhealed = |others: &[(&str, i64, i64)]| {
            let mut files = clean::files();
            let to = files.faults[0].to;
            files.faults[0].healed_after_us = None;
            // The run went on for a while.
            files.run.ended = to + 5 * MINUTE;
            files.run.idle_at = Some(files.run.ended);
            let faults = others.iter().map(|(part, from, until)| clean::fault("cut off", part, to + from, to + until));
            files.faults.extend(faults);
            found(files, 10).len()
        };
        assert_eq!(unhealed(&[]), 1);
        assert_eq!(unhealed(&[("agent-1", 0, 5 * MINUTE)]), 1, "another agent's fault is not in the way");
        assert_eq!(unhealed(&[("agent-0", 1, MINUTE), ("broker-0", MINUTE, 4 * MINUTE)]), 0);
        assert_eq!(
            unhealed(&[("agent-0", 1, MINUTE), ("broker-0", 3 * MINUTE, 4 * MINUTE)]),
            1,
            "in between was peace"
        );
    }

    #[test]
    fn slow_healing_is_found() {
        let mut files = clean::files();
        files.faults[0].healed_after_us = Some(61_000_000);
        assert!(found(files, 10)[0].text.contains("did not heal within 60 s"));
    }
}
