//! Receives security events as they happen, gives those that are to be stored: what strangers can cause, one by one up
//! to a rate and in sums beyond, so that nobody can flood the stream.

use std::collections::HashMap;

use ogent_protocol::{AuditEvent, AuditKind};
use tokio::time::{Duration, Instant};

/// How long events of one kind and address are summed up.
const WINDOW: Duration = Duration::from_secs(60);
/// Of one kind from one address, so many are told one by one in a window.
const EACH: u64 = 5;
/// Of all that strangers can cause, so many are told one by one in a window.
const ALL: u64 = 120;
/// Addresses that are summed up apart. The others share one sum.
const MAX_SUMS: usize = 256;

/// Counts of this window.
#[derive(Default)]
pub(super) struct Sieve {
    begun: Option<Instant>,
    told: u64,
    counts: HashMap<(AuditKind, Option<String>), Count>,
}

#[derive(Default)]
struct Count {
    told: u64,
    // The first of those that were not told, with the count of all of them.
    held: Option<AuditEvent>,
}

// === impl Sieve ===

impl Sieve {
    /// The event itself, if it is to be stored now.
    pub(super) fn take(&mut self, event: AuditEvent, now: Instant) -> Option<AuditEvent> {
        if !event.kind.is_cheap_to_cause() {
            return Some(event);
        }
        self.begun.get_or_insert(now);
        let mut key = (event.kind, event.facts.address.clone());
        if !self.counts.contains_key(&key) && self.counts.len() >= MAX_SUMS {
            key.1 = None;
        }
        let is_shared = key.1.is_none();
        let count = self.counts.entry(key).or_default();
        if count.told < EACH && self.told < ALL {
            count.told += 1;
            self.told += 1;
            return Some(event);
        }
        match &mut count.held {
            Some(held) => {
                held.facts.count = held.facts.count.saturating_add(event.facts.count);
                // What is not common to all of them is not said of all of them.
                for (one, other) in [
                    (&mut held.facts.by, &event.facts.by),
                    (&mut held.facts.about, &event.facts.about),
                    (&mut held.facts.session, &event.facts.session),
                    (&mut held.facts.detail, &event.facts.detail),
                ] {
                    if one != other {
                        *one = None;
                    }
                }
            }
            None => {
                let mut first = event;
                if is_shared {
                    first.facts.address = None;
                }
                count.held = Some(first);
            }
        }
        None
    }

    /// The sums, where their window is over.
    pub(super) fn due(&mut self, now: Instant) -> Vec<AuditEvent> {
        match self.begun {
            Some(begun) if now.duration_since(begun) >= WINDOW => self.all(),
            _ => Vec::new(),
        }
    }

    /// The sums as they stand; a new window begins.
    pub(super) fn all(&mut self) -> Vec<AuditEvent> {
        let counts = std::mem::take(self).counts;
        counts.into_values().filter_map(|count| count.held).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(address: u32) -> AuditEvent {
        AuditEvent::new("gateway", AuditKind::LoginFailed).from(format!("192.0.2.{address}")).about("alice")
    }

    #[test]
    fn a_flood_becomes_a_few_events_and_a_sum_that_counts_all() {
        let (mut sieve, now) = (Sieve::default(), Instant::now());
        let told = (0..1000).filter_map(|_| sieve.take(failure(1), now)).count();
        assert_eq!(told, 5);
        assert!(sieve.due(now + WINDOW / 2).is_empty());
        let sums = sieve.due(now + WINDOW);
        assert_eq!(sums.len(), 1);
        assert_eq!((sums[0].facts.count, sums[0].facts.about.as_deref()), (995, Some("alice")));
        assert!(sieve.take(failure(1), now + WINDOW).is_some(), "a new window begins");
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_and_counted_whole() {
        let (mut sieve, now) = (Sieve::default(), Instant::now());
        let told = (0..10_000).filter_map(|n| sieve.take(failure(n), now)).count();
        let sums = sieve.due(now + WINDOW);
        assert!(told <= 120 && sums.len() <= MAX_SUMS + 1, "{told} {}", sums.len());
        let summed: u64 = sums.iter().map(|event| event.facts.count).sum();
        assert_eq!(told as u64 + summed, 10_000);
    }

    #[test]
    fn what_nobody_can_cause_at_will_always_passes() {
        let (mut sieve, now) = (Sieve::default(), Instant::now());
        for _ in 0..1000 {
            assert!(sieve.take(AuditEvent::new("gateway", AuditKind::SessionRevoked), now).is_some());
        }
    }
}
