//! Receives decisions about commands that wait for their approval, gives the commands as they stand then.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ogent_protocol::CommandId;
use ogent_protocol::rest::{ApprovalList, ApproveRequest, CommandView, DenyRequest};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Action;
use crate::history::Cursor;
use crate::http::Shared;
use crate::http::extract::{Caller, Id, OptionalJsonBody, QueryOf, page_size};
use crate::http::openapi::{BadBody, BadParameter, BrokerAway, Bugs, Full, Guarded, NoCommand, NotOpen};
use crate::http::problem::ApiError;
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};

/// Which approvals to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ListParams {
    /// Those that are decided, too.
    #[serde(default)]
    #[param(default = false)]
    all: bool,
    /// Commands on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
    /// Where the page before ended: its `next_cursor`.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{23}$")]
    cursor: Option<Cursor>,
}

/// List what waits for an approval
///
/// Newest first, each with its verdict. With `all`, also what was approved, denied or withdrawn, or has expired.
#[utoipa::path(
    get,
    path = "/approvals",
    tag = "approvals",
    security(("bearer" = [])),
    params(ListParams),
    responses(
        (status = 200, description = "One page of commands", body = ApprovalList),
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
) -> Result<Json<ApprovalList>, ApiError> {
    caller.must(Action::ListApprovals)?;
    let ListParams { all, limit, cursor } = params;
    let limit = page_size(limit, DEFAULT_PAGE, MAX_PAGE)?;
    Ok(Json(services.history.approvals(all, limit, cursor, caller.seen()).await?))
}

/// Approve a command
///
/// It is sent to its agent at once. Nobody approves commands of their own. With `hash`, only exactly what was seen is
/// approved. Approving again what one has approved makes sure that it was sent. The body may be missing.
#[utoipa::path(
    post,
    path = "/commands/{id}/approve",
    tag = "approvals",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the command")),
    request_body(content = Option<ApproveRequest>, content_type = "application/json"),
    responses(
        (status = 202, description = "The command is approved and sent", body = CommandView),
        Guarded,
        BadBody,
        NoCommand,
        NotOpen,
        BrokerAway,
        Full,
        Bugs
    )
)]
pub(in crate::http) async fn approve(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
    OptionalJsonBody(request): OptionalJsonBody<ApproveRequest>,
) -> Result<(StatusCode, Json<CommandView>), ApiError> {
    caller.may_decide(&services, &id, Action::Approve).await?;
    let view = services.decider.approve(&id, &caller.principal().user, request).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Deny a command
///
/// It ends as `denied`. The body may be missing.
#[utoipa::path(
    post,
    path = "/commands/{id}/deny",
    tag = "approvals",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the command")),
    request_body(content = Option<DenyRequest>, content_type = "application/json"),
    responses(
        (status = 200, description = "The command is denied", body = CommandView),
        Guarded,
        BadBody,
        NoCommand,
        NotOpen,
        BrokerAway,
        Full,
        Bugs
    )
)]
pub(in crate::http) async fn deny(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
    OptionalJsonBody(request): OptionalJsonBody<DenyRequest>,
) -> Result<Json<CommandView>, ApiError> {
    caller.may_decide(&services, &id, Action::Deny).await?;
    Ok(Json(services.decider.deny(&id, &caller.principal().user, request).await?))
}
