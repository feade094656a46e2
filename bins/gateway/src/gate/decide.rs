//! Receives approvals, denials and cancellations of what waits, writes them down once, and sends what was approved.
//!
//! Of several who decide at once, the ledger takes one; the others are told who was first. Whoever approves again what
//! they have approved only makes sure that it was sent.

mod error;
mod wish;

use jiff::Timestamp;
use ogent_broker::{Directory, Ledger, ProposalRecord, Submission};
use ogent_protocol::approval::{Expired, Refusal};
use ogent_protocol::rest::{ApproveRequest, CommandView, DenyRequest};
use ogent_protocol::{Approval, CommandId, CommandStatus, ProposalEvent, ProposalKind, ProposalState};

pub(crate) use error::DecideError;

use super::{Gate, SendError, is_too_late, submit, view};
use crate::headroom::Headroom;
use crate::history::HistoryError;
use crate::metrics;
use crate::remind::Reminders;

/// Times that a decision is tried when others decide at the same moment: there is one decision, so the second look shows it.
const TRIES: u32 = 3;

/// Decides about proposals.
#[derive(Clone)]
pub(crate) struct Decider {
    ledger: Ledger,
    headroom: Headroom,
    reminders: Reminders,
    gate: Gate,
    directory: Directory,
}

// === impl Decider ===

impl Decider {
    #[must_use]
    pub(crate) fn new(
        ledger: Ledger,
        headroom: Headroom,
        reminders: Reminders,
        gate: Gate,
        directory: Directory,
    ) -> Self {
        Self { ledger, headroom, reminders, gate, directory }
    }

    /// Sends the command of an approved proposal, where nobody has.
    ///
    /// # Errors
    /// See [`SendError`].
    pub(crate) async fn carry_out(&self, proposal: &ProposalRecord) -> Result<(), SendError> {
        let submission = submit::carry_out(&self.ledger, proposal).await?;
        // Like any command: it counts when the next one is judged, and an analyst may say something about it.
        if let Submission::New { .. } = submission
            && let Some(state) = self.directory.get(&proposal.agent)
        {
            self.gate.sent(&state.info, &proposal.run);
        }
        Ok(())
    }

    /// Approves what waits under `id`, and sends it. Gives the command as it stands then.
    ///
    /// # Errors
    /// See [`DecideError`]. A call that failed for want of the broker may be made again.
    pub(crate) async fn approve(
        &self,
        id: &CommandId,
        user: &str,
        request: ApproveRequest,
    ) -> Result<CommandView, DecideError> {
        wish::check(&request.reason, request.hash.as_deref())?;
        if !self.headroom.has_room() {
            return Err(DecideError::full(id));
        }
        for _ in 0..TRIES {
            let record = self.proposal(id).await?;
            match &record.state {
                ProposalState::Awaiting(terms) => {
                    if request.hash.as_ref().is_some_and(|hash| *hash != terms.hash) {
                        return Err(DecideError::Mismatch(id.clone()));
                    }
                    let (by, at) = (user.to_owned(), Timestamp::now());
                    let approval = Approval { by, at, reason: request.reason.clone(), hash: terms.hash.clone() };
                    self.decide(&record, ProposalKind::Approved(approval)).await?;
                }
                ProposalState::Approved(approval) if approval.by == user => return self.send(&record, approval).await,
                _ => return Err(DecideError::closed(&record)),
            }
        }
        Err(DecideError::Contested(id.clone()))
    }

