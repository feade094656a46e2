//! Receives the `Authorization` header or the cookie of a session, gives routes the principal that it speaks for, and asks
//! for them what it may.

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use ogent_protocol::{AgentId, AuditEvent, AuditKind, CommandId, Decision, Verdict};
use ogent_runtime::Secret;

use super::cookie::SESSION;
use crate::access::{self, Action, Denied, Found, Principal, Resource, Seen};
use crate::auth::Origin;
use crate::gate::DecideError;
use crate::history::HistoryError;
use crate::http::Shared;
use crate::http::client::origin_of;
use crate::http::problem::{ApiError, Code};
use crate::http::{guard, origin};

/// Somebody with a valid token or a session. Stands first among the arguments of a route, so that a stranger learns
/// nothing from how the rest of the request is judged. Only a route that the table of routes knows gets one.
pub(in crate::http) struct Caller {
    principal: Principal,
    origin: Origin,
    services: Shared,
    actions: &'static [Action],
}

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
    /// Asks whether the principal may do that. A no is a security event.
    pub(in crate::http) fn may(&self, action: Action, resource: &Resource<'_>) -> Result<(), ApiError> {
        self.ask(action, resource)?.map_err(|denied| {
            self.report(&denied);
            denied.into()
        })
    }

    fn ask(&self, action: Action, resource: &Resource<'_>) -> Result<Result<(), Denied>, ApiError> {
        if !self.actions.contains(&action) {
            tracing::error!(action = action.as_str(), "invariant violated: the route asks what its table does not say");
            return Err(ApiError::new(Code::Internal, "this route may not be asked for that"));
        }
        Ok(self.services.access.may(&self.principal, action, resource))
    }

    /// Writes down that the principal was refused.
    pub(in crate::http) fn report(&self, denied: &Denied) {
        let event = AuditEvent::new("gateway", AuditKind::AccessDenied).by(&denied.user).from(self.origin.address);
        let event = self.principal.grant.iter().fold(event, |event, id| event.with(id));
        self.services.ledger.audit(event.saying(denied.action.as_str()));
    }

    /// Writes down that the principal has done something that changes rights or identities.
    pub(in crate::http) fn has_done(&self, kind: AuditKind, about: Option<&str>) {
        let event = AuditEvent::new("gateway", kind).by(&self.principal.user).from(self.origin.address);
        let event = self.principal.grant.iter().fold(event, |event, id| event.with(id));
        self.services.ledger.audit(about.into_iter().fold(event, AuditEvent::about));
    }

    /// The same about what is no machine and no command.
    pub(in crate::http) fn must(&self, action: Action) -> Result<(), ApiError> {
        self.may(action, &Resource::Fleet)
    }

    /// Whether the principal may see something, which otherwise does not exist for them.
    pub(in crate::http) fn sees(&self, action: Action, resource: &Resource<'_>) -> bool {
        matches!(self.ask(action, resource), Ok(Ok(())))
    }

    pub(in crate::http) fn sees_agent(&self, id: &AgentId) -> bool {
        self.sees(Action::ViewAgent, &Resource::Agent(Some(id)))
    }

    pub(in crate::http) fn sees_command(&self, resource: &Resource<'_>) -> bool {
        self.sees(Action::ViewCommand, resource)
    }

    /// What the principal may see of many things.
    pub(in crate::http) fn seen(&self) -> Seen {
        Seen::new(&self.services.access, &self.principal)
    }

    /// Who it is.
    pub(in crate::http) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Where they ask from.
    pub(in crate::http) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Who it was.
    pub(in crate::http) fn into_principal(self) -> Principal {
        self.principal
    }

    /// The command of that id, if the principal may see it; else there is none.
    pub(in crate::http) async fn find(&self, services: &Shared, id: &CommandId) -> Result<Found, ApiError> {
        let found = services.history.look(id).await?.into_found();
        match self.sees_command(&found.resource()) {
            true => Ok(found),
            false => Err(HistoryError::NotFound(id.clone()).into()),
        }
    }

    /// Whether the principal may decide about what waits under `id`.
    pub(in crate::http) async fn may_decide(
        &self,
        services: &Shared,
        id: &CommandId,
        action: Action,
    ) -> Result<(), ApiError> {
        let found = self.find(services, id).await?;
        let record = services.history.proposal(id).await?;
        let (verdict, ruling) = record.as_ref().map_or_else(
            // Nobody had to approve it: whoever may decide about harmless things is told so.
            || (Verdict::default(), Decision::Run),
            |record| (record.verdict.clone(), record.ruling.decision),
        );
        let info = services.directory.get(&found.agent).map(|state| state.info);
        // As if it were somebody else's: whose it is matters only where there is something to decide.
        let others = Found { requested_by: None, ..found.clone() };
        let Some(record) = record else {
            let doing = access::plain(&verdict, ruling);
            self.may(action, &Resource::Decision(&others, &doing))?;
            return Err(DecideError::NeverAsked(id.clone()).into());
        };
        let doing = access::doing(info.as_ref(), &record.run, &verdict, ruling);
        let answer = self.may(action, &Resource::Decision(&found, &doing));
        let is_own = found.requested_by.as_deref() == Some(self.principal.user.as_str());
        // Said in the words for it, where the person could approve it if it were somebody else's.
        match answer {
            Err(_) if is_own && self.sees(action, &Resource::Decision(&others, &doing)) => {
                Err(DecideError::Own(id.clone()).into())
            }
            answer => answer,
        }
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, ApiError> {
        let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        // Nobody gets into a route that the table does not know: then nobody has thought about who may.
        let Some(actions) = guard::actions(&parts.method, path) else {
            tracing::error!(path, "invariant violated: a route does not stand in the table of routes");
            return Err(ApiError::new(Code::Internal, "nobody may use this route"));
        };
        match identify(&parts.headers, services, Purpose::Request(&parts.method)).await? {
            Some(principal) => Ok(Self { principal, origin: origin_of(parts), services: services.clone(), actions }),
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
        None => bearer(headers, services).await,
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
    let principal = principal.ok_or_else(|| ApiError::new(Code::Unauthorized, "the session has ended"))?;
    services.users_meter.take(principal.user.clone()).map_err(ApiError::too_many)?;
    Ok(principal)
}

/// The principal of the bearer token, `None` if there is no such header at all.
async fn bearer(headers: &HeaderMap, services: &Shared) -> Result<Option<Principal>, ApiError> {
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
