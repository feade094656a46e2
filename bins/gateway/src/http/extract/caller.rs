//! Receives the `Authorization` header, gives routes the principal that it speaks for.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::access::{Action, Principal, may};
use crate::auth::Tokens;
use crate::http::Shared;
use crate::http::problem::{ApiError, Code};

/// Somebody with a valid token. Stands first among the arguments of a route, so that a stranger learns nothing from
/// how the rest of the request is judged.
pub(in crate::http) struct Caller(Principal);

// === impl Caller ===

impl Caller {
    /// The principal, if it may do that.
    pub(in crate::http) fn must(self, action: Action) -> Result<Principal, ApiError> {
        match may(&self.0, action) {
            true => Ok(self.0),
            false => Err(ApiError::new(Code::Forbidden, format!("{} has no role for this", self.0.user))),
        }
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        match bearer(&parts.headers, &services.tokens)? {
            Some(principal) => Ok(Self(principal)),
            None => Err(ApiError::new(
                Code::Unauthorized,
                "not logged in: send a token from POST /token as Authorization: Bearer …",
            )),
        }
    }
}

/// The principal of the bearer token, `None` if there is no such header at all.
pub(in crate::http) fn bearer(headers: &HeaderMap, tokens: &Tokens) -> Result<Option<Principal>, ApiError> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    // A proxy might have gone by the other one.
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(ApiError::new(Code::Unauthorized, "Authorization is there more than once"));
    }
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::new(Code::Unauthorized, "only Authorization: Bearer … is taken"));
    }
    // Why it is not taken is for the log only: a forger needs no hints.
    let refuse = |error| ApiError::new(Code::Unauthorized, "the token is not valid or has ended").because(error);
    tokens.verify(token.trim()).map(Some).map_err(refuse)
}
