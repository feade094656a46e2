//! Receives connections from a listener, gives their requests to the router, and ends them in order.
//!
//! `axum::serve` cannot bound the head of a request, the number of connections or the time of a shutdown; this can.

mod handshake;
mod impatient;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::client::Peer;
use crate::limits::{HEADER_TIMEOUT, MAX_CONNECTIONS, MAX_HEADER_BYTES, MAX_HEADERS};
use handshake::Handshakes;
use impatient::Impatient;

/// After an accept that failed because the process is out of file descriptors the next one fails, too.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Connections that may still be open. Those that are left when this is dropped are cut off.
pub(crate) struct Connections {
    open: TaskTracker,
    _cut_off: DropGuard,
}

// === impl Connections ===

impl Connections {
    /// Resolves when all have ended.
    pub(crate) async fn finish(&self) {
        self.open.wait().await;
    }
}

/// Tells each request which address its connection has.
#[derive(Clone)]
struct From<S> {
    peer: SocketAddr,
    service: S,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for From<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(Peer(self.peer.ip()));
        self.service.call(request)
    }
}

/// Takes connections until `shutdown`. Those that are then open get to finish their request, but no other one.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: &CancellationToken,
) -> Connections {
    let cut_off = CancellationToken::new();
    let connections = Connections { open: TaskTracker::new(), _cut_off: cut_off.clone().drop_guard() };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let service = TowerToHyperService::new(router);
    let handshakes = tls.map(Handshakes::new);
    let accept = async || {
        // The place first: a connection that is accepted is also served. Nobody closes the semaphore.
        let place = Arc::clone(&places).acquire_owned().await.ok();
        (place, accept(&listener).await)
    };
    loop {
        let (place, (stream, peer)) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept() => accepted,
        };
        let service = From { peer, service: service.clone() };
        let connection = receive(stream, handshakes.clone(), service, shutdown.clone());
        let cut_off = cut_off.clone();
        connections.open.spawn(async move {
            let _held = place;
            tokio::select! {
                () = connection => {}
                () = cut_off.cancelled() => {}
            }
        });
    }
    connections.open.close();
    connections
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

/// Speaks TLS with the client where that is asked for, and then HTTP.
async fn receive<S>(stream: TcpStream, handshakes: Option<Handshakes>, service: S, shutdown: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send,
{
    // Answers are written in one piece; waiting for more of them would only delay.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let Some(handshakes) = handshakes else {
        return converse(Impatient::new(stream), service, shutdown).await;
    };
    let encrypted = tokio::select! {
        encrypted = handshakes.shake(stream) => encrypted,
        // Nobody has asked for anything yet.
        () = shutdown.cancelled() => return,
    };
    match encrypted {
        Ok(stream) => converse(stream, service, shutdown).await,
        Err(error) => tracing::debug!(%error, "no TLS with a client"),
    }
}

async fn converse<I, S>(stream: I, service: S, shutdown: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke off");
    }
}
