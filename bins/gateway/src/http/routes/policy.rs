//! Receives access policies and questions about them, gives the one that holds, and what it says.

use axum::Json;
use axum::extract::State;
use ogent_protocol::AuditKind;
use ogent_protocol::rest::{PolicyAnswer, PolicyHistory, PolicyTest, PolicyView, SetPolicy};

use crate::access::{Action, Current, PolicyChange};
use crate::http::Shared;
use crate::http::extract::{Caller, JsonBody};
use crate::http::openapi::{BadBody, BrokerAway, Bugs, Guarded, NoAgent, PolicyChanged};
use crate::http::problem::{ApiError, Code};
use crate::limits::MAX_NOTE_BYTES;

/// Read the access policy
///
/// Who may do what, in Cedar's language. Version 0 is the policy that is shipped.
#[utoipa::path(
    get,
    path = "/policy",
    tag = "policy",
    security(("bearer" = [])),
    responses((status = 200, description = "The policy that holds", body = PolicyView), Guarded, Bugs)
)]
pub(in crate::http) async fn show(
    State(services): State<Shared>,
    caller: Caller,
) -> Result<Json<PolicyView>, ApiError> {
    caller.must(Action::ViewPolicy)?;
    Ok(Json(current(&services.access.current())))
}

/// Set the access policy
///
/// It holds on every gateway within a second. What does not pass every check is refused with file, line and reason, and the
/// one before goes on to hold; so is a policy under which you could not set another one.
#[utoipa::path(
    put,
    path = "/policy",
    tag = "policy",
    security(("bearer" = [])),
    request_body(content = SetPolicy, content_type = "application/json"),
    responses(
        (status = 200, description = "The policy that holds now", body = PolicyView),
        Guarded,
        BadBody,
        PolicyChanged,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn set(
    State(services): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<SetPolicy>,
) -> Result<Json<PolicyView>, ApiError> {
    caller.must(Action::ChangePolicy)?;
    let SetPolicy { text, note, version } = request;
    if note.as_ref().is_some_and(|note| note.len() > MAX_NOTE_BYTES) {
        return Err(ApiError::new(Code::InvalidRequest, format!("note: has more than {MAX_NOTE_BYTES} bytes")));
    }
    let holds = services.access.set_policy(caller.principal(), text, note, version).await?;
    caller.has_done(AuditKind::PolicyChanged, None);
    Ok(Json(current(&holds)))
}

/// List the access policies that held
///
/// The latest first; the last 64 are kept.
#[utoipa::path(
    get,
    path = "/policy/history",
    tag = "policy",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The policies", body = PolicyHistory),
        Guarded,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn history(
    State(services): State<Shared>,
    caller: Caller,
) -> Result<Json<PolicyHistory>, ApiError> {
    caller.must(Action::ViewPolicy)?;
    let versions = services.access.policy().history().await?;
    Ok(Json(PolicyHistory { versions: versions.iter().map(view).collect() }))
}

/// Tell whether somebody may do something
///
/// With the rules that say so, and what the risk policy would say to the command, whoever asked for it. Nothing is run.
#[utoipa::path(
    post,
    path = "/policy/test",
    tag = "policy",
    security(("bearer" = [])),
    request_body(content = PolicyTest, content_type = "application/json"),
    responses(
        (status = 200, description = "Whether they may", body = PolicyAnswer),
        Guarded,
        BadBody,
        NoAgent,
        Bugs
    )
)]
pub(in crate::http) async fn test(
    State(services): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<PolicyTest>,
) -> Result<Json<PolicyAnswer>, ApiError> {
    caller.must(Action::TestPolicy)?;
    Ok(Json(services.rehearsal().answer(request).await?))
}

fn current(current: &Current) -> PolicyView {
    PolicyView { problem: current.problem.clone(), ..view(&current.change) }
}

fn view(change: &PolicyChange) -> PolicyView {
    let PolicyChange { version, text, by, note } = change.clone();
    let (author, at) = by.unzip();
    PolicyView { version, text, author, at, note, problem: None }
}
