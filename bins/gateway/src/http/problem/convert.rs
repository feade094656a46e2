//! Receives the errors of the services, gives them a kind and the words that a client may read.

use ogent_broker::enroll::RegistrarError;
use ogent_broker::{BrokerError, ReadError, SubmitError};
use ogent_protocol::{CommandId, InvalidIntent};

use super::{ApiError, Code};
use crate::auth::{LoginError, MintError};
use crate::cancel::CancelError;
use crate::execute::{ExecuteError, Refused};
use crate::gate::{AnalyzeError, DecideError};
use crate::history::HistoryError;

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match &error {
            ReadError::Unavailable(_) => away("the history cannot be read now; try again"),
            ReadError::Corrupt { .. } => Self::new(Code::Internal, "a record of the history cannot be understood"),
        }
        .because(error)
    }
}

impl From<BrokerError> for ApiError {
    fn from(error: BrokerError) -> Self {
        away("the live feed cannot be followed now; try again").because(error)
    }
}

impl From<RegistrarError> for ApiError {
    fn from(error: RegistrarError) -> Self {
        let RegistrarError::Refused(problem) = error else {
            return Self::new(Code::RegistrarUnavailable, error.to_string()).because(error);
        };
        let code = match (problem.status, problem.code.as_str()) {
            (404, "unknown_invite") => Code::UnknownInvite,
            (404, _) => Code::UnknownAgent,
            (409, _) => Code::NotPossible,
            (400 | 422, _) => Code::InvalidRequest,
            _ => Code::RegistrarUnavailable,
        };
        Self::new(code, problem.detail)
    }
}

impl From<InvalidIntent> for ApiError {
    fn from(error: InvalidIntent) -> Self {
        Self::new(Code::InvalidRequest, error.to_string())
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NotFound(_) => Self::new(Code::UnknownCommand, error.to_string()),
            HistoryError::Read(error) => error.into(),
            HistoryError::Follow(error) => error.into(),
        }
    }
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        let code = match error {
            ExecuteError::Invalid(error) => return error.into(),
            ExecuteError::Read(error) => return error.into(),
            ExecuteError::Follow(error) => return error.into(),
            ExecuteError::Submit { id, source } => return not_stored(&id, "command", source),
            ExecuteError::Vanished(_) => {
                return Self::new(Code::Internal, "the command cannot be found again").because(error);
            }
            ExecuteError::Blocked(refused) => {
                let detail = format!("policy refuses the command: {}", refused.ruling.because);
                let Refused { id, verdict, ruling } = *refused;
                return Self::new(Code::BlockedByPolicy, detail).judged(id, verdict, ruling);
            }
            ExecuteError::TooLate(_) => Code::InvalidRequest,
            ExecuteError::UnknownAgent(_) => Code::UnknownAgent,
            ExecuteError::Offline(_) => Code::AgentOffline,
            ExecuteError::NoSsh(_) => Code::NoSshTarget,
            ExecuteError::Mismatch(_) => Code::IdempotencyMismatch,
        };
        Self::new(code, error.to_string())
    }
}

impl From<CancelError> for ApiError {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Invalid(error) => error.into(),
            CancelError::History(error) => error.into(),
            CancelError::Decide(error) => error.into(),
            CancelError::Submit { id, source } => not_stored(&id, "cancellation of command", source),
        }
    }
}

impl From<DecideError> for ApiError {
    fn from(error: DecideError) -> Self {
        let code = match error {
            DecideError::Invalid(error) => return error.into(),
            DecideError::History(error) => return error.into(),
            DecideError::Submit { id, source } => return not_stored(&id, "decision about command", source),
            DecideError::Contested(id) => {
                return away(&format!("others decide about command {id} at this moment; try again"));
            }
            DecideError::Own(_) => Code::OwnCommand,
            DecideError::Mismatch(_) | DecideError::Taken(_) => Code::ApprovalMismatch,
            DecideError::NeverAsked(_) | DecideError::Closed { .. } => Code::NotAwaitingApproval,
        };
        Self::new(code, error.to_string())
    }
}

impl From<AnalyzeError> for ApiError {
    fn from(error: AnalyzeError) -> Self {
        let code = match error {
            AnalyzeError::Invalid(error) => return error.into(),
            AnalyzeError::Read(error) => return error.into(),
            AnalyzeError::UnknownAgent(_) => Code::UnknownAgent,
            AnalyzeError::NotFound(_) => Code::UnknownAnalysis,
        };
        Self::new(code, error.to_string())
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Busy => Self::new(Code::TooManyLogins, "too many logins are under way; try again"),
            LoginError::Hash(error) => Self::new(Code::Internal, "the password cannot be checked").because(error),
        }
    }
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        Self::new(Code::Internal, "the access token cannot be signed").because(error)
    }
}

fn away(detail: &str) -> ApiError {
    ApiError::new(Code::BrokerUnavailable, detail)
}

fn not_stored(id: &CommandId, what: &str, error: SubmitError) -> ApiError {
    match &error {
        SubmitError::Full(_) => ApiError::new(Code::HistoryFull, "the history takes no new commands; make room in it"),
        SubmitError::TooLarge => ApiError::new(Code::TooLarge, "the command is too large for one message"),
        SubmitError::Unavailable(_) => away(&format!(
            "whether the {what} {id} is in the history is not known; GET /commands/{id} will tell, \
             and a retry with the same Idempotency-Key is safe"
        )),
        SubmitError::Refused(_) => ApiError::new(Code::Internal, format!("the broker refuses the {what} {id}")),
    }
    .because(error)
}
