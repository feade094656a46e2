//! What can go wrong between the command line and a gateway, and what the user may do about it.

use ogent_protocol::rest::Problem;
use reqwest::StatusCode;

use super::address::GatewayUrl;
use super::credentials::CredentialError;

/// Why the gateway did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The HTTP client cannot be made.
    #[error("the certificates of this system cannot be used")]
    Setup(#[source] reqwest::Error),
    /// The request is not one that HTTP can carry.
    #[error("the request cannot be sent")]
    Unsendable(#[source] reqwest::Error),
    /// Nobody listens there.
    #[error("the gateway at {url} cannot be reached: {cause}")]
    Unreachable {
        /// Where.
        url: GatewayUrl,
        /// Why, in the words of the system.
        cause: String,
    },
    /// Somebody listens there who may be somebody else.
    #[error("the certificate of {url} is not one to trust: {cause}")]
    Untrusted {
        /// Where.
        url: GatewayUrl,
        /// Why.
        cause: String,
    },
    /// Somebody listens there, and says nothing.
    #[error("the gateway at {0} does not answer")]
    Silent(GatewayUrl),
    /// The connection ended in the middle of something.
    #[error("the connection to the gateway broke: {0}")]
    Broken(String),
    /// A stream ended without its end.
    #[error("the gateway ended the connection")]
    Ended,
    /// The gateway says no, and why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// Something says no that does not speak as a gateway does: a proxy, or another server.
    #[error("the server answered {status}, not in the way of an Ogent gateway{}", quoted(text))]
    Foreign {
        /// The HTTP status.
        status: StatusCode,
        /// How its text begins.
        text: String,
    },
    /// It is no answer that we know how to read.
    #[error("the gateway's answer cannot be understood")]
    Answer(#[source] serde_json::Error),
    /// The login cannot be read or kept.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// It is more than any answer should be.
    #[error("the gateway's answer has more than {0} bytes")]
    TooLarge(usize),
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text:?}") }
}

// === impl ClientError ===

impl ClientError {
    /// A request that got no answer, or a part of one.
    pub(super) fn transport(url: &GatewayUrl, error: reqwest::Error) -> Self {
        if error.is_builder() {
            Self::Unsendable(error.without_url())
        } else if error.is_timeout() {
            Self::Silent(url.clone())
        } else if error.is_connect() {
            let cause = root_cause(&error);
            // In the words of rustls, which lie behind an `io::Error` that does not give them away.
            match cause.split_once("invalid peer certificate: ") {
                Some((_, why)) => Self::Untrusted { url: url.clone(), cause: why.to_owned() },
                None => Self::Unreachable { url: url.clone(), cause },
            }
        } else {
            Self::broken(&error)
        }
    }

    /// An answer that breaks off.
    pub(super) fn broken(error: &reqwest::Error) -> Self {
        Self::Broken(root_cause(error))
    }

    /// The HTTP status, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(problem) => Some(problem.status),
            Self::Foreign { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether the same request may succeed a moment later, while nothing else changes.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Broken(_) | Self::Ended | Self::Unreachable { .. } => true,
            Self::Refused(_) | Self::Foreign { .. } => matches!(self.status(), Some(429 | 502 | 503 | 504)),
            Self::Setup(_)
            | Self::Untrusted { .. }
            | Self::Unsendable(_)
            | Self::Answer(_)
            | Self::Credentials(_)
            | Self::TooLarge(_) => false,
        }
    }

    /// What the user may do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match (self, self.status()) {
            (Self::Unsendable(_), _) => "is the token in OGENT_TOKEN whole, and on one line?",
            (Self::Unreachable { .. }, _) => {
                "is the gateway running? start one with: ogent up; or name another one with --url or OGENT_URL"
            }
            (Self::Untrusted { .. }, _) => {
                "name the certificate authority that made it: --ca FILE or OGENT_CA; or ask who runs the gateway whether it is true"
            }
            (_, Some(401)) => "run: ogent login",
            (Self::Refused(problem), _) => refusal_hint(&problem.code)?,
            (_, Some(429 | 502..=504)) | (Self::Silent(_), _) => "try again in a moment",
            (Self::Foreign { .. } | Self::Answer(_), _) => {
                "is this the URL of an Ogent gateway? see --url and OGENT_URL"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The innermost cause: those around it only say that something went wrong on the way.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// What may be done about a problem of that code.
fn refusal_hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "unknown_agent" => "see which agents there are with: ogent agents",
        "idempotency_mismatch" => "a new request needs a new --idempotency-key",
        "agent_offline" => "add --queue to let the command wait for the agent",
        "agent_revoked" => "give its id to another machine with: ogent agents replace ID",
        "own_command" => "somebody else has to approve it: another user who may",
        "not_awaiting_approval" => "see what waits with: ogent approvals",
        "approval_mismatch" => "look again at what waits with: ogent approvals",
        "unknown_user" => "see who may log in with: ogent users ls",
        "last_admin" => "make somebody else an admin with: ogent users roles NAME admin",
        "changed_meanwhile" => "look again at what holds now, and try again",
        "unknown_command" => "see which commands there are with: ogent history",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> ClientError {
        ClientError::Refused(Box::new(Problem::new(code, status, "what it is this time")))
    }

    #[test]
    fn hints_say_what_to_do() {
        assert_eq!(refused(401, "unauthorized").hint().unwrap(), "run: ogent login");
        assert!(refused(409, "agent_offline").hint().unwrap().contains("--queue"));
        assert_eq!(refused(422, "invalid").hint(), None);
        assert_eq!(refused(422, "invalid").to_string(), "what it is this time");
        let foreign = ClientError::Foreign { status: StatusCode::NOT_FOUND, text: "<html>".into() };
        assert!(foreign.hint().unwrap().contains("--url"));
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        assert!(refused(503, "unavailable").is_passing());
        for status in [400, 401, 404, 409, 422, 500, 507] {
            assert!(!refused(status, "x").is_passing(), "{status}");
        }
    }
}
