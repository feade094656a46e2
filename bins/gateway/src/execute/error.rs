//! Why an order was not taken.

use jiff::Timestamp;
use ogent_broker::{BrokerError, ReadError, SubmitError};
use ogent_protocol::{AgentId, CommandId, InvalidIntent, Ruling, Verdict};

use crate::access::Denied;
use crate::history::HistoryError;

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// The request is not a command.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// It asks for a start in the past.
    #[error("not_after: {0} has passed")]
    TooLate(Timestamp),
    /// No agent has that id.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
    /// The agent is offline, and the order may not wait for it.
    #[error("agent {0} is offline; \"queue\": true lets the command wait for it")]
    Offline(AgentId),
    /// It is shut out.
    #[error("agent {0} was revoked: nothing runs there until another machine has its id")]
    Revoked(AgentId),
    /// The agent cannot reach other machines.
    #[error("execution_target: agent {0} has no ssh target")]
    NoSsh(AgentId),
    /// The idempotency key has named another command before.
    #[error("the Idempotency-Key was used before for another request, command {0}")]
    Mismatch(CommandId),
    /// The access policy does not let the one who wants it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Policy refuses it.
    #[error("policy refuses the command: {}", .0.ruling.because)]
    Blocked(Box<Refused>),
    /// The ledger did not take it, or did not say so.
    #[error("command {id} could not be put into the history")]
    Submit {
        /// The id that it has, or would have had.
        id: CommandId,
        /// Why.
        #[source]
        source: SubmitError,
    },
    /// The ledger cannot be read.
    #[error("the history cannot be read")]
    Read(#[from] ReadError),
    /// The live feed cannot be followed.
    #[error("the live feed cannot be followed")]
    Follow(#[from] BrokerError),
    /// The ledger says that the command is there, and does not have it.
    #[error("the history has and does not have command {0}")]
    Vanished(CommandId),
}

/// A command that policy refuses.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The name under which the history has it; `None` where it could not be written down.
    pub(crate) id: Option<CommandId>,
    /// What the rules make of it.
    pub(crate) verdict: Option<Verdict>,
    /// What policy says to that.
    pub(crate) ruling: Ruling,
}

impl From<HistoryError> for ExecuteError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NotFound(id) => Self::Vanished(id),
            HistoryError::Read(error) => Self::Read(error),
            HistoryError::Follow(error) => Self::Follow(error),
        }
    }
}
