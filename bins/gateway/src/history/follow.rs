//! Receives a command's events from the ledger, gives them to SSE and WebSocket: those stored, then those to come. What
//! had to be approved has the events of its approval before them.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::{BrokerError, ProposalRecord, ProposalWatch, StoredEvent, Watch, WatchStart};
use ogent_protocol::{AgentId, CommandId, CommandStatus, EventKind, ProposalEvent, ProposalState};

use super::{Found, History, HistoryError, view};
use crate::gate;

/// Something that happened to a command.
#[derive(Debug)]
pub(crate) enum Happened {
    /// To its approval, before it was sent.
    Approval(Box<ProposalEvent>),
    /// To the command itself.
    Event(Box<StoredEvent>),
}

/// What happens to one command, in order, until its end.
pub(crate) struct Follow {
    history: History,
    agent: AgentId,
    id: CommandId,
    ready: VecDeque<ProposalEvent>,
    source: Source,
    status: CommandStatus,
}

enum Source {
    /// It waits for its approval.
    Proposal(Box<ProposalWatch>, Box<ProposalRecord>),
    /// It was sent.
    Command(Box<Watch>),
    /// Nothing more happens.
    Ended,
}

// === impl History ===

impl History {
    /// Follows a command from the event after number `after`, or from its first one.
    ///
    /// # Errors
    /// When there is no such command, or the ledger cannot be read.
    pub(crate) async fn follow(&self, id: &CommandId, after: Option<u64>) -> Result<Follow, HistoryError> {
        let record = match self.look(id).await? {
            Found::Command(record) => record,
            Found::Proposal(record) => return self.follow_proposal(*record).await,
        };
        let agent = record.agent.clone();
        let mut ready = VecDeque::new();
        // Who has seen an event of the command has seen what came before it was sent.
        if record.run.approval.is_some()
            && after.is_none()
            && let Some(proposal) = self.ledger.proposal_of(&agent, id).await?
        {
            ready.extend(proposal.events());
        }
        let last = self.ledger.last_event(&agent, id).await?;
        let status = view(&record, last.as_ref()).status;
        let next = last.map_or(0, |last| last.event.n.saturating_add(1));
        // A client cannot have seen what is not there: a larger number would wait for an event that never comes.
        let from = after.map_or(0, |after| after.saturating_add(1)).min(next);
        let source = match status.is_final() && from == next {
            true => Source::Ended,
            false => Source::Command(Box::new(self.ledger.watch(&agent, id, WatchStart::From(from)).await?)),
        };
        Ok(Follow { history: self.clone(), agent, id: id.clone(), ready, source, status })
    }

    async fn follow_proposal(&self, record: ProposalRecord) -> Result<Follow, HistoryError> {
        let (agent, id) = (record.agent.clone(), record.run.id.clone());
        let status = gate::view(&record).status;
        let ready = record.events().into();
        let source = match status.is_final() {
            true => Source::Ended,
            false => Source::Proposal(Box::new(self.ledger.watch_proposal(&agent, &id).await?), Box::new(record)),
        };
        Ok(Follow { history: self.clone(), agent, id, ready, source, status })
    }
}

// === impl Follow ===

impl Follow {
    /// What happens next; `None` once the command has ended. Waits for it.
    ///
    /// # Errors
    /// When the ledger cannot be read. What follows can be had by following again.
    pub(crate) async fn next(&mut self) -> Result<Option<Happened>, HistoryError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(Happened::Approval(Box::new(event))));
            }
            match &mut self.source {
                Source::Ended => return Ok(None),
                Source::Command(watch) => {
                    let stored = watch.next().await?;
                    if let EventKind::Finished(end) = &stored.event.kind {
                        self.status = end.outcome.into();
                        self.source = Source::Ended;
                    }
                    return Ok(Some(Happened::Event(Box::new(stored))));
                }
                Source::Proposal(watch, record) => {
                    let decided = self.history.decided(watch, record).await?;
                    self.go_on(decided).await?;
                }
            }
        }
    }

    /// After the decision: the command itself, or the end.
    async fn go_on(&mut self, decided: ProposalRecord) -> Result<(), BrokerError> {
        self.status = gate::view(&decided).status;
        self.source = match self.status.is_final() {
            true => Source::Ended,
            false => {
                let watch = self.history.ledger.watch(&self.agent, &self.id, WatchStart::From(0)).await?;
                Source::Command(Box::new(watch))
            }
        };
        self.ready.extend(decided.decision);
        Ok(())
    }

    /// How the command ended, once [`Follow::next`] has given `None`.
    #[must_use]
    pub(crate) fn status(&self) -> CommandStatus {
        self.status
    }
}

// === impl History ===

impl History {
    /// Waits until a proposal is decided, or its time is over. An approved one has been sent then.
    ///
    /// # Errors
    /// When the ledger cannot be read for a while.
    pub(crate) async fn decided(
        &self,
        watch: &mut ProposalWatch,
        record: &ProposalRecord,
    ) -> Result<ProposalRecord, HistoryError> {
        let gone = || HistoryError::NotFound(record.run.id.clone());
        let left = record.expires_at.unwrap_or(Timestamp::MAX).duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        let decided = match tokio::time::timeout(left, watch.decided()).await {
            Ok(decided) => decided?.ok_or_else(gone)?,
            Err(_) => {
                // Others may do this, too; what the ledger says in the end is what holds.
                if let Err(error) = self.decider.expire(record).await {
                    tracing::debug!(command = %record.run.id, %error, "the end of a proposal is not written down yet");
                }
                self.ledger.proposal_of(&record.agent, &record.run.id).await?.ok_or_else(gone)?
            }
        };
        if matches!(decided.state, ProposalState::Approved(_)) && !gate::is_too_late(&decided, Timestamp::now()) {
            // Whoever took the approval does this; it may have died.
            if let Err(error) = self.decider.carry_out(&decided).await {
                tracing::warn!(command = %record.run.id, %error, "an approved command cannot be sent");
            }
        }
        Ok(decided)
    }
}
