//! Receives who wants to ask the model, gives each a place to wait and then a turn, or neither.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Those who wait for the model, and those whom it works for. Cheap to share.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    size: usize,
}

/// A place in the queue. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    held: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
}

/// The right to ask now, together with the place. Both are free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

// === impl Queue ===

impl Queue {
    /// With `size` places, of which `at_once` may ask at the same time.
    pub(crate) fn new(size: usize, at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(size)), turns: Arc::new(Semaphore::new(at_once)), size }
    }

    /// A place, unless all are taken.
    pub(crate) fn join(&self) -> Option<Place> {
        let held = self.places.clone().try_acquire_owned().ok()?;
        Some(Place { held, turns: self.turns.clone() })
    }

    /// How many places are taken.
    pub(crate) fn len(&self) -> usize {
        self.size.saturating_sub(self.places.available_permits())
    }
}

// === impl Place ===

impl Place {
    /// Waits for a turn, in the order of the places; none when it has not come within `patience`.
    pub(crate) async fn turn(self, patience: Duration) -> Option<Turn> {
        let turn = tokio::time::timeout(patience, self.turns.acquire_owned()).await.ok()?.ok()?;
        Some(Turn { _place: self.held, _turn: turn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_takes_nobody_until_one_has_left() {
        let queue = Queue::new(2, 1);
        let (one, two) = (queue.join().unwrap(), queue.join().unwrap());
        assert!(queue.join().is_none());
        assert_eq!(queue.len(), 2);
        let turn = one.turn(Duration::from_secs(1)).await.unwrap();
        // The turn is taken: the second waits in vain, and gives up its place with that.
        assert!(two.turn(Duration::from_secs(1)).await.is_none());
        assert_eq!(queue.len(), 1);
        let third = queue.join().unwrap();
        drop(turn);
        assert!(third.turn(Duration::from_secs(1)).await.is_some());
        assert_eq!(queue.len(), 0);
    }
}
