//! Receives the events of one command from the ledger, gives `execute` its result, or what is known at the deadline.

use std::pin::pin;

use ogent_broker::{ReadError, StoredEvent, Watch};
use ogent_protocol::limits::MAX_INLINE_BYTES;
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{AgentId, EventKind, Intent, Lifecycle, Run};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::{Answer, Executor, pending};
use crate::limits::{RING_AFTER, RING_EVERY};
use crate::metrics;

/// A place among the requests that may wait. Given back when dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _counted: metrics::InFlight,
}

// === impl Place ===

impl Place {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit, _counted: metrics::waiting() }
    }
}

// === impl Executor ===

impl Executor {
    /// Waits until the command has ended, `deadline` has come, or the gateway stops.
    pub(super) async fn wait(&self, mut watch: Watch, agent: &AgentId, run: &Run, deadline: Instant) -> Answer {
        let mut fold = ResultFold::new(MAX_INLINE_BYTES);
        let mut state = Lifecycle::default();
        let mut bell = bell();
        loop {
            let unclaimed = state == Lifecycle::Unclaimed;
            let stored = match self.next(&mut watch, deadline, &mut bell, unclaimed.then_some((agent, run))).await {
                Some(Ok(stored)) => stored,
                Some(Err(error)) => {
                    // The command is in the ledger all the same: "not yet" is what is true.
                    tracing::warn!(command = %run.id, %error, "stopped waiting for a command");
                    return pending(agent, run, state.status());
                }
                None => return pending(agent, run, state.status()),
            };
            match state.apply(&stored.event.kind) {
                Ok(next) => state = next,
                Err(error) => tracing::error!(command = %run.id, %error, "invariant violated: events out of order"),
            }
            fold.see(&stored.event.kind);
            if let EventKind::Finished(end) = &stored.event.kind {
                return Answer::Finished(Box::new(fold.finish(agent, &run.id, end)));
            }
        }
    }

    /// The next event, or `None` when there is no more time. Rings the bell while nobody has claimed the command.
    async fn next(
        &self,
        watch: &mut Watch,
        deadline: Instant,
        bell: &mut Interval,
        unclaimed: Option<(&AgentId, &Run)>,
    ) -> Option<Result<StoredEvent, ReadError>> {
        // Pinned outside the loop: the watch has timers of its own, after which it looks into the ledger, and each
        // ring of the bell would set them back.
        let mut event = pin!(watch.next());
        loop {
            tokio::select! {
                biased;
                event = &mut event => return Some(event),
                () = sleep_until(deadline) => return None,
                () = self.stopping.cancelled() => return None,
                _ = bell.tick() => if let Some((agent, run)) = unclaimed { self.ring(agent, run) },
            }
        }
    }

    fn ring(&self, agent: &AgentId, run: &Run) {
        let (ledger, agent, intent) = (self.ledger.clone(), agent.clone(), Intent::Run(Box::new(run.clone())));
        // Not awaited here: while the broker is away a publish may wait, and the deadline must not.
        tokio::spawn(async move { ledger.ring(&agent, &intent).await });
    }
}

fn bell() -> Interval {
    let mut bell = interval_at(Instant::now() + RING_AFTER, RING_EVERY);
    bell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    bell
}
