//! Receives from the ledger how full it is, tells `execute` whether there is room for another command.
//!
//! A command that runs must be able to end, so new ones are refused before the stream of results is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ogent_broker::{Ledger, ReadError, Usage};
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// How often the ledger is asked: the last tenth is 0.8 GiB by default, which takes longer than this to fill.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// The share of the stream of results from which on no new commands are taken, in tenths.
const FULL_FROM_TENTHS: u64 = 9;

/// Whether there is room.
#[derive(Clone, Default)]
pub(crate) struct Headroom {
    is_full: Arc<AtomicBool>,
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
        !self.is_full.load(Ordering::Relaxed)
    }

    fn take(&self, usage: Usage) {
        metrics::ledger(usage);
        let is_full = is_full(usage.results);
        if is_full != self.is_full.swap(is_full, Ordering::Relaxed) {
            match is_full {
                true => tracing::warn!("the stream of results is nearly full: no new commands are taken"),
                false => tracing::info!("there is room in the stream of results again"),
            }
        }
    }
}

fn is_full((used, limit): (u64, u64)) -> bool {
    used >= limit / 10 * FULL_FROM_TENTHS
}

#[cfg(test)]
mod tests {
    use super::is_full;

    #[test]
    fn the_last_tenth_is_for_what_runs() {
        assert!(!is_full((899, 1000)));
        assert!(is_full((900, 1000)));
        assert!(!is_full((u64::MAX / 2, u64::MAX)));
    }
}
