//! Receives browsers that want to sign in elsewhere, sends them there; receives them back, gives them a session.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use ogent_protocol::{AuditEvent, AuditKind};
use serde::Deserialize;
use utoipa::IntoParams;

use super::browser::{self, Whom};
use crate::auth::{Oidc, OidcError, Returned};
use crate::http::Shared;
use crate::http::extract::cookie::{SESSION, SIGN_IN};
use crate::http::extract::{From, QueryOf};
use crate::http::openapi::{Bugs, NoSignIn};
use crate::http::problem::{ApiError, Code};
use crate::limits::{SSO_SESSION_AGE, SSO_WITHIN};

/// Where to go in the end.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Wish {
    /// A path of the gateway.
    next: Option<String>,
}

/// What the provider sends along.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Answer {
    /// What the gateway exchanges for who it is.
    code: Option<String>,
    /// Which sign-in it is about.
    state: Option<String>,
    /// Which provider it is.
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Sign in at the OpenID provider
///
/// Sends the browser to the provider, from where it comes back with a session.
#[utoipa::path(
    get,
    path = "/auth/oidc/login",
    tag = "login",
    params(Wish),
    responses((status = 303, description = "Go to the provider"), NoSignIn, Bugs)
)]
pub(in crate::http) async fn depart(
    State(services): State<Shared>,
    QueryOf(wish): QueryOf<Wish>,
) -> Result<Response, ApiError> {
    let departure = provider(&services)?.depart(wish.next).await?;
    let location = HeaderValue::from_str(&departure.location)
        .map_err(|error| ApiError::new(Code::Internal, "the provider has no usable address").because(error))?;
    let cookie = SIGN_IN.keep(&departure.cookie, Some(SSO_WITHIN.as_secs()))?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location), (SET_COOKIE, cookie)]).into_response())
}

/// Come back from the OpenID provider
///
/// Only with the cookie that the sign-in began with, and once.
#[utoipa::path(
    get,
    path = "/auth/oidc/callback",
    tag = "login",
    params(Answer),
    responses(
        (status = 200, description = "Signed in", body = String, content_type = "text/html"),
        NoSignIn,
        Bugs
    )
)]
pub(in crate::http) async fn arrive(
    State(services): State<Shared>,
    From(from): From,
    headers: HeaderMap,
    QueryOf(answer): QueryOf<Answer>,
) -> Result<Response, ApiError> {
    let oidc = provider(&services)?;
    let Answer { code, state, iss, error } = answer;
    let returned = Returned { code, state, iss, error };
    let cookie = SIGN_IN.read(&headers)?.ok_or(OidcError::NotBegun)?;
    let pending = oidc.recognize(&cookie, &returned)?;
    let signed_in = oidc.arrive(&pending, returned).await.inspect_err(|error| {
        let event = AuditEvent::new("gateway", AuditKind::LoginFailed).from(from.address);
        services.ledger.audit(event.saying(format!("OpenID: {error}")));
    })?;
    // Of two who come back with the same, one is not whom it was begun by. Only now, so that strangers cannot fill the bucket.
    if !services.tickets.is_first_use(&pending.once()).await? {
        return Err(OidcError::NotBegun.into());
    }
    let before = SESSION.read(&headers)?;
    let secret = browser::begin(&services, &from, Whom::Vouched(&signed_in.user, signed_in.roles), before).await?;
    let cookies = AppendHeaders([
        (SET_COOKIE, SESSION.keep(&secret, Some(SSO_SESSION_AGE.as_secs()))?),
        (SET_COOKIE, SIGN_IN.forget()?),
    ]);
    let page = page(pending.next.as_deref().unwrap_or("/session"));
    Ok((cookies, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response())
}

fn provider(services: &Shared) -> Result<&Oidc, ApiError> {
    services
        .oidc
        .as_ref()
        .ok_or_else(|| ApiError::new(Code::UnknownPath, "there is no OpenID provider; see --oidc-issuer"))
}

/// A page instead of a redirect: a strict cookie does not come along on a way that began on another site. The path has been
/// checked to hold nothing that means something in HTML but `&`.
fn page(next: &str) -> String {
    let next = next.replace('&', "&amp;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url={next}\">\
         <title>Ogent</title><p>Signed in. <a href=\"{next}\">Go on</a></p>\n"
    )
}
