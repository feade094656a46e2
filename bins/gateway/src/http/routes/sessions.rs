//! Receives questions about sessions and wishes to end them, gives what the authority knows.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ogent_protocol::rest::{Me, SessionList, SessionView};
use ogent_protocol::{AuditEvent, AuditKind, GrantId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Action, Resource};
use crate::auth::{BrowserSession, GrantError, SessionKey};
use crate::http::Shared;
use crate::http::extract::{Caller, Id, QueryOf};
use crate::http::openapi::{BadParameter, BrokerAway, Bugs, Guarded, NoGrant};
use crate::http::problem::{ApiError, Code};

/// Whose to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Whose {
    /// Of this user; `*` of all. Those of others are for admins. Your own when absent.
    user: Option<String>,
}

/// Show who you are
#[utoipa::path(
    get,
    path = "/me",
    tag = "login",
    security(("bearer" = [])),
    responses((status = 200, description = "Who the token speaks for", body = Me), Guarded, Bugs)
)]
pub(in crate::http) async fn me(caller: Caller) -> Result<Json<Me>, ApiError> {
    let principal = caller.into_principal();
    Ok(Json(Me {
        user: principal.user,
        roles: principal.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        grant: principal.grant,
        expires_at: principal.expires_at,
        scope: principal.scope,
    }))
}

/// Log out
///
/// Ends the session: its tokens are no longer good on any gateway, and what it has open closes.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "login",
    security(("bearer" = [])),
    responses((status = 204, description = "The session has ended"), Guarded, BrokerAway, Bugs)
)]
pub(in crate::http) async fn log_out(State(services): State<Shared>, caller: Caller) -> Result<StatusCode, ApiError> {
    match &caller.principal().session {
        Some(key) => {
            services.sessions.end(key).await?;
            caller.has_done(AuditKind::LoggedOut, None);
        }
        None => services.authority.log_out(caller.principal(), caller.origin()).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// List sessions
///
/// Your own, in browsers and elsewhere; an admin may ask for those of others.
#[utoipa::path(
    get,
    path = "/sessions",
    tag = "login",
    security(("bearer" = [])),
    params(Whose),
    responses(
        (status = 200, description = "The sessions", body = SessionList),
        Guarded,
        BadParameter,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn list(
    State(services): State<Shared>,
    caller: Caller,
    QueryOf(whose): QueryOf<Whose>,
) -> Result<Json<SessionList>, ApiError> {
    let me = caller.principal();
    let user = whose.resolve(&me.user);
    if user.as_deref() != Some(&me.user) {
        caller.must(Action::ViewTokens)?;
    }
    // From where its owner logs in is nothing that a machine has to know.
    if me.scope.is_some() {
        return Err(GrantError::NotWithToken.into());
    }
    let sessions = services.authority.sessions_of(user.as_deref());
    let sessions = sessions.iter().map(|session| SessionView::of(session, me.grant.as_ref()));
    let browsers = services.sessions.list(user.as_deref()).await?;
    // Those whose user has changed since are over.
    let browsers = browsers.into_iter().filter(|session| services.principal_of(session.clone()).is_some());
    let browsers = browsers.filter_map(|session| view(session, me.session.as_ref()));
    let mut sessions: Vec<_> = sessions.chain(browsers).collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.refreshed_at));
    Ok(Json(SessionList { sessions }))
}

/// End a session
///
/// Of your own; an admin may end those of others.
#[utoipa::path(
    delete,
    path = "/sessions/{id}",
    tag = "login",
    security(("bearer" = [])),
    params(("id" = GrantId, Path, description = "Id of the session")),
    responses(
        (status = 204, description = "The session has ended"),
        Guarded,
        BadParameter,
        NoGrant,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn end(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<GrantId>,
) -> Result<StatusCode, ApiError> {
    end_of(&services, &caller, id, true).await
}

/// Ends a session or API token, if it is one's own or one may end those of others. To whoever may not, it looks as if
/// there was none.
pub(super) async fn end_of(
    services: &Shared,
    caller: &Caller,
    id: GrantId,
    is_session: bool,
) -> Result<StatusCode, ApiError> {
    let me = caller.principal();
    let is_manager = caller.sees(Action::ManageTokens, &Resource::Fleet);
    // Nor does it log people out.
    if me.scope.is_some() && is_session {
        return Err(GrantError::NotWithToken.into());
    }
    if id.is_session() != is_session {
        return Err(GrantError::Unknown.into());
    }
    if id.is_browser() {
        let whose = (!is_manager).then_some(me.user.as_str());
        let session = services.sessions.named(&id, whose).await?.ok_or(GrantError::Unknown)?;
        services.sessions.end(&session.key).await?;
        let event = AuditEvent::new("gateway", AuditKind::SessionRevoked).by(&me.user).from(caller.origin().address);
        services.ledger.audit(event.about(session.user).with(&id));
        return Ok(StatusCode::NO_CONTENT);
    }
    let owner = services.authority.owner_of(&id).await?;
    if owner != me.user && !is_manager {
        return Err(GrantError::Unknown.into());
    }
    services.authority.end(&id, &owner, me, caller.origin()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(session: BrowserSession, current: Option<&SessionKey>) -> Option<SessionView> {
    let BrowserSession { key, user, ends_at, begun, seen, address, user_agent, .. } = session;
    let is_current = current == Some(&key);
    let id = key.id()?;
    Some(SessionView {
        id,
        user,
        created_at: begun,
        refreshed_at: seen,
        expires_at: ends_at,
        address,
        user_agent,
        is_current,
    })
}

// === impl Whose ===

impl Whose {
    /// `None` for all.
    pub(super) fn resolve(self, caller: &str) -> Option<String> {
        match self.user.as_deref() {
            None => Some(caller.to_owned()),
            Some("*") => None,
            Some(user) => Some(user.to_owned()),
        }
    }
}

impl std::convert::From<GrantError> for ApiError {
    fn from(error: GrantError) -> Self {
        let code = match error {
            GrantError::Read(error) => return error.into(),
            GrantError::Keep(error) => return Self::not_kept(error),
            GrantError::Unknown => Code::UnknownGrant,
            GrantError::Invalid(_) => Code::InvalidRequest,
            GrantError::TooMany(_) => Code::TooManyTokens,
            GrantError::NotWithToken => Code::Forbidden,
        };
        Self::new(code, error.to_string())
    }
}
