//! Receives requests before their route and answers after it, reads away what the route has left of the body.
//!
//! A route that refuses a request often has not read its body. hyper then closes the connection after the answer
//! without announcing it, and a client that keeps connections open loses its next request to that.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

use crate::limits::MAX_BODY_BYTES;

/// How long an answer waits for a body that nobody wants. After that, or after [`MAX_BODY_BYTES`], the connection is
/// closed, and the answer says so.
const READ_AWAY_WITHIN: Duration = Duration::from_secs(1);

/// A body of which the route may leave something.
#[derive(Clone)]
struct Leftover(Arc<Mutex<Body>>);

pub(super) async fn read_away(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Who asks before sending the body has not sent it, and must not be told to now.
    let is_held_back = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let leftover = Leftover(Arc::new(Mutex::new(body)));
    let mut response = next.run(Request::from_parts(parts, Body::new(leftover.clone()))).await;
    let rest = std::mem::take(&mut *leftover.body());
    let is_read = rest.is_end_stream() || (!is_held_back && is_read_away(rest).await);
    if !is_read {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn is_read_away(rest: Body) -> bool {
    let mut rest = Limited::new(rest, MAX_BODY_BYTES);
    let read = async {
        while let Some(frame) = rest.frame().await {
            if frame.is_err() {
                return false;
            }
        }
        true
    };
    timeout(READ_AWAY_WITHIN, read).await.unwrap_or(false)
}

// === impl Leftover ===

impl Leftover {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Leftover {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
