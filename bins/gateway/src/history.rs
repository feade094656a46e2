//! Receives questions about commands from `http`, answers them from the ledger. Keeps nothing itself.

mod cursor;
mod follow;
mod list;
mod output;

use ogent_broker::{BrokerError, CommandRecord, Ledger, ReadError, StoredEvent};
use ogent_protocol::CommandId;
use ogent_protocol::rest::CommandView;

pub(crate) use cursor::Cursor;
pub(crate) use follow::Follow;
pub(crate) use list::Filter;

/// Why a question about a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    /// The ledger does not have it, or no longer.
    #[error("there is no command {0}")]
    NotFound(CommandId),
    /// The ledger cannot be read.
    #[error("the history cannot be read")]
    Read(#[from] ReadError),
    /// The live feed cannot be followed.
    #[error("the live feed cannot be followed")]
    Follow(#[from] BrokerError),
}

/// Reads commands from the ledger.
#[derive(Clone)]
pub(crate) struct History {
    ledger: Ledger,
}

// === impl History ===

impl History {
    /// Reads from `ledger`.
    #[must_use]
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// One command as people see it.
    ///
    /// # Errors
    /// When there is none of that id, or the ledger cannot be read.
    pub(crate) async fn find(&self, id: &CommandId) -> Result<CommandView, HistoryError> {
        let record = self.record(id).await?;
        let last = self.ledger.last_event(&record.agent, id).await?;
        Ok(view(&record, last.as_ref()))
    }

    /// One command as the ledger has it.
    ///
    /// # Errors
    /// When there is none of that id, or the ledger cannot be read.
    pub(crate) async fn record(&self, id: &CommandId) -> Result<CommandRecord, HistoryError> {
        self.ledger.find(id).await?.ok_or_else(|| HistoryError::NotFound(id.clone()))
    }
}

/// What people see of a command whose latest event is `last`.
#[must_use]
pub(crate) fn view(record: &CommandRecord, last: Option<&StoredEvent>) -> CommandView {
    let mut view = CommandView::queued(&record.agent, &record.run, record.stored_at);
    view.cancel_requested = record.cancel.is_some();
    if let Some(last) = last {
        view.see(&last.event);
    }
    view
}
