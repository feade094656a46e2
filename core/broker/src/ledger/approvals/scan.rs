//! Receives what somebody looks for, gives proposals from the ledger: newest first for people, oldest first for those
//! who see to it that each gets its end.

use jiff::Timestamp;
use ogent_protocol::subject::{self, ALL_APPROVALS, APPROVALS};
use ogent_protocol::{AgentId, ProposalEvent};

use super::super::Ledger;
use super::read;
use super::record::{ProposalRecord, opening};
use crate::direct::{MAX_BATCH, Query, ReadError};

/// Sequences that one call looks at, at most.
const BUDGET: u64 = 4 * MAX_BATCH;
/// Proposals whose decision is asked for at once.
const AT_ONCE: usize = 256;

/// What to look for.
pub struct ProposalScan {
    /// Only those for this agent.
    pub agent: Option<AgentId>,
    /// Only those that the ledger took before this sequence: where the last page ended.
    pub before: Option<u64>,
    /// Only those that the ledger took at or before this moment.
    pub until: Option<Timestamp>,
    /// Only those that the ledger took at or after this moment.
    pub since: Option<Timestamp>,
    /// So many at most.
    pub limit: usize,
    /// What else a proposal has to fulfil.
    pub keep: Box<dyn Fn(&ProposalRecord) -> bool + Send + Sync>,
}

/// What was found.
#[derive(Debug)]
pub struct ProposalPage {
    /// Newest first.
    pub records: Vec<ProposalRecord>,
    /// Give it as `before` to go on; `None` at the end.
    pub next_before: Option<u64>,
    /// When the oldest message was stored that was looked at.
    pub reached: Option<Timestamp>,
}

/// Where to begin to read all events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalStart {
    /// With what was stored at this moment or later.
    Time(Timestamp),
    /// With this sequence.
    Sequence(u64),
}

/// Events of all proposals, oldest first.
#[derive(Debug, Default)]
pub struct ApprovalPage {
    /// Those that can be read.
    pub events: Vec<StoredApproval>,
    /// Where the next page begins; `None` when nothing was there at all.
    pub next: Option<u64>,
    /// Whether there is more now.
    pub more: bool,
}

/// An event as the ledger keeps it.
#[derive(Debug, Clone)]
pub struct StoredApproval {
    /// Its sequence in the stream of approvals.
    pub sequence: u64,
    /// What happened.
    pub event: ProposalEvent,
}

// === impl Ledger ===

impl Ledger {
    /// One page of proposals, newest first.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn proposals(&self, scan: &ProposalScan) -> Result<ProposalPage, ReadError> {
        let (first, mut before) = self.bounds(APPROVALS, ALL_APPROVALS, scan.before, scan.until).await?;
        let floor = before.saturating_sub(BUDGET).max(first);
        let mut page = ProposalPage { records: Vec::new(), next_before: None, reached: None };
        let mut window = 64;
        while before > floor {
            let from = before.saturating_sub(window).max(floor);
            let found = self.proposal_window(from, before, scan, &mut page.reached).await?;
            for found in found.into_iter().rev() {
                if scan.since.is_some_and(|since| found.stored_at < since) {
                    return Ok(page);
                }
                if page.records.len() == scan.limit {
                    page.next_before = Some(found.sequence + 1);
                    return Ok(page);
                }
                if (scan.keep)(&found) {
                    page.records.push(found);
                }
            }
            before = from;
            window = (window * 4).min(MAX_BATCH);
        }
        page.next_before = (before > first).then_some(before);
        Ok(page)
    }

    /// The proposals that were opened in `from..before`, oldest first, as they stand now.
    async fn proposal_window(
        &self,
        from: u64,
        before: u64,
        scan: &ProposalScan,
        reached: &mut Option<Timestamp>,
    ) -> Result<Vec<ProposalRecord>, ReadError> {
        let mut found = Vec::new();
        let mut seq = from;
        while seq < before {
            let query = Query {
                seq: Some(seq),
                next_by_subj: Some(ALL_APPROVALS.to_owned()),
                batch: (before - seq).min(MAX_BATCH),
                is_lenient: true,
                ..Query::default()
            };
            let batch = self.broker.read(APPROVALS, &query).await?;
            if batch.through < seq {
                break;
            }
            seq = batch.through + 1;
            for stored in batch.records.iter().filter(|stored| stored.sequence < before) {
                *reached = Some(reached.map_or(stored.stored_at, |oldest| oldest.min(stored.stored_at)));
                if let Some(record) = opening(stored, self.verifier.as_ref())
                    && scan.agent.as_ref().is_none_or(|agent| *agent == record.agent)
                {
                    found.push(record);
                }
            }
        }
        self.settle(&mut found).await?;
        Ok(found)
    }

    /// Takes the latest message of each: the decision may stand anywhere behind the opening.
    async fn settle(&self, found: &mut [ProposalRecord]) -> Result<(), ReadError> {
        for some in found.chunks_mut(AT_ONCE) {
            let mut subjects: Vec<_> =
                some.iter().map(|record| subject::approval(&record.agent, &record.run.id)).collect();
            // A batch may end early at its bound in bytes: then ask again for those that did not come.
            while !subjects.is_empty() {
                let query =
                    Query { multi_last: subjects.clone(), batch: MAX_BATCH, is_lenient: true, ..Query::default() };
                let batch = self.broker.read(APPROVALS, &query).await?;
                for last in &batch.records {
                    let Some((agent, id)) = subject::parse_ledger(&last.subject) else { continue };
                    let is_its = |record: &&mut ProposalRecord| {
                        last.sequence > record.last_sequence && record.run.id == id && record.agent == agent
                    };
                    if let Some(record) = some.iter_mut().find(is_its) {
                        record.take(last, self.verifier.as_ref());
                        // What stands last does not count, so that something before it may.
                        if record.decision.is_none()
                            && let Some(whole) = self.proposal_of(&record.agent, &record.run.id).await?
                        {
                            *record = whole;
                        }
                    }
                }
                if !batch.more || batch.records.is_empty() {
                    break;
                }
                subjects.retain(|subject| batch.records.iter().all(|last| last.subject != *subject));
            }
        }
        Ok(())
    }

    /// A page of the events of all proposals, as they were stored.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn approval_events(&self, start: ApprovalStart) -> Result<ApprovalPage, ReadError> {
        let (seq, start_time) = match start {
            ApprovalStart::Time(time) => (None, Some(time)),
            ApprovalStart::Sequence(seq) => (Some(seq.max(1)), None),
        };
        let next_by_subj = Some(ALL_APPROVALS.to_owned());
        let query = Query { seq, start_time, next_by_subj, batch: MAX_BATCH, is_lenient: true, ..Query::default() };
        let batch = self.broker.read(APPROVALS, &query).await?;
        let events = batch.records.iter().filter_map(|stored| {
            // What cannot be read was told when somebody looked for it.
            read(stored, self.verifier.as_ref()).ok().map(|event| StoredApproval { sequence: stored.sequence, event })
        });
        let next = (batch.through > 0).then_some(batch.through + 1);
        Ok(ApprovalPage { events: events.collect(), next, more: batch.more })
    }
}