    /// Denies what waits under `id`.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub(crate) async fn deny(
        &self,
        id: &CommandId,
        user: &str,
        request: DenyRequest,
    ) -> Result<CommandView, DecideError> {
        wish::check(&request.reason, None)?;
        let refusal = Refusal { by: user.to_owned(), at: Timestamp::now(), reason: request.reason };
        self.refuse(id, &ProposalKind::Denied(refusal)).await
    }

    /// Takes back what waits under `id`: it is cancelled before anybody has decided. `None` where there is nothing to take
    /// back, because it was approved meanwhile: then it is a command like any other.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub(crate) async fn withdraw(
        &self,
        id: &CommandId,
        user: &str,
        reason: Option<String>,
    ) -> Result<Option<CommandView>, DecideError> {
        wish::check(&reason, None)?;
        let refusal = Refusal { by: user.to_owned(), at: Timestamp::now(), reason };
        let record = self.proposal(id).await?;
        match &record.state {
            ProposalState::Awaiting(_) => match self.refuse(id, &ProposalKind::Withdrawn(refusal)).await {
                Err(DecideError::Closed { state: "approved", .. }) => Ok(None),
                Err(DecideError::Closed { .. }) => Ok(Some(view(&self.proposal(id).await?))),
                done => done.map(Some),
            },
            ProposalState::Approved(_) => Ok(None),
            // It has ended already, and stays as it is.
            _ => Ok(Some(view(&record))),
        }
    }

    /// Writes down that a proposal has expired, where nobody has, and gives it as it stands then.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub(crate) async fn expire(&self, record: &ProposalRecord) -> Result<(), DecideError> {
        let kind = ProposalKind::Expired(Expired { at: Timestamp::now() });
        self.write(record, kind).await.map(drop)
    }

    async fn refuse(&self, id: &CommandId, kind: &ProposalKind) -> Result<CommandView, DecideError> {
        for _ in 0..TRIES {
            let record = self.proposal(id).await?;
            match (&record.state, kind) {
                (ProposalState::Awaiting(_), _) => self.decide(&record, kind.clone()).await?,
                // Done just now, or by a call before this one.
                (ProposalState::Denied(done), ProposalKind::Denied(wish))
                | (ProposalState::Withdrawn(done), ProposalKind::Withdrawn(wish))
                    if done.by == wish.by =>
                {
                    return Ok(view(&record));
                }
                _ => return Err(DecideError::closed(&record)),
            }
        }
        Err(DecideError::Contested(id.clone()))
    }

    /// Writes a decision down, unless its time is over. Whether it was the one is seen by reading again.
    async fn decide(&self, record: &ProposalRecord, kind: ProposalKind) -> Result<(), DecideError> {
        if !record.is_open(Timestamp::now()) {
            // Best for those who come later; what matters is that nothing is decided now.
            let _ = self.expire(record).await;
            return Err(DecideError::Closed { id: record.run.id.clone(), state: "expired", by: None });
        }
        record.state.clone().apply(&kind).map_err(|error| DecideError::invalid(record, error))?;
        self.write(record, kind).await.map(drop)
    }

    async fn write(&self, record: &ProposalRecord, kind: ProposalKind) -> Result<bool, DecideError> {
        let (agent, command) = (record.agent.clone(), record.run.id.clone());
        let name = kind.name();
        let event = ProposalEvent { agent, command, n: 1, time: Timestamp::now(), kind };
        let is_first = self.ledger.decide(record, &event).await;
        let is_first = is_first.map_err(|source| DecideError::Submit { id: record.run.id.clone(), source })?;
        if is_first {
            metrics::decided(name);
            tracing::info!(command = %record.run.id, agent = %record.agent, event = name, "decided about a proposal");
        }
        Ok(is_first)
    }

    async fn send(&self, record: &ProposalRecord, approval: &Approval) -> Result<CommandView, DecideError> {
        if is_too_late(record, Timestamp::now()) {
            // Where it was sent in time, the history shows it; where not, it is not wanted any more.
            return Err(DecideError::closed(record));
        }
        self.carry_out(record).await.map_err(|error| DecideError::unsent(record, error))?;
        let run = submit::approved(record, approval);
        let mut shown = view(record);
        shown.status = CommandStatus::Queued;
        shown.not_after = run.not_after;
        self.reminders.run(record.agent.clone(), run);
        Ok(shown)
    }

    async fn proposal(&self, id: &CommandId) -> Result<ProposalRecord, DecideError> {
        if let Some(record) = self.ledger.proposal(id).await.map_err(HistoryError::Read)? {
            return Ok(record);
        }
        match self.ledger.find(id).await.map_err(HistoryError::Read)? {
            Some(_) => Err(DecideError::NeverAsked(id.clone())),
            None => Err(HistoryError::NotFound(id.clone()).into()),
        }
    }
}
