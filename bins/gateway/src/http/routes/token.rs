//! Receives a name and a password, or a refresh token, gives an access token.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use jiff::Timestamp;
use ogent_protocol::rest::TokenResponse;
use ogent_runtime::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{Issued, Origin};
use crate::http::Shared;
use crate::http::extract::{Form, From};
use crate::http::openapi::{BadBody, BrokerAway, Bugs, Full, NoLogin};
use crate::http::problem::{ApiError, Code};
use crate::limits::{MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES};

/// Who logs in, as OAuth 2's grants write it: `username` and `password`, or `refresh_token`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Credentials {
    /// `password` when left out.
    #[serde(default)]
    grant_type: GrantType,
    /// The user's name.
    #[schema(min_length = 1, max_length = 256)]
    username: Option<String>,
    /// The user's password.
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    password: Option<String>,
    /// The refresh token that came with the last access token. It is good once.
    #[schema(min_length = 1, max_length = 256, format = Password)]
    refresh_token: Option<String>,
}

/// The ways to get an access token.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "snake_case")]
enum GrantType {
    /// By name and password.
    #[default]
    Password,
    /// By the refresh token of a session.
    RefreshToken,
}

/// Log in
///
/// With `username` and `password`, which begins a session; or, to go on with one, with `grant_type=refresh_token` and its
/// `refresh_token`, which is good once and comes back as another one. One that comes a second time ends the session,
/// because two have it; a client that has not got the answer may repeat its request within ten seconds.
#[utoipa::path(
    post,
    path = "/token",
    tag = "login",
    request_body(content = Credentials, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token", body = TokenResponse),
        BadBody,
        NoLogin,
        BrokerAway,
        Full,
        Bugs
    )
)]
pub(in crate::http) async fn create(
    State(services): State<Shared>,
    From(origin): From,
    Form(credentials): Form<Credentials>,
) -> Result<impl IntoResponse, ApiError> {
    let Credentials { grant_type, username, password, refresh_token } = credentials;
    let issued = match grant_type {
        GrantType::Password => {
            unwanted("refresh_token", refresh_token.as_ref())?;
            let username = needed("username", username, MAX_USERNAME_BYTES)?;
            let password = needed("password", password, MAX_PASSWORD_BYTES)?;
            log_in(&services, &username, password, &origin).await?
        }
        GrantType::RefreshToken => {
            unwanted("username", username.as_ref())?;
            unwanted("password", password.as_ref())?;
            let token = needed("refresh_token", refresh_token, MAX_PASSWORD_BYTES)?;
            services.authority.refresh(&token, &origin).await?
        }
    };
    let left = issued.session_ends.duration_since(Timestamp::now()).as_secs();
    let response = TokenResponse {
        access_token: issued.access.expose().to_owned(),
        token_type: "bearer".to_owned(),
        expires_in: issued.access_ttl.as_secs(),
        refresh_token: Some(issued.refresh.expose().to_owned()),
        refresh_expires_in: u64::try_from(left).ok(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(response)))
}

async fn log_in(services: &Shared, name: &str, password: String, from: &Origin) -> Result<Issued, ApiError> {
    Ok(services.authority.log_in(name, Secret::new(password), from).await?)
}

pub(super) fn needed(field: &str, text: Option<String>, max: usize) -> Result<String, ApiError> {
    let Some(text) = text else { return Err(ApiError::new(Code::InvalidRequest, format!("{field}: is missing"))) };
    match text.len() {
        0 => Err(ApiError::new(Code::InvalidRequest, format!("{field}: is empty"))),
        length if length > max => {
            Err(ApiError::new(Code::InvalidRequest, format!("{field}: has more than {max} bytes")))
        }
        _ => Ok(text),
    }
}

fn unwanted(field: &str, text: Option<&String>) -> Result<(), ApiError> {
    match text {
        Some(_) => Err(ApiError::new(Code::InvalidRequest, format!("{field}: does not belong to this grant_type"))),
        None => Ok(()),
    }
}
