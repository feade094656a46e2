//! Receives what somebody looks for, gives commands from the ledger, newest first.
//!
//! JetStream reads forwards only, so the scan goes back in windows and reads each of them forwards. It ends after a
//! fixed amount of work, with a place to go on from, so that no question can keep a gateway or a broker busy.

use std::collections::HashMap;

use jiff::Timestamp;
use ogent_protocol::subject::{self, COMMANDS};
use ogent_protocol::{AgentId, Cancel, CommandId, Intent};

use super::Ledger;
use super::record::{self, CommandRecord};
use crate::direct::{MAX_BATCH, Query, ReadError};

/// Sequences that one call looks at, at most: about a third of a second on one small machine.
const BUDGET: u64 = 16 * MAX_BATCH;

/// What to look for.
pub struct Scan {
    /// Only commands of this agent.
    pub agent: Option<AgentId>,
    /// Only commands that the ledger took before this sequence: where the last page ended.
    pub before: Option<u64>,
    /// Only commands that the ledger took at or before this moment.
    pub until: Option<Timestamp>,
    /// Only commands that the ledger took at or after this moment.
    pub since: Option<Timestamp>,
    /// So many at most.
    pub limit: usize,
    /// What else a command has to fulfil.
    pub keep: Box<dyn Fn(&CommandRecord) -> bool + Send + Sync>,
}

/// What was found.
#[derive(Debug)]
pub struct ScanPage {
    /// Newest first. `cancel` is only filled in where the wish came after the oldest command of the page.
    pub records: Vec<CommandRecord>,
    /// Give it as `before` to go on; `None` at the end.
    pub next_before: Option<u64>,
    /// When the oldest message was stored that was looked at.
    pub reached: Option<Timestamp>,
}

impl Ledger {
    /// One page of commands, newest first.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn list(&self, scan: &Scan) -> Result<ScanPage, ReadError> {
        let (first, mut before) = self.bounds(COMMANDS, subject::ALL_COMMANDS, scan.before, scan.until).await?;
        let floor = before.saturating_sub(BUDGET).max(first);
        let mut page = ScanPage { records: Vec::new(), next_before: None, reached: None };
        let mut cancels = HashMap::new();
        let mut window = 64;
        while before > floor {
            let from = before.saturating_sub(window).max(floor);
            for found in self.window(from, before, &mut cancels, &mut page.reached).await?.into_iter().rev() {
                if scan.since.is_some_and(|since| found.stored_at < since) {
                    return Ok(page);
                }
                if page.records.len() == scan.limit {
                    // The one that did not fit comes first on the next page.
                    page.next_before = Some(found.sequence + 1);
                    return Ok(page);
                }
                if scan.agent.as_ref().is_none_or(|agent| *agent == found.agent) && (scan.keep)(&found) {
                    page.records.push(found);
                }
            }
            before = from;
            window = (window * 4).min(MAX_BATCH);
        }
        page.next_before = (before > first).then_some(before);
        Ok(page)
    }

    /// The first sequence of the stream, and the one after the newest command that is asked for.
    pub(super) async fn bounds(
        &self,
        stream: &str,
        filter: &str,
        before: Option<u64>,
        until: Option<Timestamp>,
    ) -> Result<(u64, u64), ReadError> {
        let state = self.stream_info(stream).await?.state;
        let mut before = before.unwrap_or(u64::MAX).min(state.last_seq + 1);
        if let Some(until) = until {
            let just_after = until.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(until);
            let query = Query {
                start_time: Some(just_after),
                next_by_subj: Some(filter.to_owned()),
                batch: 1,
                ..Query::default()
            };
            // For a time behind the last message, the broker gives one from before.
            if let Some(later) = self.broker.read(stream, &query).await?.records.first()
                && later.stored_at > until
            {
                before = before.min(later.sequence);
            }
        }
        Ok((state.first_seq.max(1), before))
    }

    /// The commands with sequences in `from..before`, oldest first. Cancellations are put into `cancels` and, since
    /// they come after what they cancel, found there when an older window meets their command.
    async fn window(
        &self,
        from: u64,
        before: u64,
        cancels: &mut HashMap<CommandId, (u64, Cancel)>,
        reached: &mut Option<Timestamp>,
    ) -> Result<Vec<CommandRecord>, ReadError> {
        let mut commands = Vec::new();
        let mut seq = from;
        while seq < before {
            let query = Query {
                seq: Some(seq),
                next_by_subj: Some(subject::ALL_COMMANDS.to_owned()),
                batch: (before - seq).min(MAX_BATCH),
                ..Query::default()
            };
            let batch = self.broker.read(COMMANDS, &query).await?;
            if batch.through < seq {
                break;
            }
            seq = batch.through + 1;
            for stored in batch.records.iter().filter(|stored| stored.sequence < before) {
                *reached = Some(reached.map_or(stored.stored_at, |oldest| oldest.min(stored.stored_at)));
                match record::intent(stored) {
                    Ok((agent, Intent::Run(run))) => commands.push(CommandRecord {
                        agent,
                        run: *run,
                        sequence: stored.sequence,
                        last_sequence: stored.sequence,
                        stored_at: stored.stored_at,
                        cancel: None,
                    }),
                    Ok((_, Intent::Cancel(cancel))) => {
                        cancels.insert(cancel.id.clone(), (stored.sequence, cancel));
                    }
                    // One bad record must not hide all others.
                    Err(error) => tracing::warn!(%error, "skipped a record of the ledger"),
                }
            }
        }
        for command in &mut commands {
            if let Some((sequence, cancel)) = cancels.remove(&command.run.id) {
                command.last_sequence = sequence;
                command.cancel = Some(cancel);
            }
        }
        Ok(commands)
    }
}
