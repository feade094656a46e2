//! Why something was not decided.

use ogent_broker::{ProposalRecord, SubmitError};
use ogent_protocol::approval::InvalidDecision;
use ogent_protocol::{CommandId, InvalidIntent, ProposalState};

use crate::gate::SendError;
use crate::history::HistoryError;

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideError {
    /// The request is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// The command cannot be found.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Nobody had to approve it.
    #[error("command {0} does not wait for an approval, and never did")]
    NeverAsked(CommandId),
    /// It was decided before.
    #[error("command {id} does not wait for an approval any more: it is {state}{}", by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default())]
    Closed {
        /// Which.
        id: CommandId,
        /// What has become of it.
        state: &'static str,
        /// Who decided, if somebody did.
        by: Option<String>,
    },
    /// Who decides has asked for it.
    #[error("nobody may approve a command of their own: somebody else has to approve {0}")]
    Own(CommandId),
    /// What waits is something else than what was seen.
    #[error("the hash is not that of command {0}: look at it again before you approve it")]
    Mismatch(CommandId),
    /// What was approved cannot be sent: something else has its id.
    #[error("another command has the id {0}: what was approved was not sent, and will not be")]
    Taken(CommandId),
    /// Others decide at the same moment, and the ledger does not show what came of it.
    #[error("what was decided about command {0} cannot be seen yet")]
    Contested(CommandId),
    /// The ledger did not take the decision or the command, or did not say so.
    #[error("the decision about command {id} could not be put into the history")]
    Submit {
        /// Which.
        id: CommandId,
        /// Why.
        #[source]
        source: SubmitError,
    },
}

// === impl DecideError ===

impl DecideError {
    /// Something that is decided already.
    pub(super) fn closed(record: &ProposalRecord) -> Self {
        let by = match &record.state {
            ProposalState::Approved(approval) => Some(approval.by.clone()),
            ProposalState::Denied(one) | ProposalState::Withdrawn(one) => Some(one.by.clone()),
            _ => None,
        };
        Self::Closed { id: record.run.id.clone(), state: record.state.name(), by }
    }

    /// An approved command that was not sent.
    pub(super) fn unsent(record: &ProposalRecord, error: SendError) -> Self {
        match error {
            SendError::Submit(source) => Self::Submit { id: record.run.id.clone(), source },
            SendError::Read(error) => Self::History(HistoryError::Read(error)),
            SendError::Taken(id) => Self::Taken(id),
        }
    }

    /// A decision that may not come here.
    pub(super) fn invalid(record: &ProposalRecord, error: InvalidDecision) -> Self {
        let id = record.run.id.clone();
        match error {
            InvalidDecision::Own => Self::Own(id),
            InvalidDecision::Hash => Self::Mismatch(id),
            InvalidDecision::TooLate => Self::Closed { id, state: "expired", by: None },
            InvalidDecision::TooEarly | InvalidDecision::Order { .. } => Self::closed(record),
        }
    }

    /// There is no room for what the command would print.
    pub(super) fn full(id: &CommandId) -> Self {
        let source = SubmitError::Full("the stream of results is nine tenths full".to_owned());
        Self::Submit { id: id.clone(), source }
    }
}
