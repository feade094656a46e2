//! Receives from the ledger how full it is, tells `execute` whether there is room for another command
//! or another proposal.
//!
//! A command that runs must be able to end, so new ones are refused before the stream of results is full; a proposal that
//! waits must be able to be decided, so new ones are refused before the stream of approvals is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ogent_broker::{Ledger, ReadError, Usage};
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// How often the ledger is asked: the last tenth is 0.8 GiB by default, which takes longer than this to fill.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// The share of a stream from which on nothing new is taken, in tenths.
const FULL_FROM_TENTHS: u64 = 9;

/// Whether there is room.
#[derive(Clone, Default)]
pub(crate) struct Headroom {
    results_full: Arc<AtomicBool>,
    approvals_full: Arc<AtomicBool>,
}

// === impl Headroom ===

impl Headroom {
    /// Asks now, and again until `stop`.
    ///
    /// # Errors
    /// When the ledger cannot be asked now.
    pub(crate) async fn watch(ledger: Ledger, stop: CancellationToken) -> Result<Self, ReadError> {
        let headroom = Self::default();
        headroom.take(ledger.usage().await?);
        let kept = headroom.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(ASK_EVERY);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = tick.tick() => match ledger.usage().await {
                        Ok(usage) => kept.take(usage),
                        Err(error) => tracing::debug!(%error, "cannot see how full the ledger is"),
                    }
                }
            }
        });
        Ok(headroom)
    }

    /// Whether another command may be taken.
    #[must_use]
    pub(crate) fn has_room(&self) -> bool {
        !self.results_full.load(Ordering::Relaxed)
    }

    /// Whether another proposal may be opened, or another refusal written down.
    #[must_use]
    pub(crate) fn has_room_to_ask(&self) -> bool {
        !self.approvals_full.load(Ordering::Relaxed)
    }

    fn take(&self, usage: Usage) {
        metrics::ledger(usage);
        note("results", is_full(usage.results), &self.results_full);
        note("approvals", is_full(usage.approvals), &self.approvals_full);
    }
}

fn note(stream: &str, is_full: bool, known: &AtomicBool) {
    if is_full != known.swap(is_full, Ordering::Relaxed) {
        match is_full {
            true => tracing::warn!("the stream of {stream} is nearly full: nothing new is taken"),
            false => tracing::info!("there is room in the stream of {stream} again"),
        }
    }
}

fn is_full((used, limit): (u64, u64)) -> bool {
    used >= limit / 10 * FULL_FROM_TENTHS
}

#[cfg(test)]
mod tests {
    use super::{Headroom, Usage, is_full};

    #[test]
    fn the_last_tenth_is_for_what_runs() {
        assert!(!is_full((899, 1000)));
        assert!(is_full((900, 1000)));
        assert!(!is_full((u64::MAX / 2, u64::MAX)));
    }

    #[test]
    fn proposals_leave_room_for_decisions() {
        let headroom = Headroom::default();
        headroom.take(Usage { commands: (0, 1000), results: (0, 1000), approvals: (900, 1000) });
        assert!(headroom.has_room() && !headroom.has_room_to_ask());
        headroom.take(Usage { commands: (0, 1000), results: (900, 1000), approvals: (0, 1000) });
        assert!(!headroom.has_room() && headroom.has_room_to_ask());
    }
}
