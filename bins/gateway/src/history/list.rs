//! Receives a filter and a cursor from `GET /commands`, gives back one page of commands, newest first: those that were
//! sent, and among them those that somebody had to approve or that policy refused, which have a stream of their own.

use std::collections::HashMap;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use ogent_broker::{CommandRecord, ReadError, Scan};
use ogent_protocol::rest::{CommandPage, CommandView};
use ogent_protocol::{AgentId, CommandId, CommandStatus, EventKind};
use tokio::time::Instant;

use super::merge::{Page, Row, Source};
use super::{Cursor, History, Place, view};
use crate::access::{Resource, Seen};
use crate::limits::{FIRST_EVENTS_AT_ONCE, MAX_PAGE, MAX_SCANS, SCAN_WITHIN};

/// Which commands are wanted; what is absent does not matter.
#[derive(Clone)]
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
    /// Which the one who asks may see.
    pub(crate) seen: Seen,
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
        let cursor = cursor.map(|cursor| self.seal.open(cursor));
        let mut commands = Source::from(cursor.map(|cursor| cursor.commands), filter.wants_commands());
        let mut proposals = Source::from(cursor.map(|cursor| cursor.proposals), filter.wants_proposals());
        let mut page = Page::new(limit);
        for _ in 0..MAX_SCANS {
            if commands.is_dry() {
                let page = self.commands(filter, commands.before(), page.room()).await?;
                commands.fill(page);
            }
            if proposals.is_dry() {
                let page = self.proposals(filter, proposals.before(), page.room()).await?;
                proposals.fill(page);
            }
            page.take(&mut commands, &mut proposals);
            if page.room() == 0 || (commands.has_ended() && proposals.has_ended()) || Instant::now() >= give_up {
                break;
            }
        }
        let is_last = commands.has_ended() && proposals.has_ended();
        let cursor = self.seal.close(Place { commands: commands.resume(), proposals: proposals.resume() });
        Ok(CommandPage { commands: page.into_rows(), next_cursor: (!is_last).then(|| cursor.to_string()) })
    }

    /// Commands that were sent.
    async fn commands(
        &self,
        filter: &Filter,
        before: Option<u64>,
        room: usize,
    ) -> Result<super::merge::Batch, ReadError> {
        // Only a filter by status throws away what a scan has found; without one, no more is read than shown.
        let limit = if filter.status.is_some() { MAX_PAGE } else { room };
        let found = self.ledger.list(&filter.scan(before, limit)).await?;
        let views = self.views(&found.records).await?;
        let rows = found
            .records
            .iter()
            .zip(views)
            .filter(|(_, view)| filter.has_status(view))
            .map(|(record, view)| Row { at: record.stored_at, sequence: record.sequence, view });
        Ok(super::merge::Batch { rows: rows.collect(), next_before: found.next_before, reached: found.reached })
    }

    async fn views(&self, records: &[CommandRecord]) -> Result<Vec<CommandView>, ReadError> {
        let keys: Vec<_> = records.iter().map(|record| (record.agent.clone(), record.run.id.clone())).collect();
        let events = if keys.is_empty() { HashMap::new() } else { self.ledger.last_events(&keys).await? };
        let mut views = Vec::with_capacity(records.len());
        let mut at_work = Vec::new();
        for record in records {
            let last = events.get(&record.run.id);
            let is_at_work =
                last.is_some_and(|last| matches!(last.event.kind, EventKind::Started(_) | EventKind::Output(_)));
            if is_at_work {
                at_work.push((record.agent.clone(), record.run.id.clone()));
            }
            let mut view = view(record, last);
            (view.verdict, view.ruling) = (None, None);
            views.push(view);
        }
        self.add_risks(&mut views, at_work).await;
        Ok(views)
    }

    /// The claim of what runs says how bad it could be; the end of what has ended says so itself.
    async fn add_risks(&self, views: &mut [CommandView], at_work: Vec<(AgentId, CommandId)>) {
        let mut claims = stream::iter(at_work)
            .map(async |(agent, id)| (self.ledger.first_event(&agent, &id).await, id))
            .buffer_unordered(FIRST_EVENTS_AT_ONCE);
        while let Some((claim, id)) = claims.next().await {
            let Ok(Some(claim)) = claim else { continue };
            if let EventKind::Accepted(accepted) = claim.event.kind
                && let Some(view) = views.iter_mut().find(|view| view.id == id)
            {
                view.risk = accepted.verdict.map(|verdict| verdict.level);
            }
        }
    }
}

// === impl Filter ===

impl Filter {
    fn scan(&self, before: Option<u64>, limit: usize) -> Scan {
        let (user, seen) = (self.user.clone(), self.seen.clone());
        Scan {
            agent: self.agent.clone(),
            before,
            until: self.until,
            since: self.since,
            limit,
            keep: Box::new(move |record| {
                (user.is_none() || record.run.requested_by == user) && seen.command(&Resource::command(record))
            }),
        }
    }

    pub(super) fn has_status(&self, view: &CommandView) -> bool {
        self.status.is_none_or(|wanted| view.status == wanted)
    }

    /// No command that was sent waits for its approval, or was denied one.
    fn wants_commands(&self) -> bool {
        !matches!(self.status, Some(CommandStatus::AwaitingApproval | CommandStatus::Denied))
    }

    /// What was not sent can only be in one of these.
    fn wants_proposals(&self) -> bool {
        use CommandStatus::{AwaitingApproval, Cancelled, Denied, Expired, Rejected};
        self.status.is_none_or(|wanted| matches!(wanted, AwaitingApproval | Cancelled | Denied | Expired | Rejected))
    }
}
