//! Receives errors from extractors, routes and services, gives RFC 9457 problems to the client and causes to the log.

mod code;
mod convert;

use std::any::Any;
use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use ogent_protocol::rest::Problem;
use ogent_protocol::{CommandId, Ruling, Verdict};

pub(super) use code::Code;

/// The media type of problems.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// The one error of the HTTP edge: what kind it is, what the client is told, and what only the log is.
#[derive(Debug)]
pub(super) struct ApiError {
    code: Code,
    detail: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
    retry_after: Option<u64>,
    judged: Option<Box<Judged>>,
}

/// What is said about a command that is refused for what it would do.
#[derive(Debug)]
struct Judged {
    command_id: Option<CommandId>,
    verdict: Option<Verdict>,
    ruling: Ruling,
}

// === impl ApiError ===

impl ApiError {
    /// An error with what is wrong this time and what to do about it.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), cause: None, retry_after: None, judged: None }
    }

    /// The same with a cause, which goes to the log and nowhere else.
    pub(super) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The same, worth another try after so long.
    pub(super) fn after(mut self, wait: Duration) -> Self {
        // Rounded up: a client that keeps to it must not be early.
        self.retry_after = Some(wait.as_secs().saturating_add(1));
        self
    }

    /// What comes too fast.
    pub(super) fn too_many(wait: Duration) -> Self {
        Self::new(Code::TooManyRequests, "too many requests; slow down").after(wait)
    }

    /// The same about a command that was judged.
    pub(super) fn judged(mut self, command_id: Option<CommandId>, verdict: Option<Verdict>, ruling: Ruling) -> Self {
        self.judged = Some(Box::new(Judged { command_id, verdict, ruling }));
        self
    }

    fn log(&self) {
        let (code, detail) = (self.code.as_str(), &self.detail);
        let cause = self.cause.as_deref().map(chain).unwrap_or_default();
        match self.code.status().as_u16() {
            // Strangers may cause as many of these as they like; `ogent_streams` and the statuses of routes show them.
            _ if self.code == Code::TooManyStreams => tracing::debug!(code, detail, "request refused"),
            500 => tracing::error!(code, detail, cause, "request failed: this is a bug"),
            501.. => tracing::warn!(code, detail, cause, "request failed"),
            _ => tracing::debug!(code, detail, cause, "request refused"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let Self { code, detail, judged, retry_after, .. } = self;
        let status = code.status();
        let mut problem =
            Problem { title: code.title().to_owned(), ..Problem::new(code.as_str(), status.as_u16(), &detail) };
        if let Some(judged) = judged {
            problem.command_id = judged.command_id;
            problem.verdict = judged.verdict.map(Box::new);
            problem.ruling = Some(judged.ruling);
        }
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(challenge) = code.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after.or(code.retry_after().map(u64::from)) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Every cause with a colon between, outermost first.
fn chain(error: &(dyn Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Answers what no route matches.
pub(super) async fn unknown_path(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError::new(Code::UnknownPath, format!("there is nothing at {path}; GET /openapi.json lists what there is"))
}

/// Answers a route that is asked for with a method that it does not have. axum adds the `Allow` header.
pub(super) async fn wrong_method(method: Method) -> ApiError {
    let method: String = method.as_str().chars().take(20).collect();
    ApiError::new(Code::MethodNotAllowed, format!("{method} does not exist here; the Allow header says what does"))
}

/// Answers a request whose handler panicked.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response<Body> {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref().cloned());
    tracing::error!(panic = text.unwrap_or_default(), "invariant violated: a handler panicked");
    ApiError::new(Code::Internal, "the gateway has failed; its log says more").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn read(error: ApiError) -> (Response, Problem) {
        let (parts, body) = error.into_response().into_parts();
        let bytes = to_bytes(body, 10_000).await.unwrap();
        (Response::from_parts(parts, Body::empty()), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_problem_says_the_same_in_head_and_body() {
        for code in Code::ALL {
            let (response, problem) = read(ApiError::new(code, "detail")).await;
            assert_eq!(response.status().as_u16(), problem.status);
            assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON);
            assert_eq!(problem.kind, format!("urn:ogent:problem:{}", problem.code));
            assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), problem.status == 401);
            assert_eq!(response.headers().contains_key(RETRY_AFTER), [429, 503].contains(&problem.status));
        }
    }

    #[tokio::test]
    async fn causes_stay_inside() {
        let cause = std::io::Error::other("the secret cause");
        let (_, problem) = read(ApiError::new(Code::Internal, "public").because(cause)).await;
        assert!(!serde_json::to_string(&problem).unwrap().contains("secret"));
    }
}
