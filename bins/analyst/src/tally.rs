//! Receives what happens, gives counts: an analyst has no HTTP, so these are part of its statistics on NATS
//! (`nats micro stats ogent-analysis`).

use std::sync::atomic::{AtomicU64, Ordering};

use ogent_protocol::{AdvisorState, RiskLevel};
use serde_json::{Map, Value, json};

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    levels: [AtomicU64; RiskLevel::ALL.len()],
    answered: AtomicU64,
    no_opinion: AtomicU64,
    busy: AtomicU64,
    absent: AtomicU64,
    /// Requests that were no command to judge.
    pub(crate) refused: Count,
    /// Opinions that were there already.
    pub(crate) from_cache: Count,
    /// Opinions that raised the level.
    pub(crate) raised: Count,
    /// Analyses that were answered and are not in the stream.
    pub(crate) unrecorded: Count,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

// === impl Count ===

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Tally ===

impl Tally {
    /// The rules have judged a command.
    pub(crate) fn judged(&self, level: RiskLevel) {
        let counts = RiskLevel::ALL.iter().zip(&self.levels);
        counts.filter(|(one, _)| **one == level).for_each(|(_, count)| _ = count.fetch_add(1, Ordering::Relaxed));
    }

    /// What became of the model's part in it.
    pub(crate) fn advised(&self, state: AdvisorState) {
        let count = match state {
            AdvisorState::Answered => &self.answered,
            AdvisorState::NoOpinion => &self.no_opinion,
            AdvisorState::Busy => &self.busy,
            AdvisorState::Absent => &self.absent,
            AdvisorState::Pending | AdvisorState::Other => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it; `advisor` is what is known of it now.
    pub(crate) fn show(&self, advisor: Value) -> Value {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let levels: Map<String, Value> = RiskLevel::ALL
            .iter()
            .zip(&self.levels)
            .map(|(level, count)| (level.to_string(), get(count).into()))
            .collect();
        json!({
            "verdicts": levels,
            "refused": self.refused.get(),
            "unrecorded": self.unrecorded.get(),
            "advice": {
                "answered": get(&self.answered),
                "no_opinion": get(&self.no_opinion),
                "busy": get(&self.busy),
                "absent": get(&self.absent),
                "from_cache": self.from_cache.get(),
                "raised": self.raised.get(),
            },
            "advisor": advisor,
        })
    }
}
