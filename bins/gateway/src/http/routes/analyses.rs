//! Receives questions what a command would do, gives the answers of rules and models. Nothing runs.

use axum::Json;
use axum::extract::State;
use ogent_protocol::rest::AnalyzeRequest;
use ogent_protocol::{AgentId, Analysis, CommandId};

use crate::access::Action;
use crate::http::Shared;
use crate::http::extract::{Caller, Id, JsonBody};
use crate::http::openapi::{BadBody, BadParameter, BrokerAway, Bugs, Guarded, NoAgent, NoAnalysis};
use crate::http::problem::ApiError;

/// Tell what a command would do
///
/// Nothing is run. What the request does not say (system, account, folder, programs, the commands before it) is taken from
/// what the agent says of itself and from the history. The rules answer at once; where `advisor` is `pending`, a model's
/// advice can be read later under the `id` of the answer.
#[utoipa::path(
    post,
    path = "/agents/{id}/analyze",
    tag = "approvals",
    security(("bearer" = [])),
    params(("id" = AgentId, Path, description = "Id of the agent")),
    request_body(content = AnalyzeRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "What it would do, and what policy says to that", body = Analysis),
        Guarded,
        BadBody,
        NoAgent,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn analyze(
    State(services): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    JsonBody(request): JsonBody<AnalyzeRequest>,
) -> Result<Json<Analysis>, ApiError> {
    caller.must_on(Action::Analyze, &agent)?;
    Ok(Json(services.analyzer.analyze(agent, request).await?))
}

/// Show an analysis
///
/// The latest under this id: with what a model has said, once it has. Analyses of commands have the id of their command.
#[utoipa::path(
    get,
    path = "/analyses/{id}",
    tag = "approvals",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the analysis")),
    responses(
        (status = 200, description = "The analysis", body = Analysis),
        Guarded,
        BadParameter,
        NoAnalysis,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn show(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
) -> Result<Json<Analysis>, ApiError> {
    caller.must(Action::Analyze)?;
    Ok(Json(services.analyzer.find(&id).await?))
}
