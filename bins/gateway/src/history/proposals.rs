//! Receives a filter from `GET /commands` or `GET /approvals`, gives what was proposed and did not become a command; for
//! `GET /approvals` also what did.

use jiff::{SignedDuration, Timestamp};
use ogent_broker::{ProposalRecord, ProposalScan, ReadError};
use ogent_protocol::rest::ApprovalList;
use ogent_protocol::{ProposalState, limits};
use tokio::time::Instant;

use super::list::Filter;
use super::merge::{Batch, Row};
use super::{Cursor, History, Place};
use crate::access::{Resource, Seen};
use crate::gate;
use crate::limits::{MAX_PAGE, MAX_SCANS, SCAN_WITHIN};

/// By so much clocks of gateways may differ.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

// === impl History ===

impl History {
    /// What waits for its approval; with `all`, everything that somebody was asked about, as it stands now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn approvals(
        &self,
        all: bool,
        limit: usize,
        cursor: Option<Cursor>,
        seen: Seen,
    ) -> Result<ApprovalList, ReadError> {
        let give_up = Instant::now() + SCAN_WITHIN;
        let (mut before, mut approvals) = (cursor.map(|cursor| self.seal.open(cursor).proposals), Vec::new());
        for _ in 0..MAX_SCANS {
            let (now, seen) = (Timestamp::now(), seen.clone());
            let scan = ProposalScan {
                agent: None,
                before,
                until: None,
                // What was asked before cannot be open any more.
                since: (!all).then(earliest),
                limit: limit - approvals.len(),
                keep: match all {
                    true => {
                        Box::new(move |record| !matches!(record.state, ProposalState::Blocked) && seen.approval(record))
                    }
                    false => Box::new(move |record| record.is_open(now) && seen.approval(record)),
                },
            };
            let found = self.ledger.proposals(&scan).await?;
            approvals.extend(found.records.iter().map(gate::view));
            before = found.next_before;
            if before.is_none() || approvals.len() >= limit || Instant::now() >= give_up {
                break;
            }
        }
        let next_cursor = before.map(|proposals| self.seal.close(Place { commands: 0, proposals }).to_string());
        Ok(ApprovalList { approvals, next_cursor })
    }

    /// Proposals that are not commands: those that wait, have ended, or were refused.
    pub(super) async fn proposals(
        &self,
        filter: &Filter,
        before: Option<u64>,
        room: usize,
    ) -> Result<Batch, ReadError> {
        let (user, seen) = (filter.user.clone(), filter.seen.clone());
        let scan = ProposalScan {
            agent: filter.agent.clone(),
            before,
            until: filter.until,
            since: filter.since,
            limit: if filter.status.is_some() { MAX_PAGE } else { room },
            keep: Box::new(move |record| {
                (user.is_none() || record.run.requested_by == user) && seen.command(&Resource::proposal(record))
            }),
        };
        let found = self.ledger.proposals(&scan).await?;
        // An approved one is shown as the command that it has become.
        let mut rows = Vec::with_capacity(found.records.len());
        for record in &found.records {
            if matches!(record.state, ProposalState::Approved(_)) && self.was_sent(record).await? {
                continue;
            }
            let mut view = gate::view(record);
            (view.verdict, view.ruling) = (None, None);
            if filter.has_status(&view) {
                rows.push(Row { at: record.stored_at, sequence: record.sequence, view });
            }
        }
        Ok(Batch { rows, next_before: found.next_before, reached: found.reached })
    }

    async fn was_sent(&self, record: &ProposalRecord) -> Result<bool, ReadError> {
        match self.ledger.held(&record.agent, &record.run.id).await {
            Ok(held) => Ok(held.is_some()),
            // Something stands there.
            Err(ReadError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn earliest() -> Timestamp {
    let window = SignedDuration::try_from(limits::MAX_APPROVAL).unwrap_or(SignedDuration::MAX);
    Timestamp::now().checked_sub(window.saturating_add(MARGIN)).unwrap_or(Timestamp::MIN)
}
