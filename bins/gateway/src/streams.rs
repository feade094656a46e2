//! Receives SSE and WebSocket connections from `http`, gives each a place, and waits for all of them at the end.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Principal;
use crate::auth::Authority;
use crate::limits::{MAX_STREAMS, RECHECK_EVERY, WS_MAX_STRANGERS};
use crate::metrics;

/// Connections that stay open.
pub(crate) struct Streams {
    places: Places,
    tasks: TaskTracker,
    authority: Authority,
    stopping: CancellationToken,
}

/// How many may be open.
struct Places {
    users: Arc<Semaphore>,
    // Apart from the others: what costs nobody a login must not take what others have logged in for.
    strangers: Arc<Semaphore>,
}

/// The place of one connection. Given back when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: metrics::InFlight,
}

/// Why a connection has to end, though nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its token is no longer good.
    Expired,
    /// Its session has ended, or its user has changed.
    Revoked,
    /// The gateway stops.
    Stopping,
}

// === impl Streams ===

impl Streams {
    /// All connections end when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(authority: Authority, stopping: CancellationToken) -> Self {
        let places = Places::default();
        Self { places, tasks: TaskTracker::new(), authority, stopping }
    }

    /// A place for a connection of that kind (`sse`, `ws`) whose user is known, if there is one.
    #[must_use]
    pub(crate) fn enter(&self, kind: &'static str) -> Option<Place> {
        self.places.enter(kind)
    }

    /// A place for a WebSocket whose client has yet to say who it is, if there is one.
    #[must_use]
    pub(crate) fn enter_as_stranger(&self) -> Option<Place> {
        self.places.enter_as_stranger()
    }

    /// Makes the end of the gateway wait for `task`: a WebSocket has left the HTTP connection that it came on.
    pub(crate) fn track<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        self.tasks.track_future(task)
    }

    /// Resolves when a connection that `principal` has opened has to end.
    pub(crate) fn end_of(&self, principal: &Principal) -> impl Future<Output = Ended> + Send + use<> {
        let (stopping, authority, principal) = (self.stopping.clone(), self.authority.clone(), principal.clone());
        let expires_at = principal.expires_at;
        // A token that has just expired gives a negative duration: then it is the end now.
        let left = expires_at.duration_since(Timestamp::now()).try_into().unwrap_or_default();
        async move {
            tokio::select! {
                () = stopping.cancelled() => Ended::Stopping,
                () = sleep(left) => Ended::Expired,
                () = revoked(authority, principal) => Ended::Revoked,
            }
        }
    }

    /// Resolves when all tracked connections have ended.
    pub(crate) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Asked, not told: a change that nobody has heard is found, too.
async fn revoked(authority: Authority, principal: Principal) {
    let mut tick = interval(RECHECK_EVERY);
    loop {
        tick.tick().await;
        if !authority.is_current(&principal) {
            return;
        }
    }
}

// === impl Places ===

impl Default for Places {
    fn default() -> Self {
        let [users, strangers] = [MAX_STREAMS, WS_MAX_STRANGERS].map(|places| Arc::new(Semaphore::new(places)));
        Self { users, strangers }
    }
}

impl Places {
    fn enter(&self, kind: &'static str) -> Option<Place> {
        Place::take(&self.users, kind)
    }

    fn enter_as_stranger(&self) -> Option<Place> {
        Place::take(&self.strangers, "stranger")
    }
}

// === impl Place ===

impl Place {
    fn take(places: &Arc<Semaphore>, kind: &'static str) -> Option<Self> {
        let permit = Arc::clone(places).try_acquire_owned().ok()?;
        Some(Self { _permit: permit, _counted: metrics::streaming(kind) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_and_users_take_nothing_from_each_other() {
        let streams = Places::default();
        let strangers: Vec<Place> = std::iter::from_fn(|| streams.enter_as_stranger()).take(MAX_STREAMS).collect();
        assert_eq!(strangers.len(), WS_MAX_STRANGERS);
        let users: Vec<Place> = std::iter::from_fn(|| streams.enter("ws")).take(2 * MAX_STREAMS).collect();
        assert_eq!(users.len(), MAX_STREAMS);
        assert!(streams.enter("sse").is_none(), "the two kinds of users share their places");
        drop((strangers, users));
        assert!(streams.enter_as_stranger().is_some() && streams.enter("sse").is_some());
    }
}
