//! Receives a filter and a cursor from `GET /commands`, gives back one page of commands, newest first.

use std::collections::HashMap;

use jiff::Timestamp;
use ogent_broker::{CommandRecord, ReadError, Scan, StoredEvent};
use ogent_protocol::rest::{CommandPage, CommandView};
use ogent_protocol::{AgentId, CommandId, CommandStatus};
use tokio::time::Instant;

use super::{Cursor, History, view};
use crate::limits::{MAX_PAGE, MAX_SCANS, SCAN_WITHIN};

/// Which commands are wanted; what is absent does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// For that agent.
    pub(crate) agent: Option<AgentId>,
    /// In that status now.
    pub(crate) status: Option<CommandStatus>,
    /// Asked for by that user.
    pub(crate) user: Option<String>,
    /// Taken by the ledger at that moment or later.
    pub(crate) since: Option<Timestamp>,
    /// Taken by the ledger at that moment or before.
    pub(crate) until: Option<Timestamp>,
}

/// A page as it fills.
struct Filling {
    commands: Vec<CommandView>,
    limit: usize,
}

// === impl History ===

impl History {
    /// At most `limit` commands that match, older than `cursor`.
    ///
    /// The status of a command is not stored with it, so a rare one may need many pages of the ledger. A request
    /// looks through so many for so long, then returns what it has with a cursor to go on.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn list(
        &self,
        filter: &Filter,
        limit: usize,
        cursor: Option<Cursor>,
    ) -> Result<CommandPage, ReadError> {
        let give_up = Instant::now() + SCAN_WITHIN;
        let mut page = Filling { commands: Vec::new(), limit };
        let mut before = cursor.map(|cursor| cursor.before);
        for _ in 0..MAX_SCANS {
            // Only a filter by status throws away what a scan has found; without one, no more is read than shown.
            let batch = if filter.status.is_some() { MAX_PAGE } else { limit - page.commands.len() };
            let found = self.ledger.list(&filter.scan(before, batch)).await?;
            let keys: Vec<_> =
                found.records.iter().map(|record| (record.agent.clone(), record.run.id.clone())).collect();
            let events = if keys.is_empty() { HashMap::new() } else { self.ledger.last_events(&keys).await? };
            before = page.take(&found.records, &events, filter.status).or(found.next_before);
            if before.is_none() || page.is_full() || Instant::now() >= give_up {
                break;
            }
        }
        let next_cursor = before.map(|before| Cursor { before }.to_string());
        Ok(CommandPage { commands: page.commands, next_cursor })
    }
}

// === impl Filter ===

impl Filter {
    fn scan(&self, before: Option<u64>, limit: usize) -> Scan {
        let user = self.user.clone();
        Scan {
            agent: self.agent.clone(),
            before,
            until: self.until,
            since: self.since,
            limit,
            keep: Box::new(move |record| user.is_none() || record.run.requested_by == user),
        }
    }
}

// === impl Filling ===

impl Filling {
    /// Takes those of `records` that are in the wanted status. When the page is full before they are used up, gives
    /// back the sequence before which the next page begins.
    fn take(
        &mut self,
        records: &[CommandRecord],
        events: &HashMap<CommandId, StoredEvent>,
        wanted: Option<CommandStatus>,
    ) -> Option<u64> {
        let mut left = records.iter();
        while let Some(record) = left.next() {
            let view = view(record, events.get(&record.run.id));
            if wanted.is_none_or(|wanted| view.status == wanted) {
                self.commands.push(view);
            }
            if self.is_full() && !left.as_slice().is_empty() {
                return Some(record.sequence);
            }
        }
        None
    }

    fn is_full(&self) -> bool {
        self.commands.len() >= self.limit
    }
}
