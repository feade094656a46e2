//! Receives questions about agents, answers them from the directory, without a round trip.

use axum::Json;
use axum::extract::State;
use ogent_protocol::AgentId;
use ogent_protocol::rest::{AgentList, AgentView};

use crate::access::Action;
use crate::agents;
use crate::http::Shared;
use crate::http::extract::{Caller, Id};
use crate::http::openapi::{BadParameter, Bugs, Guarded, NoAgent};
use crate::http::problem::{ApiError, Code};

/// List all agents
///
/// Those that are offline, too.
#[utoipa::path(
    get,
    path = "/agents",
    tag = "agents",
    security(("bearer" = [])),
    responses((status = 200, description = "The agents, by id", body = AgentList), Guarded, Bugs)
)]
pub(in crate::http) async fn list(State(services): State<Shared>, caller: Caller) -> Result<Json<AgentList>, ApiError> {
    caller.must(Action::ViewAgents)?;
    let agents = services.directory.list().iter().map(agents::view).collect();
    Ok(Json(AgentList { agents }))
}

/// Show one agent
#[utoipa::path(
    get,
    path = "/agents/{id}",
    tag = "agents",
    security(("bearer" = [])),
    params(("id" = AgentId, Path, description = "Id of the agent")),
    responses((status = 200, description = "The agent", body = AgentView), Guarded, BadParameter, NoAgent, Bugs)
)]
pub(in crate::http) async fn show(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<AgentId>,
) -> Result<Json<AgentView>, ApiError> {
    caller.must_on(Action::ViewAgents, &id)?;
    match services.directory.get(&id) {
        Some(state) => Ok(Json(agents::view(&state))),
        None => Err(ApiError::new(Code::UnknownAgent, format!("there is no agent {id}"))),
    }
}
