//! Receives every request with the address of its connection, gives routes where it really came from, and refuses what
//! comes too fast from there.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use super::problem::ApiError;
use crate::auth::Origin;
use crate::network::{self, Network};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Where the request came from.
#[derive(Debug, Clone, Copy)]
struct ClientAddress(IpAddr);

pub(super) async fn locate(State(services): State<Shared>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let forwarded = request.headers().get_all(FORWARDED_FOR).iter();
    // What is not text is no address: it stands for whoever wrote it.
    let values: Vec<&str> = forwarded.map(|value| value.to_str().unwrap_or_default()).collect();
    let address = network::client(peer, &services.trusted_proxies, values.into_iter());
    if let Err(wait) = services.networks_meter.take(Network::of(address)) {
        return ApiError::too_many(wait).into_response();
    }
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Where a request came from, and with which program.
pub(super) fn origin_of(parts: &Parts) -> Origin {
    let address = parts.extensions.get::<ClientAddress>().map_or(IpAddr::from([0, 0, 0, 0]), |client| client.0);
    let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Origin { address, user_agent }
}
