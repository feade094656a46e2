//! Receives a command for an agent, gives its outcome, or its id if that takes longer.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ogent_protocol::AgentId;
use ogent_protocol::rest::{CommandResult, DryRun, ExecuteRequest, PendingCommand};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::execute::{Answer, ExecuteError, Order};
use crate::http::Shared;
use crate::http::extract::{Caller, Id, JsonBody, QueryOf, header};
use crate::http::openapi::{BadBody, BrokerAway, Bugs, Full, Guarded, NoAgent, NotNow};
use crate::http::problem::{ApiError, Code};
use crate::limits::{DEFAULT_WAIT_S, MAX_WAIT_S};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How to answer.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExecuteParams {
    /// Seconds to wait for the outcome; 0 answers at once. Where somebody has to approve the command, the answer waits for
    /// that only if this is given.
    #[param(minimum = 0, maximum = 60, default = 10)]
    wait: Option<u32>,
}

/// What ends an order.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what the route answers")]
enum Done {
    /// The command has ended.
    Result(CommandResult),
    /// It was only judged.
    DryRun(DryRun),
}

/// Run a command on an agent
///
/// The command is judged before it is sent, and is in the history before it runs. What ends within `wait` seconds is
/// answered with its outcome; for what takes longer (or when 1,024 requests wait already), the answer is 202 and says where
/// the command can be seen. Where policy asks, the answer is 202 with status `awaiting_approval`, the verdict, and the time
/// until which somebody else may approve it. With `dry_run`, the answer is 200 with verdict and ruling, and nothing is run.
#[utoipa::path(
    post,
    path = "/agents/{id}/execute",
    tag = "commands",
    security(("bearer" = [])),
    params(
        ("id" = AgentId, Path, description = "Id of the agent"),
        ExecuteParams,
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "Makes a retry of this request the same command, for good. With or without quotes.",
            min_length = 1,
            max_length = 257,
            pattern = r#"^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$"#
        )
    ),
    request_body(content = ExecuteRequest, content_type = "application/json"),
    responses(
        (
            status = 200,
            description = "The command has ended; with `dry_run`, what would become of it",
            body = inline(Done)
        ),
        (
            status = 202,
            description = "The command is in the history and has not ended, or waits for its approval",
            body = PendingCommand,
            headers(("Location" = String, description = "Path of the command"))
        ),
        Guarded,
        BadBody,
        NoAgent,
        NotNow,
        BrokerAway,
        Full,
        Bugs
    )
)]
pub(in crate::http) async fn execute(
    State(services): State<Shared>,
    caller: Caller,
    Id(agent): Id<AgentId>,
    QueryOf(params): QueryOf<ExecuteParams>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ExecuteRequest>,
) -> Result<Response, ApiError> {
    if !caller.sees_agent(&agent) {
        return Err(ExecuteError::UnknownAgent(agent).into());
    }
    let wait = wait(&params)?;
    // People take longer than commands: who does not say that they wait gets the answer at once.
    let wait_for_decision = if params.wait.is_some() { wait } else { Duration::ZERO };
    let key = header(&headers, IDEMPOTENCY_KEY)?;
    let order = Order { principal: caller.principal().clone(), agent, request, key, wait, wait_for_decision };
    let answer = services.executor.execute(order).await.inspect_err(|error| {
        if let ExecuteError::Denied(denied) = error {
            caller.report(denied);
        }
    });
    Ok(match answer? {
        Answer::Finished(result) => Json(result).into_response(),
        Answer::Judged(judged) => Json(judged).into_response(),
        Answer::Pending(pending) => {
            let location = format!("/commands/{}", pending.id);
            (StatusCode::ACCEPTED, [(LOCATION, location)], Json(pending)).into_response()
        }
    })
}

fn wait(params: &ExecuteParams) -> Result<Duration, ApiError> {
    match params.wait.unwrap_or(DEFAULT_WAIT_S) {
        seconds @ 0..=MAX_WAIT_S => Ok(Duration::from_secs(seconds.into())),
        _ => Err(ApiError::new(Code::InvalidParameter, format!("wait: is more than {MAX_WAIT_S} seconds"))),
    }
}
