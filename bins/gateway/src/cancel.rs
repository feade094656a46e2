//! Receives the wish to end a command from `http`, puts it into the ledger, and makes sure that the agent hears it. What
//! still waits for its approval is taken back.

use jiff::Timestamp;
use ogent_broker::{Ledger, SubmitError};
use ogent_protocol::intent::IntentType;
use ogent_protocol::rest::{CancelRequest, CommandView};
use ogent_protocol::{Cancel, CommandId, Intent, IntentWire, InvalidIntent};

use crate::gate::{DecideError, Decider};
use crate::history::{self, Found, History, HistoryError};
use crate::remind::Reminders;

/// Why a command is not being cancelled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CancelError {
    /// The request is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// The command cannot be found.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It waits for its approval, and cannot be taken back.
    #[error(transparent)]
    Decide(#[from] DecideError),
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
    decider: Decider,
    reminders: Reminders,
}

// === impl Canceller ===

impl Canceller {
    #[must_use]
    pub(crate) fn new(ledger: Ledger, history: History, decider: Decider, reminders: Reminders) -> Self {
        Self { ledger, history, decider, reminders }
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
        let mut found = self.history.look(&wish.id).await?;
        if let Found::Proposal(_) = &found {
            match self.decider.withdraw(&wish.id, user, wish.reason.clone()).await? {
                Some(view) => return Ok(view),
                // Approved in this moment: a command like any other.
                None => found = self.history.look(&wish.id).await?,
            }
        }
        let record = match found {
            Found::Command(record) => *record,
            Found::Proposal(_) => return Err(DecideError::Contested(wish.id).into()),
        };
        let last = self.ledger.last_event(&record.agent, &wish.id).await.map_err(HistoryError::Read)?;
        let mut view = history::view(&record, last.as_ref());
        if view.status.is_final() {
            return Ok(view);
        }
        let id = wish.id.clone();
        self.ledger.cancel(&record, &wish).await.map_err(|source| CancelError::Submit { id, source })?;
        view.cancel_requested = true;
        self.reminders.cancel(record.agent, wish);
        Ok(view)
    }
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
