//! Receives questions about the gateway itself, answers them without a token.

use std::sync::OnceLock;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::Shared;
use crate::http::openapi::{Bugs, NotReady, openapi};
use crate::http::problem::{ApiError, Code};

/// How the gateway is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Health {
    /// Always `ok`.
    status: Status,
}

/// The one good state: a bad one is a problem.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// All is well.
    Ok,
}

/// Tell whether the gateway is alive
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "status",
    responses((status = 200, description = "It is", body = Health), Bugs)
)]
pub(in crate::http) async fn alive() -> Json<Health> {
    Json(Health { status: Status::Ok })
}

/// Tell whether the gateway can take commands
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "status",
    responses((status = 200, description = "It can", body = Health), NotReady, Bugs)
)]
pub(in crate::http) async fn ready(State(services): State<Shared>) -> Result<Json<Health>, ApiError> {
    match services.is_ready() {
        true => Ok(Json(Health { status: Status::Ok })),
        false => Err(ApiError::new(Code::NotReady, "the connection to the broker is lost; it is being made again")),
    }
}

/// Read the metrics
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "status",
    responses((status = 200, description = "In Prometheus' text form", body = String, content_type = "text/plain"), Bugs)
)]
pub(in crate::http) async fn metrics(State(services): State<Shared>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], services.render_metrics())
}

/// Read this description
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "status",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"), Bugs)
)]
pub(in crate::http) async fn describe() -> Result<impl IntoResponse, ApiError> {
    // The routes are fixed when the gateway is built, and so is their description.
    static DOCUMENT: OnceLock<Result<String, serde_json::Error>> = OnceLock::new();
    match DOCUMENT.get_or_init(|| openapi().to_json()) {
        Ok(document) => Ok(([(CONTENT_TYPE, "application/json")], document.as_str())),
        Err(error) => {
            tracing::error!(%error, "invariant violated: the description cannot be written");
            Err(ApiError::new(Code::Internal, "the description cannot be written"))
        }
    }
}
