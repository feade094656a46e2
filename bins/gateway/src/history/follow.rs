//! Receives a command's events from the ledger, gives them to SSE and WebSocket: those stored, then those to come.

use ogent_broker::{ReadError, StoredEvent, Watch, WatchStart};
use ogent_protocol::rest::CommandView;
use ogent_protocol::{CommandId, CommandStatus, EventKind};

use super::{History, HistoryError, view};

/// The events of one command, in order, until its end.
pub(crate) struct Follow {
    watch: Option<Watch>,
    status: CommandStatus,
}

// === impl History ===

impl History {
    /// Follows a command from the event after number `after`, or from its first one.
    ///
    /// # Errors
    /// When there is no such command, or the ledger cannot be read.
    pub(crate) async fn follow(&self, id: &CommandId, after: Option<u64>) -> Result<Follow, HistoryError> {
        let record = self.record(id).await?;
        let last = self.ledger.last_event(&record.agent, id).await?;
        let shown: CommandView = view(&record, last.as_ref());
        let next = last.map_or(0, |last| last.event.n.saturating_add(1));
        // A client cannot have seen what is not there: a larger number would wait for an event that never comes.
        let from = after.map_or(0, |after| after.saturating_add(1)).min(next);
        if shown.status.is_final() && from == next {
            return Ok(Follow { watch: None, status: shown.status });
        }
        let watch = self.ledger.watch(&record.agent, id, WatchStart::From(from)).await?;
        Ok(Follow { watch: Some(watch), status: shown.status })
    }
}

// === impl Follow ===

impl Follow {
    /// The next event; `None` once the command has ended. Waits for it.
    ///
    /// # Errors
    /// When the ledger cannot be read. What follows can be had by following again.
    pub(crate) async fn next(&mut self) -> Result<Option<StoredEvent>, ReadError> {
        let Some(watch) = &mut self.watch else { return Ok(None) };
        let stored = watch.next().await?;
        if let EventKind::Finished(end) = &stored.event.kind {
            self.status = end.outcome.into();
            self.watch = None;
        }
        Ok(Some(stored))
    }

    /// How the command ended, once [`Follow::next`] has given `None`.
    #[must_use]
    pub(crate) fn status(&self) -> CommandStatus {
        self.status
    }
}
