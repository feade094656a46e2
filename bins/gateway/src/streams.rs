//! Receives SSE and WebSocket connections from `http`, gives each a place, and waits for all of them at the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Principal;
use crate::auth::Authority;
use crate::limits::{MAX_STREAMS, MAX_STREAMS_EACH, RECHECK_EVERY, WS_MAX_STRANGERS};
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
    each: Each,
}

/// How many each user has; who has none is not in it.
type Each = Arc<Mutex<HashMap<String, usize>>>;

/// One more of what a user has. One less when dropped.
struct Share {
    user: String,
    each: Each,
}

/// The place of one connection. Given back when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    // A stranger has none.
    _share: Option<Share>,
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

    /// A place for a connection of that kind (`sse`, `ws`) that `principal` has opened, if there is one.
    #[must_use]
    pub(crate) fn enter(&self, kind: &'static str, principal: &Principal) -> Option<Place> {
        self.places.enter(kind, &principal.user)
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
        Self { users, strangers, each: Each::default() }
    }
}

impl Places {
    fn enter(&self, kind: &'static str, user: &str) -> Option<Place> {
        let share = Share::take(&self.each, user)?;
        Place::take(&self.users, kind, Some(share))
    }

    fn enter_as_stranger(&self) -> Option<Place> {
        Place::take(&self.strangers, "stranger", None)
    }
}

// === impl Share ===

impl Share {
    fn take(each: &Each, user: &str) -> Option<Self> {
        let mut counts = each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(user.to_owned()).or_default();
        if *count >= MAX_STREAMS_EACH {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Self { user: user.to_owned(), each: Arc::clone(each) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Occupied(mut count) = counts.entry(std::mem::take(&mut self.user)) else { return };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

// === impl Place ===

impl Place {
    fn take(places: &Arc<Semaphore>, kind: &'static str, share: Option<Share>) -> Option<Self> {
        let permit = Arc::clone(places).try_acquire_owned().ok()?;
        Some(Self { _permit: permit, _share: share, _counted: metrics::streaming(kind) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_and_users_take_nothing_from_each_other() {
        let streams = &Places::default();
        let strangers: Vec<Place> = std::iter::from_fn(|| streams.enter_as_stranger()).take(MAX_STREAMS).collect();
        assert_eq!(strangers.len(), WS_MAX_STRANGERS);
        let all = |user| std::iter::from_fn(move || streams.enter("ws", user)).take(2 * MAX_STREAMS);
        let users: Vec<Place> = all("ann").chain(all("bob")).collect();
        assert_eq!(users.len(), MAX_STREAMS);
        assert!(streams.enter("sse", "eve").is_none(), "the two kinds of users share their places");
        drop((strangers, users));
        assert!(streams.enter_as_stranger().is_some() && streams.enter("sse", "eve").is_some());
    }

    #[test]
    fn one_user_leaves_places_for_others() {
        let streams = Places::default();
        let mut of_ann: Vec<Place> = std::iter::from_fn(|| streams.enter("ws", "ann")).take(MAX_STREAMS).collect();
        assert_eq!(of_ann.len(), MAX_STREAMS_EACH);
        assert!(streams.enter("sse", "bob").is_some());
        of_ann.pop();
        assert!(streams.enter("sse", "ann").is_some(), "what is given back counts no more");
        of_ann.clear();
        assert!(streams.each.lock().unwrap().is_empty(), "who has none is not remembered");
    }
}
