//! Receives commands to judge, asks analysts about them by NATS requests, gives what they answer.

use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt as _;
use ogent_protocol::subject::ANALYSIS_REQUESTS;
use ogent_protocol::{Analysis, AnalysisRequest, CommandId, Encoding, limits};

use crate::connect::Broker;
use crate::direct::ReadError;
use crate::ledger::Analyses;
use crate::service;

/// Asks analysts. There may be none: everything works without them.
#[derive(Debug, Clone)]
pub struct Analysts {
    broker: Broker,
    analyses: Analyses,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no analyst, or none that answers in time.
    #[error("no analyst answers")]
    Nobody,
    /// The request does not fit a message.
    #[error("the request is too large for one message")]
    TooLarge,
    /// The broker does not answer.
    #[error("the NATS server does not answer: {0}")]
    Unavailable(String),
    /// What came is not an analysis.
    #[error("an analyst's answer cannot be used: {0}")]
    Unusable(String),
}

// === impl Analysts ===

impl Analysts {
    /// Those behind this connection.
    #[must_use]
    pub fn new(broker: &Broker) -> Self {
        Self { broker: broker.clone(), analyses: Analyses::new(broker) }
    }

    /// Asks one of them, and waits so long at most.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(&self, request: &AnalysisRequest, within: Duration) -> Result<Analysis, AskError> {
        let payload = encode(request)?;
        let request = Request::new().payload(payload.into()).headers(headers()).timeout(Some(within));
        let answer = self.broker.client().send_request(ANALYSIS_REQUESTS, request).await;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders | RequestErrorKind::TimedOut => AskError::Nobody,
            RequestErrorKind::MaxPayloadExceeded => AskError::TooLarge,
            _ => AskError::Unavailable(error.to_string()),
        })?;
        read(&answer)
    }

    /// Lets one of them know, without waiting: what a model says can be read later, under the request's id.
    pub async fn tell(&self, request: &AnalysisRequest) {
        let Ok(payload) = encode(request) else { return };
        // Nothing depends on it.
        let _ = self.broker.client().publish_with_headers(ANALYSIS_REQUESTS, headers(), payload.into()).await;
    }

    /// Whether some analyst has a model. Waits for their answers until `within`; nobody says how many there are.
    pub async fn have_model(&self, within: Duration) -> bool {
        let client = self.broker.client();
        let inbox = client.new_inbox();
        let Ok(mut answers) = client.subscribe(inbox.clone()).await else { return false };
        let subject = format!("$SRV.STATS.{}", service::ANALYSIS.name);
        if client.publish_with_reply(subject, inbox, Bytes::new()).await.is_err() {
            return false;
        }
        let found = async {
            while let Some(answer) = answers.next().await {
                match answer.status {
                    // Nobody is there.
                    Some(_) => return false,
                    None if names_model(&answer.payload) => return true,
                    None => {}
                }
            }
            false
        };
        tokio::time::timeout(within, found).await.unwrap_or(false)
    }

    /// The latest analysis with this id. Whoever may ask an analyst may name any id: see [`Analysis::is_about`].
    ///
    /// # Errors
    /// When the broker does not answer, or what it holds cannot be read.
    pub async fn latest(&self, id: &CommandId) -> Result<Option<Analysis>, ReadError> {
        self.analyses.last(id).await
    }
}

/// Whether the statistics of an analyst name a model.
fn names_model(statistics: &[u8]) -> bool {
    let statistics: serde_json::Value = serde_json::from_slice(statistics).unwrap_or_default();
    let endpoints = statistics.get("endpoints").and_then(serde_json::Value::as_array);
    endpoints.into_iter().flatten().any(|endpoint| endpoint.pointer("/data/advisor/model").is_some())
}

fn encode(request: &AnalysisRequest) -> Result<Vec<u8>, AskError> {
    Encoding::Json.encode(request).map_err(|_| AskError::TooLarge)
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", Encoding::Json.content_type());
    headers
}

fn read(answer: &Message) -> Result<Analysis, AskError> {
    let header = |name: &str| answer.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
    if let Some(error) = header("Nats-Service-Error") {
        return Err(AskError::Unusable(error.to_owned()));
    }
    let unusable = |error: String| AskError::Unusable(error);
    let encoding = Encoding::from_content_type(header("Content-Type")).map_err(|error| unusable(error.to_string()))?;
    encoding.decode(&answer.payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::names_model;

    #[test]
    fn a_model_is_found_in_the_statistics() {
        assert!(names_model(br#"{"endpoints":[{"data":{"advisor":{"model":"m"}}}]}"#));
        for without in ["", "[]", "{}", r#"{"endpoints":[{}]}"#, r#"{"endpoints":[{"data":{"advisor":null}}]}"#] {
            assert!(!names_model(without.as_bytes()), "{without}");
        }
    }
}
