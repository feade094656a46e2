//! Why somebody does not get in, one type for each thing that can be asked of the authority.

use std::time::Duration;

use ogent_broker::{AppendError, ReadError};

use super::{LoginError, MintError};
use crate::auth::jwt::TokenError;

/// Why a request has no principal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unauthenticated {
    /// The token was not made here, or has ended.
    #[error("the token is not taken")]
    Token(#[from] TokenError),
    /// It is no API token that there is.
    #[error("there is no such API token")]
    ApiToken,
    /// Its session, or its owner, is not good any more.
    #[error("the session has ended")]
    Ended,
    /// Whether it has been revoked is not known.
    #[error("the broker has not been heard for too long to know which sessions have ended")]
    Stale,
    /// Whether it is there is not known.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why somebody is not logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogInError {
    /// Name or password is wrong, or the user is disabled.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// There were too many failures.
    #[error("too many failed log-ins")]
    Wait(Duration),
    /// The password cannot be checked now.
    #[error(transparent)]
    Check(#[from] LoginError),
    /// The token cannot be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The session cannot be kept.
    #[error("the session cannot be kept")]
    Keep(#[from] AppendError),
}

/// Why there is no new token for a refresh token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// It is none that is good.
    #[error("the refresh token is not valid or has ended")]
    Invalid,
    /// It was used before, so two have it: the session is over.
    #[error("the refresh token was used before; its session has been ended")]
    Reused,
    /// Too many have tried to guess one from there.
    #[error("too many failed log-ins")]
    Wait(Duration),
    /// The token cannot be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The session cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The session cannot be kept.
    #[error("the session cannot be kept")]
    Keep(#[from] AppendError),
}

/// Why a session or API token cannot be made or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GrantError {
    /// There is none of that id, or one may not know it.
    #[error("there is no session or API token of this id")]
    Unknown,
    /// A field of the request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// There are too many.
    #[error("there are {0} API tokens already; revoke one first")]
    TooMany(usize),
    /// Only who is logged in may do that.
    #[error("an API token cannot do this; log in")]
    NotWithToken,
    /// It is read anew while it is asked for.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be kept.
    #[error("it cannot be kept")]
    Keep(#[from] AppendError),
}
