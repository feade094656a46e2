//! Receives questions about commands from `http`, answers them from the ledger. Keeps nothing itself.

mod cursor;
mod follow;
mod list;
mod merge;
mod output;
mod proposals;

use jiff::Timestamp;
use ogent_broker::{BrokerError, CommandRecord, Ledger, ProposalRecord, ReadError, StoredEvent};
use ogent_protocol::rest::{CommandView, EvidencePage};
use ogent_protocol::{CommandId, EventKind};

pub(crate) use cursor::{Cursor, Place, Seal};
pub(crate) use follow::{Follow, Happened};
pub(crate) use list::Filter;

use crate::gate::{self, Advisors, Decider};

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

/// What the ledger has under an id.
pub(crate) enum Found {
    /// A command that was sent.
    Command(Box<CommandRecord>),
    /// One that somebody has to approve, or that policy has refused: not sent.
    Proposal(Box<ProposalRecord>),
}

// === impl Found ===

impl Found {
    /// What says who may see it.
    #[must_use]
    pub(crate) fn into_found(self) -> crate::access::Found {
        let (run, agent) = match self {
            Self::Command(record) => (record.run, record.agent),
            Self::Proposal(record) => (record.run, record.agent),
        };
        crate::access::Found { id: run.id, agent, requested_by: run.requested_by }
    }
}

/// Reads commands from the ledger.
#[derive(Clone)]
pub(crate) struct History {
    ledger: Ledger,
    advisors: Advisors,
    decider: Decider,
    seal: Seal,
}

// === impl History ===

impl History {
    /// Reads from `ledger`, and what analysts have said from `advisors`.
    #[must_use]
    pub(crate) fn new(ledger: Ledger, advisors: Advisors, decider: Decider, seal: Seal) -> Self {
        Self { ledger, advisors, decider, seal }
    }

    /// One command as people see it.
    ///
    /// # Errors
    /// When there is none of that id, or the ledger cannot be read.
    pub(crate) async fn find(&self, id: &CommandId) -> Result<CommandView, HistoryError> {
        let record = match self.look(id).await? {
            Found::Command(record) => record,
            Found::Proposal(record) => return Ok(gate::view(&record)),
        };
        let (last, first, analysis) = tokio::join!(
            self.ledger.last_event(&record.agent, id),
            self.ledger.first_event(&record.agent, id),
            self.advisors.latest(id),
        );
        let mut view = view(&record, last?.as_ref());
        if let Some(EventKind::Accepted(accepted)) = first?.map(|first| first.event.kind) {
            view.judged(&accepted);
        }
        match analysis {
            // Whoever may ask an analyst may name any id.
            Ok(Some(analysis)) if analysis.is_about(&record.agent, &record.run.program) => {
                view.advisor = Some(analysis.advisor);
                view.advice = analysis.advice;
            }
            Ok(_) => {}
            // A help beside the history, without which that is whole.
            Err(error) => tracing::debug!(command = %id, %error, "what analysts have said cannot be read"),
        }
        Ok(view)
    }

    /// A page of everything that the ledger holds of a command.
    ///
    /// # Errors
    /// When there is nothing of that id, or the ledger cannot be read.
    pub(crate) async fn evidence(&self, id: &CommandId, from: Option<u64>) -> Result<EvidencePage, HistoryError> {
        let agent = match self.ledger.find(id).await? {
            Some(record) => record.agent,
            None => match self.ledger.proposal(id).await? {
                Some(proposal) => proposal.agent,
                None => return Err(HistoryError::NotFound(id.clone())),
            },
        };
        Ok(self.ledger.evidence(&agent, id, from).await?)
    }

    /// What somebody had to approve under an id, or what was refused.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn proposal(&self, id: &CommandId) -> Result<Option<ProposalRecord>, HistoryError> {
        Ok(self.ledger.proposal(id).await?)
    }

    /// What the ledger has under an id. A command that was approved and not sent is sent now: the gateway that took the
    /// approval has died.
    ///
    /// # Errors
    /// When there is nothing of that id, or the ledger cannot be read.
    pub(crate) async fn look(&self, id: &CommandId) -> Result<Found, HistoryError> {
        if let Some(record) = self.ledger.find(id).await? {
            return Ok(Found::Command(Box::new(record)));
        }
        let Some(proposal) = self.ledger.proposal(id).await? else { return Err(HistoryError::NotFound(id.clone())) };
        if !gate::is_too_late(&proposal, Timestamp::now()) {
            match self.decider.carry_out(&proposal).await {
                Ok(()) => {
                    if let Some(record) = self.ledger.find(id).await? {
                        return Ok(Found::Command(Box::new(record)));
                    }
                }
                Err(error) => tracing::warn!(command = %id, %error, "an approved command cannot be sent"),
            }
        }
        Ok(Found::Proposal(Box::new(proposal)))
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
