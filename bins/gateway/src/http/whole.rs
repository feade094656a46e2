//! Receives requests that change rights or identities, sees each through to its end: whoever hangs up in the middle must
//! not have changed something of which no security event tells.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use super::problem::{ApiError, Code};

/// Paths below which something is changed and reported. Commands are reported by their own history.
const REPORTED: [&str; 8] =
    ["/agents/invites", "/logout", "/policy", "/session", "/sessions", "/token", "/tokens", "/users"];
/// What is decided about an agent.
const DECISIONS: [&str; 3] = ["/accept", "/reject", "/revoke"];

pub(super) async fn see_through(State(services): State<Shared>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) || !is_reported(request.uri().path()) {
        return next.run(request).await;
    }
    // Waited for at the end of the gateway, too.
    let task = tokio::spawn(services.streams.track(next.run(request)));
    let gone = |error| ApiError::new(Code::Internal, "the gateway has failed; its log says more").because(error);
    task.await.unwrap_or_else(|error| gone(error).into_response())
}

fn is_reported(path: &str) -> bool {
    let is_below = |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    REPORTED.into_iter().any(is_below) || DECISIONS.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_rights_is_seen_through() {
        for path in ["/users", "/users/bob/password", "/token", "/agents/invites", "/agents/web-1/revoke", "/policy"] {
            assert!(is_reported(path), "{path}");
        }
        for path in ["/agents/web-1/execute", "/commands/x/cancel", "/usersx", "/ws"] {
            assert!(!is_reported(path), "{path}");
        }
    }
}
