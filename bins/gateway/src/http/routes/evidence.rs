//! Receives the wish to prove a command's history, gives every record that the ledger holds of it, byte by byte.

use axum::Json;
use axum::extract::State;
use ogent_protocol::CommandId;
use ogent_protocol::rest::EvidencePage;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Action;
use crate::http::Shared;
use crate::http::extract::{Caller, Id, QueryOf};
use crate::http::openapi::{BadParameter, BrokerAway, Bugs, Guarded, NoCommand};
use crate::http::problem::ApiError;

/// Which part of it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EvidenceParams {
    /// Only events from this sequence of the stream RESULTS on: `next` of the page before.
    from: Option<u64>,
}

/// Give what the ledger holds of a command, byte by byte
///
/// Approvals, intents, then events, with their signatures. `ogent verify` proves the history from this and the public keys;
/// it need not believe who has handed it over.
#[utoipa::path(
    get,
    path = "/commands/{id}/evidence",
    tag = "commands",
    security(("bearer" = [])),
    params(("id" = CommandId, Path, description = "Id of the command"), EvidenceParams),
    responses(
        (status = 200, description = "Some of the records", body = EvidencePage),
        Guarded,
        BadParameter,
        NoCommand,
        BrokerAway,
        Bugs
    )
)]
pub(in crate::http) async fn evidence(
    State(services): State<Shared>,
    caller: Caller,
    Id(id): Id<CommandId>,
    QueryOf(params): QueryOf<EvidenceParams>,
) -> Result<Json<EvidencePage>, ApiError> {
    let found = caller.find(&services, &id).await?;
    caller.may(Action::ViewOutput, &found.resource())?;
    Ok(Json(services.history.evidence(&id, params.from).await?))
}
