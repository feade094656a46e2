//! Receives the wish to end a command from `http`, puts it into the ledger, and makes sure that the agent hears it.

use std::sync::Arc;

use jiff::Timestamp;
use ogent_broker::{CommandRecord, Ledger, ReadError, SubmitError};
use ogent_protocol::intent::IntentType;
use ogent_protocol::rest::{CancelRequest, CommandView};
use ogent_protocol::{Cancel, CommandId, EventKind, Intent, IntentWire, InvalidIntent};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::history::{self, History, HistoryError};
use crate::limits::RING_AFTER;

/// Cancellations that are looked after at once. At the bound one is not: agents read the ledger by themselves, too.
const MAX_REMINDERS: usize = 256;

/// Why a command is not being cancelled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CancelError {
    /// The request is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// The command cannot be found.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The ledger did not take the wish, or did not say so.
    #[error("the cancellation of command {id} could not be put into the history")]
    Submit {
        /// The command.
        id: CommandId,
        /// Why.
        #[source]
        source: SubmitError,
    },
}

/// Cancels commands.
pub(crate) struct Canceller {
    ledger: Ledger,
    history: History,
    reminders: Arc<Semaphore>,
    stopping: CancellationToken,
}

// === impl Canceller ===

impl Canceller {
    /// Gives up its reminders when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(ledger: Ledger, history: History, stopping: CancellationToken) -> Self {
        Self { ledger, history, reminders: Arc::new(Semaphore::new(MAX_REMINDERS)), stopping }
    }

    /// Asks the agent to end a command, and gives the command as it stands. One that has ended stays as it is.
    ///
    /// # Errors
    /// See [`CancelError`].
    pub(crate) async fn cancel(
        &self,
        id: CommandId,
        user: &str,
        request: CancelRequest,
    ) -> Result<CommandView, CancelError> {
        let wish = admit(id, user, request)?;
        let record = self.history.record(&wish.id).await?;
        let last = self.ledger.last_event(&record.agent, &wish.id).await.map_err(HistoryError::Read)?;
        let mut view = history::view(&record, last.as_ref());
        if view.status.is_final() {
            return Ok(view);
        }
        let id = wish.id.clone();
        self.ledger.cancel(&record, &wish).await.map_err(|source| CancelError::Submit { id, source })?;
        view.cancel_requested = true;
        self.remind(record, wish);
        Ok(view)
    }

    /// Rings the agent's bell if it has not reacted within a second: the ledger's own ring may have been lost.
    fn remind(&self, record: CommandRecord, wish: Cancel) {
        let Ok(permit) = Arc::clone(&self.reminders).try_acquire_owned() else { return };
        let (ledger, stopping) = (self.ledger.clone(), self.stopping.clone());
        tokio::spawn(async move {
            let _held = permit;
            tokio::select! {
                () = stopping.cancelled() => {}
                () = remind(&ledger, record, wish) => {}
            }
        });
    }
}

async fn remind(ledger: &Ledger, record: CommandRecord, wish: Cancel) {
    sleep(RING_AFTER).await;
    match has_ended(ledger, &record).await {
        Ok(true) => {}
        Ok(false) => ledger.ring(&record.agent, &Intent::Cancel(wish)).await,
        Err(error) => tracing::debug!(command = %wish.id, %error, "no reminder for a cancellation"),
    }
}

async fn has_ended(ledger: &Ledger, record: &CommandRecord) -> Result<bool, ReadError> {
    let last = ledger.last_event(&record.agent, &record.run.id).await?;
    Ok(last.is_some_and(|last| matches!(last.event.kind, EventKind::Finished(_))))
}

fn admit(id: CommandId, user: &str, request: CancelRequest) -> Result<Cancel, InvalidIntent> {
    let wire = IntentWire {
        kind: IntentType::Cancel,
        id: Some(id),
        requested_by: Some(user.to_owned()),
        requested_at: Some(Timestamp::now()),
        reason: request.reason,
        ..IntentWire::default()
    };
    match wire.admit(CommandId::generate)? {
        Intent::Cancel(cancel) => Ok(cancel),
        // `kind` above decides which of the two comes out.
        Intent::Run(_) => Err(InvalidIntent { field: "type", problem: "must be cancel".to_owned() }),
    }
}
