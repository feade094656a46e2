//! Receives who somebody is from a page of the gateway's own, gives the browser a session; and tickets for WebSockets.

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use jiff::Timestamp;
use ogent_protocol::{AuditEvent, AuditKind};
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::needed;
use crate::access::{Action, Principal, Role};
use crate::auth::{Origin, SessionKey};
use crate::http::Shared;
use crate::http::extract::cookie::SESSION;
use crate::http::extract::{Caller, From, SmallJsonBody};
use crate::http::openapi::{BadBody, BrokerAway, Bugs, Guarded, NoSession};
use crate::http::origin;
use crate::http::problem::{ApiError, Code};
use crate::limits::{MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES, SESSION_AGE, TICKET_TTL};
use crate::people::Person;

/// Who logs in from a browser.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SessionRequest {
    /// The user's name.
    #[schema(min_length = 1, max_length = 256)]
    username: String,
    /// The user's password.
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    password: String,
}

/// Who somebody is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BrowserLogin {
    /// The user's name.
    user: String,
    /// What the user may be: `viewer`, `operator`, `approver`, `admin`.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
    /// When that ends, if it is not used before.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A ticket for one WebSocket.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TicketView {
    /// What to offer as a subprotocol beside `ogent.v1`, as `ticket.<this>`. It can be used once.
    ticket: String,
    /// Seconds until it ends.
    expires_in: u64,
}

/// Log in from a browser
///
/// Sets the cookie `__Host-ogent-session`, which is good for twelve hours after its last use and for a week at most. Only for the
/// gateway's own pages, over HTTPS or on this machine.
#[utoipa::path(
    post,
    path = "/session",
    tag = "login",
    request_body = SessionRequest,
    responses((status = 200, description = "Logged in", body = BrowserLogin), BadBody, NoSession, BrokerAway, Bugs)
)]
pub(in crate::http) async fn log_in(
    State(services): State<Shared>,
    From(from): From,
    headers: HeaderMap,
    SmallJsonBody(request): SmallJsonBody<SessionRequest>,
) -> Result<impl IntoResponse, ApiError> {
    // Another site could otherwise log somebody in as somebody else, who then sees what is done.
    if !origin::is_from_own_page(&headers, &services.sites) {
        return Err(ApiError::new(Code::CrossSite, "only the gateway's own pages may log in with a cookie"));
    }
    let before = SESSION.read(&headers)?;
    let SessionRequest { username, password } = request;
    let username = needed("username", Some(username), MAX_USERNAME_BYTES)?;
    let password = needed("password", Some(password), MAX_PASSWORD_BYTES)?;
    let person = services.authority.prove(&username, Secret::new(password), &from).await?;
    let secret = begin(&services, &from, Whom::Own(&person), before).await?;
    let session = services.sessions.find(&secret).await?.and_then(|session| services.principal_of(session));
    let principal = session.ok_or_else(|| ApiError::new(Code::Unauthorized, "the session has ended"))?;
    let cookie = SESSION.keep(&secret, Some(SESSION_AGE.as_secs()))?;
    Ok(([(SET_COOKIE, cookie)], Json(view(principal))))
}

/// Who am I?
#[utoipa::path(
    get,
    path = "/session",
    tag = "login",
    security(("bearer" = [])),
    responses((status = 200, description = "The user", body = BrowserLogin), Guarded, BrokerAway, Bugs)
)]
pub(in crate::http) async fn who_am_i(caller: Caller) -> Json<BrowserLogin> {
    Json(view(caller.into_principal()))
}

/// Log out of a browser's session
///
/// On every gateway, and on every connection that was opened in it. A token that was sent instead of a cookie is not ended.
#[utoipa::path(
    delete,
    path = "/session",
    tag = "login",
    security(("bearer" = [])),
    responses((status = 204, description = "Logged out"), Guarded, BrokerAway, Bugs)
)]
pub(in crate::http) async fn log_out(
    State(services): State<Shared>,
    From(from): From,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let principal = caller.into_principal();
    if let Some(key) = &principal.session {
        services.sessions.end(key).await?;
        let event = AuditEvent::new("gateway", AuditKind::LoggedOut).by(&principal.user).from(from.address);
        services.ledger.audit(event.saying("browser"));
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, SESSION.forget()?)]))
}

/// Get a ticket for a WebSocket
///
/// For pages that cannot send a header with it: `new WebSocket(url, ["ogent.v1", "ticket." + ticket])`.
#[utoipa::path(
    post,
    path = "/ws/ticket",
    tag = "login",
    security(("bearer" = [])),
    responses((status = 200, description = "The ticket", body = TicketView), Guarded, BrokerAway, Bugs)
)]
pub(in crate::http) async fn ticket(
    State(services): State<Shared>,
    caller: Caller,
) -> Result<Json<TicketView>, ApiError> {
    caller.must(Action::Follow)?;
    let ticket = services.tickets.issue(caller.principal()).await?;
    Ok(Json(TicketView { ticket: ticket.expose().to_owned(), expires_in: TICKET_TTL.as_secs() }))
}

/// Who begins a session.
pub(super) enum Whom<'a> {
    /// One of the gateway's own users.
    Own(&'a Person),
    /// Somebody for whom a provider has vouched, with these roles.
    Vouched(&'a str, Vec<Role>),
}

/// Begins a session, and ends the one that the browser had before.
pub(super) async fn begin(
    services: &Shared,
    from: &Origin,
    whom: Whom<'_>,
    before: Option<Secret>,
) -> Result<Secret, ApiError> {
    let (user, epoch, granted) = match whom {
        Whom::Own(person) => (&*person.name, Some(person.epoch), None),
        Whom::Vouched(user, roles) => (user, None, Some(roles)),
    };
    let secret = services.sessions.begin(user, epoch, granted, from).await?;
    if let Some(before) = before {
        services.sessions.end(&SessionKey::of(&before)).await?;
    }
    services.ledger.audit(AuditEvent::new("gateway", AuditKind::Login).by(user).from(from.address).saying("browser"));
    Ok(secret)
}

fn view(principal: Principal) -> BrowserLogin {
    BrowserLogin { user: principal.user, roles: principal.roles, expires_at: principal.expires_at }
}
