//! Receives wishes for API tokens of machines, gives them once, and what is kept of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use ogent_protocol::GrantId;
use ogent_protocol::rest::{CreatedToken, TokenList, TokenRequest, TokenView};

use super::sessions::{Whose, end_of};
use crate::access::{Action, Resource};
use crate::http::Shared;
use crate::http::extract::{Caller, Id, JsonBody, QueryOf};
use crate::http::openapi::{BadBody, BadParameter, BrokerAway, Bugs, Full, Guarded, NoGrant, TooManyTokens};
use crate::http::problem::ApiError;

/// Make an API token
///
/// For a machine: it may do what you may, narrowed to its `scope`, until its end or yours. It is shown this once.
#[utoipa::path(
    post,
    path = "/tokens",
    tag = "login",
    security(("bearer" = [])),
    request_body(content = TokenRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "The token", body = CreatedToken),
        Guarded,
        BadBody,
        TooManyTokens,
        BrokerAway,
        Full,
        Bugs
    )
)]
pub(in crate::http) async fn create(
    State(services): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let me = caller.principal();
    caller.may(Action::ManageOwnTokens, &Resource::User(&me.user))?;
    let (secret, token) = services.authority.create_token(me, request, caller.origin()).await?;
    let created = CreatedToken { token: secret.expose().to_owned(), view: TokenView::from(&token) };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(created)))
}

/// List API tokens
///
/// Your own; an admin may ask for those of others.
#[utoipa::path(
    get,
    path = "/tokens",
    tag = "login",
    security(("bearer" = [])),
    params(Whose),
    responses((status = 200, description = "The tokens, without their secrets", body = TokenList), Guarded, BadParameter, Bugs)
)]
pub(in crate::http) async fn list(
    State(services): State<Shared>,
    caller: Caller,
    QueryOf(whose): QueryOf<Whose>,
) -> Result<Json<TokenList>, ApiError> {
    let me = caller.principal();
    let user = whose.resolve(&me.user);
    match user.as_deref() == Some(&me.user) {
        true => caller.may(Action::ManageOwnTokens, &Resource::User(&me.user))?,
        false => caller.must(Action::ViewTokens)?,
    }
    let tokens = services.authority.tokens_of(user.as_deref());
    Ok(Json(TokenList { tokens: tokens.iter().map(TokenView::from).collect() }))
}

/// Revoke an API token
///
/// Of your own; an admin may revoke those of others.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    tag = "login",
    security(("bearer" = [])),
    params(("id" = GrantId, Path, description = "Id of the token")),
    responses((status = 204, description = "The token is no longer good"), Guarded, BadParameter, NoGrant, BrokerAway, Bugs)
)]
pub(in crate::http) async fn revoke(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<GrantId>,
) -> Result<StatusCode, ApiError> {
    if !caller.sees(Action::ManageTokens, &Resource::Fleet) {
        caller.may(Action::ManageOwnTokens, &Resource::User(&caller.principal().user))?;
    }
    end_of(&services, &caller, id, false).await
}
