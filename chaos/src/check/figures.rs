//! What was counted: for the table in the report, and for whoever compares runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::story::Story;
use super::{ends, healthy, leftovers};
use crate::evidence::{Behaviour, FaultLine, Micros};

/// The figures of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Wishes that the load client had.
    pub offered: usize,
    /// Those that were taken.
    pub accepted: usize,
    /// Those that were refused, by code.
    pub refused: BTreeMap<String, usize>,
    /// Those of which nobody knows.
    pub unknown: usize,
    /// Commands that the witness saw start.
    pub started: usize,
    /// Commands that it saw start more than once.
    pub double_starts: usize,
    /// Commands that were taken and have no end.
    pub lost_ends: usize,
    /// The same, where the store was set back and may have forgotten it.
    #[serde(default)]
    pub forgotten: usize,
    /// Ends, by outcome.
    pub outcomes: BTreeMap<String, usize>,
    /// Share of all ends that are `lost`.
    pub share_of_lost: f64,
    /// Commands of which something was left alive, and the end said so.
    pub left_and_told: usize,
    /// Faults by kind.
    pub faults: BTreeMap<String, FaultFigures>,
    /// Time to heal, of all faults.
    pub healing: Latency,
    /// Faults whose healing nobody could see, because another one came on top.
    pub covered: usize,
    /// From the offer to the end in the ledger, of quick commands that ran while there was no fault.
    pub quick_in_peace: Latency,
    /// The same of those that met a fault.
    pub quick_under_faults: Latency,
}

/// What there was of one kind of fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultFigures {
    /// How often it was begun.
    pub times: usize,
    /// How often it took place in all: messages dropped, connections reset.
    pub touched: u64,
    /// Time to heal.
    pub healing: Latency,
}

/// Some durations, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: usize,
    /// Half of them took at most this.
    pub p50_ms: f64,
    /// 99 of 100 took at most this.
    pub p99_ms: f64,
    /// The longest.
    pub worst_ms: f64,
}

pub(super) fn of(case: &Case) -> Figures {
    let mut figures = Figures {
        left_and_told: leftovers::told(case),
        covered: healthy::covered(case),
        healing: Latency::of(case.faults.iter().filter_map(healing).collect()),
        ..Figures::default()
    };
    wishes(case, &mut figures);
    commands(case, &mut figures);
    faults(case, &mut figures);
    figures
}

fn wishes(case: &Case, figures: &mut Figures) {
    for wish in case.wishes.values() {
        figures.offered += usize::from(wish.offer.is_some());
        if !wish.accepted.is_empty() {
            figures.accepted += 1;
        } else if let Some((status, code)) = wish.refused.first() {
            let code = if code.is_empty() { status.to_string() } else { code.clone() };
            *figures.refused.entry(code).or_default() += 1;
        } else {
            figures.unknown += wish.unknown.min(1);
        }
    }
}

fn commands(case: &Case, figures: &mut Figures) {
    let (mut peace, mut under) = (Vec::new(), Vec::new());
    for story in case.stories.values() {
        let starts = story.starts().count();
        figures.started += usize::from(starts > 0);
        figures.double_starts += usize::from(starts > 1);
        if !ends::was_taken(case, story) {
            continue;
        }
        match story.end() {
            Some(end) => *figures.outcomes.entry(end.finished.outcome.to_string()).or_default() += 1,
            None if case.is_excused(case.life(story).0, case.seen_until) => figures.forgotten += 1,
            None => figures.lost_ends += 1,
        }
        if let Some((from, to)) = quick(case, story) {
            let met = case.faults.iter().any(|fault| fault.from <= to && from <= healed_at(fault));
            if met { &mut under } else { &mut peace }.push((to - from) as f64 / 1000.0);
        }
    }
    figures.quick_in_peace = Latency::of(peace);
    figures.quick_under_faults = Latency::of(under);
    let ended: usize = figures.outcomes.values().sum();
    let lost = figures.outcomes.get("lost").copied().unwrap_or_default();
    figures.share_of_lost = if ended == 0 { 0.0 } else { lost as f64 / ended as f64 };
}

fn faults(case: &Case, figures: &mut Figures) {
    let mut kinds: BTreeMap<&str, Vec<&FaultLine>> = BTreeMap::new();
    for fault in &case.faults {
        kinds.entry(&fault.kind).or_default().push(fault);
    }
    figures.faults = kinds
        .into_iter()
        .map(|(kind, faults)| {
            let touched = faults.iter().map(|fault| fault.count).sum();
            let healing = Latency::of(faults.iter().copied().filter_map(healing).collect());
            (kind.to_owned(), FaultFigures { times: faults.len(), touched, healing })
        })
        .collect();
}

fn healing(fault: &FaultLine) -> Option<f64> {
    fault.healed_after_us.map(|after| after as f64 / 1000.0)
}

fn healed_at(fault: &FaultLine) -> Micros {
    fault.to + fault.healed_after_us.and_then(|after| Micros::try_from(after).ok()).unwrap_or_default()
}

/// From the offer to the end of a quick command that ran.
fn quick(case: &Case, story: &Story) -> Option<(Micros, Micros)> {
    let offer = case.wish(story)?.offer.as_ref()?;
    let is_quick = matches!(offer.behaviour, Behaviour::Quick { .. }) && story.starts().next().is_some();
    is_quick.then_some((offer.at, story.end()?.at))
}

// === impl Latency ===

impl Latency {
    /// Of these milliseconds.
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { count: times.len(), p50_ms: at(0.5), p99_ms: at(0.99), worst_ms: at(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clean;
    use super::*;

    #[test]
    fn ranks_are_those_of_the_book() {
        let latency = Latency::of((1..=200).rev().map(f64::from).collect());
        assert_eq!(latency, Latency { count: 200, p50_ms: 100.0, p99_ms: 198.0, worst_ms: 200.0 });
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn a_clean_run_is_counted() {
        let mut files = clean::files();
        let again = files.witnessed[0].clone();
        files.witnessed.push(again);
        let at = clean::end_index(&files, "quick-1");
        files.ledger.remove(at);
        let figures = of(&Case::new(files));
        assert_eq!((figures.offered, figures.accepted, figures.unknown), (clean::WISHES, clean::WISHES - 1, 0));
        assert_eq!((figures.double_starts, figures.lost_ends), (1, 1));
        assert_eq!(figures.refused["agent_offline"], 1);
        assert_eq!(figures.outcomes["cancelled"], 1);
        assert_eq!((figures.faults["kill agent"].times, figures.faults["kill agent"].healing.worst_ms), (1, 1500.0));
        assert!(figures.quick_in_peace.count > 10 && figures.quick_under_faults.count > 0);
    }
}
