//! Receives questions about commands and wishes to end them, gives what the history says.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use ogent_protocol::rest::{CancelRequest, CommandPage, CommandView};
use ogent_protocol::{AgentId, CommandId, CommandStatus};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Action, Resource};
use crate::history::{Cursor, Filter, HistoryError};
use crate::http::Shared;
use crate::http::extract::{Caller, Id, OptionalJsonBody, QueryOf, page_size};
use crate::http::openapi::{BadBody, BadParameter, BrokerAway, Bugs, Full, Guarded, NoCommand};
use crate::http::problem::ApiError;
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};

/// Which commands to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListParams {
    /// Only commands for this agent.
    agent: Option<AgentId>,
    /// Only commands in this status now.
    status: Option<CommandStatus>,
    /// Only commands that this user asked for.
    user: Option<String>,
    /// Only commands that the history took at this moment or later.
    since: Option<Timestamp>,
    /// Only commands that the history took at this moment or before.
    until: Option<Timestamp>,
    /// Commands on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
    /// Where the page before ended: its `next_cursor`.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{23}$")]
    cursor: Option<Cursor>,
}

/// List commands, newest first
///
/// A page may be short, or empty, and not be the last one: only a page without `next_cursor` is.
#[utoipa::path(
    get,
    path = "/commands",
    tag = "commands",
    security(("bearer" = [])),
    params(ListParams),
    responses(
        (status = 200, description = "One page of commands", body = CommandPage),
        Guarded,
        BadParameter,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn list(
    State(services): State<Shared>,
    caller: Caller,
    QueryOf(params): QueryOf<ListParams>,
) -> Result<Json<CommandPage>, ApiError> {
    caller.must(Action::ListCommands)?;
    let ListParams { agent, status, user, since, until, limit, cursor } = params;
    let limit = page_size(limit, DEFAULT_PAGE, MAX_PAGE)?;
    let filter = Filter { agent, status, user, since, until, seen: caller.seen() };
    Ok(Json(services.history.list(&filter, limit, cursor).await?))
}

/// Show one command
#[utoipa::path(
    get,
    path = "/commands/{id}",
    tag = "commands",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the command")),
    responses(
        (status = 200, description = "The command", body = CommandView),
        Guarded,
        BadParameter,
        NoCommand,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn show(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
) -> Result<Json<CommandView>, ApiError> {
    let view = services.history.find(&id).await?;
    match caller.sees_command(&Resource::view(&view)) {
        true => Ok(Json(view)),
        false => Err(HistoryError::NotFound(id).into()),
    }
}

/// Cancel a command
///
/// The answer does not wait for its end. What still waits for its approval is taken back. The body may be missing.
#[utoipa::path(
    post,
    path = "/commands/{id}/cancel",
    tag = "commands",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the command")),
    request_body(content = Option<CancelRequest>, content_type = "application/json"),
    responses(
        (status = 200, description = "The command has ended already, or was taken back", body = CommandView),
        (status = 202, description = "The agent is asked to end it", body = CommandView),
        Guarded,
        BadBody,
        NoCommand,
        BrokerAway,
        Full,
        Bugs
    )
)]
pub(in crate::http) async fn cancel(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
    OptionalJsonBody(request): OptionalJsonBody<CancelRequest>,
) -> Result<(StatusCode, Json<CommandView>), ApiError> {
    let found = caller.find(&services, &id).await?;
    caller.may(Action::Cancel, &found.resource())?;
    let view = services.canceller.cancel(id, &caller.principal().user, request).await?;
    let status = if view.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(view)))
}
