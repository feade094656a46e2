//! Receives every request before its route and every answer after it, gives them an id, a span and a measurement.
//!
//! Neither queries, headers nor bodies are logged: they may hold tokens, passwords and command lines.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a client or proxy.
const MAX_ID_BYTES: usize = 64;

pub(super) async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers().get(REQUEST_ID));
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("http", id = id.to_str().unwrap_or_default(), method, route);
    let answer = async {
        let mut response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), started.elapsed());
        tracing::debug!(status, ?took, "answered");
        metrics::answered(method, route, status, took);
        response.headers_mut().insert(REQUEST_ID, id);
        response
    };
    answer.instrument(span).await
}

/// The id that came, if it can harm no log; else a new one.
fn request_id(given: Option<&HeaderValue>) -> HeaderValue {
    let is_plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=MAX_ID_BYTES).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    let made = || HeaderValue::from_str(&Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("none"));
    given.filter(is_plain).cloned().unwrap_or_else(made)
}

/// A client can make up methods, but not time series.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let given = |text: &'static str| request_id(Some(&HeaderValue::from_static(text)));
        assert_eq!(given("abc-1.2_3"), "abc-1.2_3");
        for bad in ["", "a b", "a\tb", "a;b", "\u{7f}x"] {
            if let Ok(value) = HeaderValue::from_str(bad) {
                assert_ne!(request_id(Some(&value)), bad);
            }
        }
        assert_ne!(request_id(None), request_id(None));
    }
}
