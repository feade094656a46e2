//! Receives HTTP from clients, gives typed requests to the services, and their answers back. The only part that knows
//! axum.

mod armour;
mod client;
mod cors;
mod extract;
mod guard;
mod host;
mod leftover;
mod observe;
mod openapi;
mod origin;
mod problem;
mod routes;
mod serve;
mod whole;
mod ws;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[doc(hidden)]
pub use guard::routes;
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
        .layer(from_fn_with_state(Arc::clone(&services), whole::see_through))
        .layer(from_fn(host::is_named))
        .layer(from_fn_with_state(Arc::clone(&services), cors::apply))
        .layer(from_fn_with_state(Arc::clone(&services), client::locate))
        .layer(from_fn(leftover::read_away))
        .layer(from_fn_with_state(Arc::clone(&services), armour::put_on))
        .layer(from_fn(observe::observe))
        .with_state(services)
}

/// All routes, with their description.
fn api() -> OpenApiRouter<Shared> {
    openapi::document()
        .routes(routes!(routes::token::create))
        .routes(routes!(routes::browser::log_in, routes::browser::who_am_i, routes::browser::log_out))
        .routes(routes!(routes::browser::ticket))
        .routes(routes!(routes::oidc::depart))
        .routes(routes!(routes::oidc::arrive))
        .routes(routes!(routes::sessions::me))
        .routes(routes!(routes::sessions::log_out))
        .routes(routes!(routes::sessions::list))
        .routes(routes!(routes::sessions::end))
        .routes(routes!(routes::api_tokens::create, routes::api_tokens::list))
        .routes(routes!(routes::api_tokens::revoke))
        .routes(routes!(routes::audit::list))
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
        .routes(routes!(routes::evidence::evidence))
        .routes(routes!(routes::commands::cancel))
        .routes(routes!(routes::output::output))
        .routes(routes!(routes::events::events))
        .routes(routes!(routes::users::list, routes::users::create))
        .routes(routes!(routes::users::show, routes::users::change, routes::users::remove))
        .routes(routes!(routes::users::set_password))
        .routes(routes!(routes::policy::show, routes::policy::set))
        .routes(routes!(routes::policy::history))
        .routes(routes!(routes::policy::test))
        .routes(routes!(ws::open))
        .routes(routes!(routes::status::alive))
        .routes(routes!(routes::status::ready))
        .routes(routes!(routes::status::metrics))
        .routes(routes!(routes::status::describe))
}
