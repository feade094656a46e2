//! Receives every answer, gives it the headers that keep browsers from making more of it than it is.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, Entry, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;

/// Nothing that the gateway says is a page with parts, and none of it belongs into another one.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// A year, as browsers and auditors expect. Other names below the host are somebody else's to decide on.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(super) async fn put_on(State(services): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    // All but a description and a health check depends on who asks; a cache has nothing to win here.
    if let Entry::Vacant(entry) = headers.entry(CACHE_CONTROL) {
        entry.insert(HeaderValue::from_static("no-store"));
    }
    if services.sites.is_encrypted() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}
