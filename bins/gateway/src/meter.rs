//! Receives requests by who makes them, gives those through that are within a rate, and tells the others how long to
//! wait. Counted in each gateway by itself: it protects the gateway, not a secret.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::{API_BURST_SECONDS, MAX_METERED};

/// Counts requests by `K`.
pub(crate) struct Meter<K> {
    per_second: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

// === impl Meter ===

impl<K: Eq + Hash> Meter<K> {
    /// So many a second; for a moment [`API_BURST_SECONDS`] times as many.
    #[must_use]
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// How long to wait, if it is too much.
    pub(crate) fn take(&self, who: K) -> Result<(), Duration> {
        let most = self.per_second * f64::from(API_BURST_SECONDS);
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_METERED && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| bucket.filled(self.per_second, now) < most);
            // All of them busy: beginning anew costs less than looking for one each time.
            if buckets.len() >= MAX_METERED {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(who).or_insert(Bucket { left: most, at: now });
        bucket.left = bucket.filled(self.per_second, now).min(most);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

// === impl Bucket ===

impl Bucket {
    fn filled(&self, per_second: f64, now: Instant) -> f64 {
        self.left + now.saturating_duration_since(self.at).as_secs_f64() * per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_and_each_has_its_own() {
        let meter = Meter::new(2);
        let burst = (0..1000).filter(|_| meter.take("a").is_ok()).count();
        assert_eq!(burst, 2 * API_BURST_SECONDS as usize);
        assert!(meter.take("b").is_ok());
        let wait = meter.take("a").unwrap_err();
        tokio::time::advance(wait + Duration::from_millis(1)).await;
        assert!(meter.take("a").is_ok() && meter.take("a").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded() {
        let meter = Meter::new(1);
        for n in 0..2 * MAX_METERED {
            let _ = meter.take(n);
        }
        assert!(meter.buckets.lock().unwrap().len() <= MAX_METERED);
    }
}
