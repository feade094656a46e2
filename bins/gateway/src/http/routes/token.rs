//! Receives a name and a password, gives an access token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use ogent_protocol::rest::TokenResponse;
use ogent_runtime::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::Shared;
use crate::http::extract::Form;
use crate::http::openapi::{BadBody, Bugs, NoLogin};
use crate::http::problem::{ApiError, Code};
use crate::limits::{MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES};
use crate::people::Person;

/// Who logs in, as OAuth 2's password grant writes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Credentials {
    /// Always `password`; may be left out.
    #[serde(default, rename = "grant_type")]
    _grant_type: Option<GrantType>,
    /// The user's name.
    #[schema(min_length = 1, max_length = 256)]
    username: String,
    /// The user's password.
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    password: String,
}

/// The one way to log in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum GrantType {
    /// By name and password.
    Password,
}

/// Log in
#[utoipa::path(
    post,
    path = "/token",
    tag = "login",
    request_body(content = Credentials, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "An access token", body = TokenResponse), BadBody, NoLogin, Bugs)
)]
pub(in crate::http) async fn create(
    State(services): State<Shared>,
    Form(credentials): Form<Credentials>,
) -> Result<impl IntoResponse, ApiError> {
    let Credentials { username, password, .. } = credentials;
    let person = authenticate(&services, &username, password).await?;
    let token = services.tokens.mint(&person.name, &person.roles)?;
    tracing::info!(user = person.name, "logged in");
    let response = TokenResponse {
        access_token: token.expose().to_owned(),
        token_type: "bearer".to_owned(),
        expires_in: services.tokens.ttl().as_secs(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(response)))
}

/// Who that is, if it is their password.
pub(super) async fn authenticate(services: &Shared, username: &str, password: String) -> Result<Arc<Person>, ApiError> {
    check("username", username, MAX_USERNAME_BYTES)?;
    check("password", &password, MAX_PASSWORD_BYTES)?;
    let person = services.people.check(username, Secret::new(password)).await?;
    // The same words whether the name or the password is wrong.
    person.ok_or_else(|| ApiError::new(Code::InvalidCredentials, "the user name or the password is wrong"))
}

fn check(field: &str, text: &str, max: usize) -> Result<(), ApiError> {
    match text.len() {
        0 => Err(ApiError::new(Code::InvalidRequest, format!("{field}: is empty"))),
        length if length > max => {
            Err(ApiError::new(Code::InvalidRequest, format!("{field}: has more than {max} bytes")))
        }
        _ => Ok(()),
    }
}
