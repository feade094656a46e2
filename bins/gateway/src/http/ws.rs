//! Receives requests for a WebSocket, gives the sockets a session each.

mod message;
mod requesters;
mod session;
mod subscription;
mod ticket;
mod writer;

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

#[doc(hidden)]
pub use message::read_client_message;

use super::Shared;
use super::extract::{Purpose, identify};
use super::openapi::{Bugs, Guarded, NoPlace, NoWebSocket};
use super::origin;
use super::problem::{ApiError, Code};
use crate::access::{Action, Resource};
use crate::limits::{WS_MAX_MESSAGE_BYTES, WS_READ_BUFFER_BYTES};

/// Follow agents and commands over a WebSocket
///
/// JSON messages in both directions. Log in with the `Authorization` header; from the gateway's own pages, with the session's
/// cookie; from elsewhere, with a ticket of `POST /ws/ticket` as a second subprotocol (`Sec-WebSocket-Protocol: ogent.v1,
/// ticket.…`); or with the first message: `{"type":"auth","token":"…"}`. Then `{"type":"subscribe","topic":"agents"}`,
/// `{"type":"subscribe","topic":{"results":{"agent":"web-1"}}}` or
/// `{"type":"subscribe","topic":{"command":{"command":"…","after":3}}}`; `after` resumes behind an event's `seq`. A command
/// that somebody had to approve has messages of type `approval` before its first `event`.
/// Close code 4401 means that the session or the token has ended: log in again.
/// A browser's `Origin` has to be the gateway's own or an allowed one. Close code 1013 after `auth` means that too many
/// streams are open; try again.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "commands",
    security((), ("bearer" = []), ("cookie" = [])),
    responses((status = 101, description = "The connection is a WebSocket now"), NoWebSocket, Guarded, NoPlace, Bugs)
)]
pub(super) async fn open(
    State(services): State<Shared>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    if !origin::may_connect(&headers, &services.sites) {
        let detail = "pages of this origin may not connect; --allowed-origin lets them";
        return Err(ApiError::new(Code::OriginNotAllowed, detail));
    }
    let principal = identify(&headers, &services, Purpose::Socket).await?;
    let upgrade = upgrade.map_err(not_a_websocket)?;
    let (ticket, upgrade) = (ticket::of(&headers)?, upgrade.protocols([ticket::PROTOCOL]));
    let principal = match ticket {
        None => principal,
        Some(ticket) => Some(ticket::redeem(&ticket, principal, &services).await?),
    };
    if let Some(principal) = &principal {
        services.access.may(principal, Action::Follow, &Resource::Fleet)?;
    }
    let (place, full) = match &principal {
        Some(principal) => (services.streams.enter("ws", principal), "too many streams are open; try again"),
        None => (services.streams.enter_as_stranger(), "too many sockets have yet to log in; try again"),
    };
    let place = place.ok_or_else(|| ApiError::new(Code::TooManyStreams, full))?;
    let upgrade = upgrade.max_message_size(WS_MAX_MESSAGE_BYTES).max_frame_size(WS_MAX_MESSAGE_BYTES);
    let upgrade = upgrade.read_buffer_size(WS_READ_BUFFER_BYTES);
    let session = {
        let services = Arc::clone(&services);
        async move |socket| session::run(socket, services, principal, place).await
    };
    Ok(upgrade.on_upgrade(move |socket| services.streams.track(session(socket))))
}

fn not_a_websocket(rejection: WebSocketUpgradeRejection) -> ApiError {
    let code = match rejection.status() {
        StatusCode::UPGRADE_REQUIRED => Code::UpgradeRequired,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        _ => Code::InvalidUpgrade,
    };
    ApiError::new(code, rejection.body_text())
}
