//! Receives which invitations somebody had a wrong secret for, gives whether that was too often.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ogent_protocol::AgentId;
use tokio::time::Instant;

/// Wrong attempts for one name within [`WINDOW`]. Secrets cannot be guessed; this keeps the log and the broker quiet.
const ATTEMPTS: u32 = 10;
/// After which time they are forgotten.
const WINDOW: Duration = Duration::from_secs(60);
/// Names that are remembered. One on top is not counted: nobody who is right must suffer for it.
const NAMES: usize = 4096;

/// Counts wrong attempts.
#[derive(Debug, Default)]
pub(crate) struct Limiter(Mutex<HashMap<AgentId, (u32, Instant)>>);

// === impl Limiter ===

impl Limiter {
    /// Whether this name was tried wrongly too often.
    pub(crate) fn is_closed(&self, name: &AgentId) -> bool {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(name).is_some_and(|(count, since)| *count >= ATTEMPTS && since.elapsed() < WINDOW)
    }

    /// It was tried wrongly once more.
    pub(crate) fn wrong(&self, name: &AgentId) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= NAMES {
            counts.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        let has_room = counts.len() < NAMES;
        match counts.get_mut(name) {
            Some((count, since)) if since.elapsed() < WINDOW => *count = count.saturating_add(1),
            Some(entry) => *entry = (1, Instant::now()),
            None if has_room => _ = counts.insert(name.clone(), (1, Instant::now())),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn too_many_wrong_attempts_close_one_name_for_a_while() {
        let limiter = Limiter::default();
        let (one, other): (AgentId, AgentId) = ("one".parse().unwrap(), "other".parse().unwrap());
        for _ in 0..ATTEMPTS {
            assert!(!limiter.is_closed(&one));
            limiter.wrong(&one);
        }
        assert!(limiter.is_closed(&one) && !limiter.is_closed(&other));
        tokio::time::advance(WINDOW).await;
        assert!(!limiter.is_closed(&one));
        limiter.wrong(&one);
        assert!(!limiter.is_closed(&one));
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_grow_without_bound() {
        let limiter = Limiter::default();
        for n in 0..2 * NAMES {
            limiter.wrong(&format!("i{n}").parse().unwrap());
        }
        assert_eq!(limiter.0.lock().unwrap().len(), NAMES);
    }
}
