//! Receives the id of a command, gives the bytes that it has printed so far.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use ogent_protocol::{CommandId, OutputStream};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Action;
use crate::http::Shared;
use crate::http::extract::{Caller, Id, QueryOf};
use crate::http::openapi::{BadParameter, BrokerAway, Bugs, Guarded, NoCommand};
use crate::http::problem::ApiError;

/// Which output.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct OutputParams {
    /// Only this stream; both, in the order in which they came, when absent.
    stream: Option<OutputStream>,
}

/// Read what a command has printed
///
/// What is stored so far, as plain bytes.
#[utoipa::path(
    get,
    path = "/commands/{id}/output",
    tag = "commands",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the command"), OutputParams),
    responses(
        (status = 200, description = "The bytes", body = [u8], content_type = "application/octet-stream"),
        Guarded,
        BadParameter,
        NoCommand,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn output(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
    QueryOf(params): QueryOf<OutputParams>,
) -> Result<impl IntoResponse, ApiError> {
    let found = caller.find(&services, &id).await?;
    caller.may(Action::ViewOutput, &found.resource())?;
    let pieces = services.history.output(&id, params.stream).await?;
    let name = match params.stream {
        None => "output",
        Some(OutputStream::Stdout) => "stdout",
        Some(OutputStream::Stderr) => "stderr",
    };
    // What a machine prints may be a page with a script: no browser may show it as one. An id has only letters,
    // digits, '_' and '-', so it needs no quoting.
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.{name}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(pieces)))
}
