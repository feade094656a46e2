//! Receives requests of other sites' pages, gives their browser back whether the page may see the answer.
//!
//! Nobody may unless `--allowed-origin` names them, and then with a token of their own: cookies never cross sites.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use super::origin;
use super::problem::{ApiError, Code};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, idempotency-key, last-event-id");
const EXPOSED: HeaderValue = HeaderValue::from_static("location, retry-after, x-request-id, www-authenticate");
/// Ten minutes: as long as a changed list of origins may go unnoticed.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// What the answer depends on, for caches in between.
const VARIES: HeaderValue = HeaderValue::from_static("origin");

pub(super) async fn apply(State(services): State<Shared>, request: Request, next: Next) -> Response {
    let allowed = origin::allowed(request.headers(), &services.sites);
    let allowed = allowed.and_then(|origin| HeaderValue::from_str(origin).ok());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (is_preflight, &allowed) {
        (true, Some(_)) => preflight(),
        (true, None) => {
            ApiError::new(Code::OriginNotAllowed, "pages of this origin may not ask; --allowed-origin lets them")
                .into_response()
        }
        (false, _) => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(VARY, VARIES);
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
