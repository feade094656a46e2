//! Receives a wish, tells whether this machine bears it now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::mix::FLOOD;
use super::wish::Wish;
use crate::evidence::Behaviour;

/// How many nasty commands there may be at once.
pub(super) struct Caps {
    floods: Arc<Semaphore>,
    bombs: Arc<Semaphore>,
    /// Those that leave processes behind, or hold an agent's slot.
    lingering: Arc<Semaphore>,
    /// Everything that is asked for and not settled.
    all: Arc<Semaphore>,
}

/// Leave to ask for one wish.
pub(super) struct Leave {
    /// Held until the wish is settled.
    pub(super) asking: OwnedSemaphorePermit,
    /// Held as long as the command may do harm.
    pub(super) nasty: Option<OwnedSemaphorePermit>,
}

/// Grace of the agent, and what it takes to notice.
const LINGER: Duration = Duration::from_secs(5);

// === impl Caps ===

impl Caps {
    pub(super) fn new() -> Self {
        let new = |permits| Arc::new(Semaphore::new(permits));
        Self { floods: new(1), bombs: new(2), lingering: new(12), all: new(64) }
    }

    /// Leave for this wish; `None` when it has to be passed over.
    pub(super) fn leave(&self, wish: &Wish) -> Option<Leave> {
        let kind = match wish.behaviour {
            Behaviour::Print { bytes, .. } if bytes >= FLOOD => Some(&self.floods),
            Behaviour::ForkBomb { .. } => Some(&self.bombs),
            Behaviour::IgnoreTerm { .. } | Behaviour::Setsid { .. } | Behaviour::HoldPipes { .. } => {
                Some(&self.lingering)
            }
            _ => None,
        };
        let nasty = match kind {
            Some(kind) => Some(Arc::clone(kind).try_acquire_owned().ok()?),
            None => None,
        };
        Some(Leave { asking: Arc::clone(&self.all).try_acquire_owned().ok()?, nasty })
    }
}

/// How long after it was taken a command without a known end may do harm.
pub(super) fn harmful_for(wish: &Wish) -> Duration {
    // Who may wait for minutes would hold its place for minutes: these do little, and one more does not matter.
    wish.patience().min(Duration::from_secs(20)) + wish.timeout + LINGER
}
