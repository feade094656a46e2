//! Receives the errors of the services, gives them a kind and the words that a client may read.

use std::time::Duration;

use ogent_broker::enroll::RegistrarError;
use ogent_broker::{AppendError, BrokerError, ReadError, ShelfError, SubmitError};
use ogent_protocol::{CommandId, InvalidIntent};

use super::{ApiError, Code};
use crate::access::{Denied, RehearseError, SetPolicyError};
use crate::auth::{LogInError, LoginError, MintError, OidcError, RefreshError, SessionError, Unauthenticated};
use crate::cancel::CancelError;
use crate::execute::{ExecuteError, Refused};
use crate::gate::{AnalyzeError, DecideError};
use crate::history::HistoryError;
use crate::people::ChangeError;

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
            ExecuteError::Denied(error) => return error.into(),
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
            ExecuteError::Revoked(_) => Code::AgentRevoked,
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

impl From<Denied> for ApiError {
    fn from(error: Denied) -> Self {
        Self::new(Code::Forbidden, error.to_string())
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        let code = match error {
            ChangeError::Password(error) => return error.into(),
            ChangeError::Store(error) => return shelf(error, "the users"),
            ChangeError::Invalid { .. } | ChangeError::TooMany => Code::InvalidRequest,
            ChangeError::Unknown(_) => Code::UnknownUser,
            ChangeError::Exists(_) => Code::UserExists,
            ChangeError::ReadOnly(_) => Code::ReadOnlyUser,
            ChangeError::LastAdmin(_) => Code::LastAdmin,
            ChangeError::Contested => Code::ChangedMeanwhile,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SetPolicyError> for ApiError {
    fn from(error: SetPolicyError) -> Self {
        let code = match error {
            SetPolicyError::Store(error) => return shelf(error, "the access policy"),
            SetPolicyError::Gone(_) => return Self::new(Code::Internal, "the policy was not checked").because(error),
            SetPolicyError::Invalid(_) => Code::InvalidPolicy,
            SetPolicyError::LocksOut(_) => Code::LocksOut,
            SetPolicyError::Changed(_) => Code::ChangedMeanwhile,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RehearseError> for ApiError {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::Invalid(error) => error.into(),
            RehearseError::Policy(error) => error.into(),
            RehearseError::UnknownAgent(_) => Self::new(Code::UnknownAgent, error.to_string()),
        }
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

impl From<LogInError> for ApiError {
    fn from(error: LogInError) -> Self {
        match error {
            // The same words whether the name or the password is wrong, or the user is disabled.
            LogInError::Wrong => Self::new(Code::InvalidCredentials, error.to_string()),
            LogInError::Wait(wait) => limited(wait),
            LogInError::Check(error) => error.into(),
            LogInError::Mint(error) => error.into(),
            LogInError::Keep(error) => Self::not_kept(error),
        }
    }
}

impl From<RefreshError> for ApiError {
    fn from(error: RefreshError) -> Self {
        match error {
            // Whether it was good once is not for whoever has found it.
            RefreshError::Invalid | RefreshError::Reused => {
                let detail = "the refresh token is not valid, was used before, or has ended; log in again";
                Self::new(Code::InvalidRefreshToken, detail).because(error)
            }
            RefreshError::Wait(wait) => limited(wait),
            RefreshError::Mint(error) => error.into(),
            RefreshError::Read(error) => error.into(),
            RefreshError::Keep(error) => Self::not_kept(error),
        }
    }
}

impl From<Unauthenticated> for ApiError {
    fn from(error: Unauthenticated) -> Self {
        match error {
            Unauthenticated::Read(error) => error.into(),
            Unauthenticated::Stale => {
                Self::new(Code::NotReady, "which sessions have ended is not known while the broker is away; try again")
            }
            // Why it is not taken is for the log only: a forger needs no hints.
            error => Self::new(Code::Unauthorized, "the token is not valid or has ended").because(error),
        }
    }
}

impl ApiError {
    /// What the bucket of sessions has not taken.
    pub(in crate::http) fn not_kept(error: AppendError) -> Self {
        match &error {
            AppendError::Full(_) => Self::new(Code::HistoryFull, "no more sessions can be kept; make room"),
            AppendError::Unavailable(_) => away("the session cannot be stored now; try again"),
            AppendError::Conflict(_) => away("the session has changed at this moment; try again"),
            _ => Self::new(Code::Internal, "the session cannot be stored"),
        }
        .because(error)
    }
}

fn limited(wait: Duration) -> ApiError {
    ApiError::new(Code::LoginLimited, "too many log-ins have failed; wait before the next one").after(wait)
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        Self::new(Code::Internal, "the access token cannot be signed").because(error)
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match &error {
            SessionError::Random(_) => Self::new(Code::Internal, "the system has no randomness"),
            SessionError::Read(_) | SessionError::Write(_) => away("who is logged in cannot be told now; try again"),
        }
        .because(error)
    }
}

impl From<OidcError> for ApiError {
    fn from(error: OidcError) -> Self {
        let detail = match &error {
            OidcError::Provider(_) => {
                return Self::new(Code::ProviderUnavailable, "the OpenID provider does not answer as it should")
                    .because(error);
            }
            OidcError::Busy => return Self::new(Code::TooManyLogins, error.to_string()),
            OidcError::Internal(_) => return Self::new(Code::Internal, "the sign-in has failed").because(error),
            // A forger needs no hints; the log has them.
            OidcError::Token(_) | OidcError::Invalid(_) => "what the OpenID provider says is not valid".to_owned(),
            OidcError::NotBegun | OidcError::Denied(_) | OidcError::NoRole(_) => error.to_string(),
        };
        Self::new(Code::SignInRefused, detail).because(error)
    }
}

fn away(detail: &str) -> ApiError {
    ApiError::new(Code::BrokerUnavailable, detail)
}

fn shelf(error: ShelfError, what: &str) -> ApiError {
    match error {
        ShelfError::Conflict => ApiError::new(Code::ChangedMeanwhile, error.to_string()),
        ShelfError::Read(error) => error.into(),
        ShelfError::Append(_) => away(&format!("whether {what} were changed is not known; try again")).because(error),
    }
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
