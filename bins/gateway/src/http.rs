//! Receives HTTP from clients, gives typed requests to the services, and their answers back. The only part that knows
//! axum.

mod extract;
mod host;
mod leftover;
mod observe;
mod openapi;
mod problem;
mod routes;
mod serve;
mod ws;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use openapi::openapi;
pub(crate) use serve::serve;
#[doc(hidden)]
pub use ws::read_client_message;

use crate::services::Services;

/// What every route is given.
type Shared = Arc<Services>;

/// All routes, with everything around them.
pub(crate) fn router(services: Shared) -> Router {
    let (router, _) = api().split_for_parts();
    router
        .fallback(problem::unknown_path)
        .method_not_allowed_fallback(problem::wrong_method)
        // The order matters: a panic becomes a problem first, and is then observed like any other answer.
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(host::is_named))
        .layer(from_fn(leftover::read_away))
        .layer(from_fn(observe::observe))
        .with_state(services)
}

/// All routes, with their description.
fn api() -> OpenApiRouter<Shared> {
    openapi::document()
        .routes(routes!(routes::token::create))
        .routes(routes!(routes::agents::list))
        .routes(routes!(routes::agents::show))
        .routes(routes!(routes::enroll::invite, routes::enroll::invites))
        .routes(routes!(routes::enroll::withdraw))
        .routes(routes!(routes::enroll::pending))
        .routes(routes!(routes::enroll::accept))
        .routes(routes!(routes::enroll::reject))
        .routes(routes!(routes::enroll::revoke))
        .routes(routes!(routes::execute::execute))
        .routes(routes!(routes::analyses::analyze))
        .routes(routes!(routes::analyses::show))
        .routes(routes!(routes::approvals::list))
        .routes(routes!(routes::approvals::approve))
        .routes(routes!(routes::approvals::deny))
        .routes(routes!(routes::commands::list))
        .routes(routes!(routes::commands::show))
        .routes(routes!(routes::commands::cancel))
        .routes(routes!(routes::output::output))
        .routes(routes!(routes::events::events))
        .routes(routes!(ws::open))
        .routes(routes!(routes::status::alive))
        .routes(routes!(routes::status::ready))
        .routes(routes!(routes::status::metrics))
        .routes(routes!(routes::status::describe))
}
