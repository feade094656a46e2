//! Receives intents that were put into the ledger while nobody waits for them, rings the agent's bell if it has not
//! reacted within a second: the ledger's own ring may have been lost.

use std::sync::Arc;

use ogent_broker::Ledger;
use ogent_protocol::{AgentId, Cancel, EventKind, Intent, Run};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::limits::RING_AFTER;

/// Intents that are looked after at once. At the bound one is not: agents read the ledger by themselves, too.
const MAX_REMINDERS: usize = 256;

/// Reminds agents.
#[derive(Clone)]
pub(crate) struct Reminders {
    ledger: Ledger,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
}

// === impl Reminders ===

impl Reminders {
    /// All are given up when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(ledger: Ledger, stopping: CancellationToken) -> Self {
        Self { ledger, places: Arc::new(Semaphore::new(MAX_REMINDERS)), stopping }
    }

    /// A command that the agent should have claimed by then.
    pub(crate) fn run(&self, agent: AgentId, run: Run) {
        self.remind(agent, Intent::Run(Box::new(run)), |last| last.is_some());
    }

    /// A cancellation after which the command should have ended by then.
    pub(crate) fn cancel(&self, agent: AgentId, cancel: Cancel) {
        self.remind(agent, Intent::Cancel(cancel), |last| matches!(last, Some(EventKind::Finished(_))));
    }

    fn remind(&self, agent: AgentId, intent: Intent, is_done: fn(Option<&EventKind>) -> bool) {
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else { return };
        let (ledger, stopping) = (self.ledger.clone(), self.stopping.clone());
        tokio::spawn(async move {
            let _held = permit;
            tokio::select! {
                () = stopping.cancelled() => {}
                () = ring(&ledger, &agent, &intent, is_done) => {}
            }
        });
    }
}

async fn ring(ledger: &Ledger, agent: &AgentId, intent: &Intent, is_done: fn(Option<&EventKind>) -> bool) {
    sleep(RING_AFTER).await;
    match ledger.last_event(agent, intent.id()).await {
        Ok(last) if is_done(last.as_ref().map(|last| &last.event.kind)) => {}
        Ok(_) => ledger.ring(agent, intent).await,
        Err(error) => tracing::debug!(command = %intent.id(), %error, "no reminder for an agent"),
    }
}
