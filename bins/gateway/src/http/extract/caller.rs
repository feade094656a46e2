//! Receives the `Authorization` header, gives routes the principal that it speaks for.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use ogent_protocol::{AgentId, AuditEvent, AuditKind};

use crate::access::{Action, Principal, may};
use crate::auth::Origin;
use crate::http::Shared;
use crate::http::client::origin_of;
use crate::http::problem::{ApiError, Code};

/// Somebody with a valid token. Stands first among the arguments of a route, so that a stranger learns nothing from
/// how the rest of the request is judged.
pub(in crate::http) struct Caller {
    principal: Principal,
    origin: Origin,
    services: Shared,
}

// === impl Caller ===

impl Caller {
    /// The principal, if it may do that.
    pub(in crate::http) fn must(self, action: Action) -> Result<Principal, ApiError> {
        self.check(action, None)?;
        Ok(self.principal)
    }

    /// The principal, if it may do that on this agent.
    pub(in crate::http) fn must_on(self, action: Action, agent: &AgentId) -> Result<Principal, ApiError> {
        self.check(action, Some(agent))?;
        Ok(self.principal)
    }

    /// The principal and where it asks from, if it may do that.
    pub(in crate::http) fn must_from(self, action: Action) -> Result<(Principal, Origin), ApiError> {
        self.check(action, None)?;
        Ok((self.principal, self.origin))
    }

    /// Whether the principal may do that, without refusing anything.
    pub(in crate::http) fn may(&self, action: Action) -> bool {
        may(&self.principal, action, None)
    }

    /// Who it is.
    pub(in crate::http) fn user(&self) -> &str {
        &self.principal.user
    }

    fn check(&self, action: Action, agent: Option<&AgentId>) -> Result<(), ApiError> {
        let Self { principal, origin, services } = self;
        if may(principal, action, agent) {
            return Ok(());
        }
        let denied = AuditEvent::new("gateway", AuditKind::AccessDenied).by(&principal.user).from(origin.address);
        let denied = principal.grant.iter().fold(denied, |event, id| event.with(id));
        let denied = agent.iter().fold(denied, |event, agent| event.about(agent.as_str()));
        services.ledger.audit(denied.saying(action.as_str()));
        Err(ApiError::new(Code::Forbidden, format!("{} has no role for this", principal.user)))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        match bearer(&parts.headers, services).await? {
            Some(principal) => Ok(Self { principal, origin: origin_of(parts), services: services.clone() }),
            None => Err(ApiError::new(
                Code::Unauthorized,
                "not logged in: send a token from POST /token as Authorization: Bearer …",
            )),
        }
    }
}

/// The principal of the bearer token, `None` if there is no such header at all.
pub(in crate::http) async fn bearer(headers: &HeaderMap, services: &Shared) -> Result<Option<Principal>, ApiError> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    // A proxy might have gone by the other one.
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(ApiError::new(Code::Unauthorized, "Authorization is there more than once"));
    }
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::new(Code::Unauthorized, "only Authorization: Bearer … is taken"));
    }
    let principal = services.authority.authenticate(token.trim()).await?;
    services.users_meter.take(principal.user.clone()).map_err(ApiError::too_many)?;
    Ok(Some(principal))
}
