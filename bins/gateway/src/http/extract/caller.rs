//! Receives the `Authorization` header or the cookie of a session, gives routes the principal that it speaks for.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use ogent_runtime::Secret;

use super::cookie::SESSION;
use crate::access::{Action, Principal, may};
use crate::auth::Tokens;
use crate::http::Shared;
use crate::http::origin;
use crate::http::problem::{ApiError, Code};

/// Somebody with a valid token or a session. Stands first among the arguments of a route, so that a stranger learns nothing
/// from how the rest of the request is judged.
pub(in crate::http) struct Caller(Principal);

/// What a cookie would be used for: where the browser adds it, it must be known that its own page has asked.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) enum Purpose<'a> {
    /// A request.
    Request(&'a Method),
    /// A WebSocket.
    Socket,
}

// === impl Caller ===

impl Caller {
    /// The principal, if it may do that.
    pub(in crate::http) fn must(self, action: Action) -> Result<Principal, ApiError> {
        match may(&self.0, action) {
            true => Ok(self.0),
            false => Err(ApiError::new(Code::Forbidden, format!("{} has no role for this", self.0.user))),
        }
    }

    /// The principal, for what is about nobody and nothing else.
    pub(in crate::http) fn myself(self) -> Principal {
        self.0
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        match identify(&parts.headers, services, Purpose::Request(&parts.method)).await? {
            Some(principal) => Ok(Self(principal)),
            None => Err(ApiError::new(
                Code::Unauthorized,
                "not logged in: send a token from POST /token as Authorization: Bearer …",
            )),
        }
    }
}

/// The principal of the bearer token or of the session, `None` if neither is there at all.
pub(in crate::http) async fn identify(
    headers: &HeaderMap,
    services: &Shared,
    purpose: Purpose<'_>,
) -> Result<Option<Principal>, ApiError> {
    match SESSION.read(headers)? {
        None => bearer(headers, &services.tokens),
        // Which of them counts must not depend on who looks.
        Some(_) if headers.contains_key(AUTHORIZATION) => {
            Err(ApiError::new(Code::InvalidParameter, "send the session's cookie or Authorization, not both"))
        }
        Some(secret) => by_session(&secret, headers, services, purpose).await.map(Some),
    }
}

async fn by_session(
    secret: &Secret,
    headers: &HeaderMap,
    services: &Shared,
    purpose: Purpose<'_>,
) -> Result<Principal, ApiError> {
    let is_own_page = match purpose {
        Purpose::Request(method) => origin::may_use_cookie(method, headers, &services.sites),
        Purpose::Socket => origin::may_connect_by_cookie(headers, &services.sites),
    };
    if !is_own_page {
        return Err(ApiError::new(Code::CrossSite, "a session counts on requests of the gateway's own pages only"));
    }
    let session = services.sessions.find(secret).await?;
    let principal = session.and_then(|session| services.principal_of(session));
    principal.ok_or_else(|| ApiError::new(Code::Unauthorized, "the session has ended"))
}

/// The principal of the bearer token, `None` if there is no such header at all.
fn bearer(headers: &HeaderMap, tokens: &Tokens) -> Result<Option<Principal>, ApiError> {
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
