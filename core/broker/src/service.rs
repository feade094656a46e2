//! Receives requests as a NATS micro service (ADR-32), gives them to its part, and brings the answers back.
//!
//! `nats micro ls`, `info` and `stats` find it. Several instances share one queue group: each request reaches one.

use std::fmt;
use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::service::endpoint::Endpoint;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE, ServiceExt as _};
use futures::{FutureExt as _, StreamExt as _};
use ogent_protocol::Encoding;
use ogent_protocol::rest::Problem;
use ogent_protocol::subject::{self, ANALYSIS_REQUESTS, REGISTRAR_ADMIN};
use ogent_protocol::wire::DecodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connect::{Broker, BrokerError};
use crate::direct::was_given_out;
use crate::permissions::{self, Role};

/// How a service presents itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Its name, the same for all instances.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// Where it hears requests.
    pub subject: &'static str,
    /// What its endpoint is called.
    pub endpoint: &'static str,
    /// The group that its instances share.
    pub queue_group: &'static str,
}

/// The service of analysts.
pub const ANALYSIS: ServiceSpec = ServiceSpec {
    name: "ogent-analysis",
    description: "Judges commands before they run: {\"command\": \"rm -rf /\", \"system\": \"Linux\"}",
    subject: ANALYSIS_REQUESTS,
    endpoint: "analyze",
    queue_group: "analysts",
};

/// What the service of registrars is called.
pub const REGISTRAR_NAME: &str = "ogent-registrar";
/// The group that all registrars share, on each subject that they serve.
pub const REGISTRAR_QUEUE: &str = "registrars";

/// The service of registrars. Its first subject is the gateways'.
pub const REGISTRAR: ServiceSpec = ServiceSpec {
    name: REGISTRAR_NAME,
    description: "Gives agents their identities",
    subject: REGISTRAR_ADMIN,
    endpoint: "admin",
    queue_group: REGISTRAR_QUEUE,
};

/// What `nats micro` asks a service.
const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

/// Where `nats micro` asks all services at once.
pub(crate) fn micro_all() -> [String; 3] {
    VERBS.map(|verb| format!("$SRV.{verb}"))
}

/// Where it asks the service with this name, and one instance of it.
pub(crate) fn micro(name: &str) -> impl Iterator<Item = String> {
    VERBS.into_iter().flat_map(move |verb| [format!("$SRV.{verb}.{name}"), format!("$SRV.{verb}.{name}.*")])
}

/// One instance of a service. It leaves when it is dropped.
pub struct Service {
    ear: Ear,
    inner: Option<async_nats::service::Service>,
}

/// One of the subjects on which an instance of a service hears.
pub struct Ear {
    own_inbox: Arc<str>,
    endpoint: Endpoint,
}

/// Somebody who asks.
#[derive(Debug)]
pub struct Request {
    own_inbox: Arc<str>,
    inner: async_nats::service::Request,
}

// === impl Service ===

impl Service {
    /// Joins the service. `stats` is what its statistics say beside what NATS counts.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn start(
        broker: &Broker,
        spec: &ServiceSpec,
        version: &str,
        stats: impl Fn() -> serde_json::Value + Send + Sync + 'static,
    ) -> Result<Self, BrokerError> {
        let unavailable = |error: async_nats::Error| BrokerError::Unavailable(error.to_string());
        let builder = broker.client().service_builder().description(spec.description).queue_group(spec.queue_group);
        let inner = builder.stats_handler(move |_, _| stats()).start(spec.name, version).await.map_err(unavailable)?;
        let endpoint = inner.endpoint_builder().name(spec.endpoint).add(spec.subject).await.map_err(unavailable)?;
        Ok(Self { ear: Ear { own_inbox: broker.client().new_inbox().into(), endpoint }, inner: Some(inner) })
    }

    /// Hears on one more subject. What comes there waits for nobody who asks elsewhere.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn also(&self, endpoint: &str, subject: &str) -> Result<Ear, BrokerError> {
        let closed = || BrokerError::Unavailable("the service has been left".to_owned());
        let builder = self.inner.as_ref().ok_or_else(closed)?.endpoint_builder().name(endpoint);
        let endpoint = builder.add(subject).await.map_err(|error| BrokerError::Unavailable(error.to_string()))?;
        Ok(Ear { own_inbox: self.ear.own_inbox.clone(), endpoint })
    }

    /// The next request; `None` when the connection is closed for good, or after [`Service::close`].
    pub async fn next(&mut self) -> Option<Request> {
        self.ear.next().await
    }

    /// Leaves the service; requests that have come can still be taken.
    pub fn close(&mut self) {
        // It only sends, and never waits.
        if let Some(inner) = self.inner.take() {
            let _ = inner.stop().now_or_never();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("is_open", &self.inner.is_some()).finish_non_exhaustive()
    }
}

// === impl Ear ===

impl Ear {
    /// The next request; `None` when the connection is closed for good, or after [`Service::close`].
    pub async fn next(&mut self) -> Option<Request> {
        loop {
            let inner = self.endpoint.next().await?;
            // Whoever may make the broker answer, or make a consumer, can have it deliver here: what a stream gave out is
            // nobody's request.
            let headers = inner.message.headers.as_ref();
            if headers.is_some_and(was_given_out) || subject::is_history(&inner.message.subject) {
                tracing::debug!("passed over a message that a stream gave out");
                continue;
            }
            return Some(Request { own_inbox: self.own_inbox.clone(), inner });
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").finish_non_exhaustive()
    }
}

// === impl Request ===

impl Request {
    /// Where it came.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.inner.message.subject.as_str()
    }

    /// What was asked, in the encoding that it says.
    ///
    /// # Errors
    /// When it is larger than `max`, or not of this form.
    pub fn read<T: DeserializeOwned>(&self, max: usize) -> Result<T, DecodeError> {
        self.encoding()?.decode(&self.inner.message.payload, max)
    }

    /// Answers, in the encoding of the request.
    pub async fn answer<T: Serialize>(&self, answer: &T) {
        self.respond(answer, HeaderMap::new()).await;
    }

    /// Answers with an error: the headers by which NATS micro services mark one, and a body that says more.
    pub async fn refuse(&self, problem: &Problem) {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SERVICE_ERROR_CODE, problem.status.to_string().as_str());
        // A header ends at a line break; what a client sent may hold one.
        let line: String = problem.detail.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        headers.insert(NATS_SERVICE_ERROR, line.as_str());
        self.respond(problem, headers).await;
    }

    fn encoding(&self) -> Result<Encoding, DecodeError> {
        let headers = self.inner.message.headers.as_ref();
        let content_type = headers.and_then(|headers| headers.get("Content-Type"));
        Encoding::from_content_type(content_type.map(async_nats::HeaderValue::as_str))
    }

    async fn respond<T: Serialize>(&self, answer: &T, mut headers: HeaderMap) {
        if !self.inner.message.reply.as_ref().is_some_and(|reply| is_inbox(reply, &self.own_inbox)) {
            return;
        }
        let encoding = self.encoding().unwrap_or_default();
        headers.insert("Content-Type", encoding.content_type());
        let payload = match encoding.encode(answer) {
            Ok(payload) => payload,
            Err(error) => return tracing::warn!(%error, "an answer could not be written"),
        };
        // Not by `Err`, which would have no body. The statistics say in their own words how many were refused.
        if let Err(error) = self.inner.respond_with_headers(Ok(payload.into()), headers).await {
            tracing::debug!(%error, "an answer could not be sent");
        }
    }
}

/// Whether an answer may go there. An answer on any other subject that this part may use would be taken for its word.
fn is_inbox(reply: &str, own: &str) -> bool {
    let is_below = |prefix: &str| {
        reply.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| !rest.is_empty())
    };
    let usual = [Role::Gateway, Role::Person].map(|role| permissions::inbox_prefix(&role));
    // Where a server's owner has chosen another prefix, all parts have it.
    let chosen = own.rsplit_once('.').map(|(prefix, _)| prefix);
    // Requests from another account come with a subject that the broker has made, and that nobody else can name.
    usual.iter().map(String::as_str).chain(chosen).chain(["_R_"]).any(is_below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::subject::ALL_ANALYSES;

    #[test]
    fn answers_go_to_inboxes_only() {
        let own = "_INBOX_mine.x1.AbC";
        for good in ["_R_.AbC.d", "_INBOX.a.b", "_INBOX_gateway.a", "_INBOX_mine.x1.other"] {
            assert!(is_inbox(good, own), "{good}");
        }
        for bad in ["_INBOX", "_INBOX.", ALL_ANALYSES, "_INBOX_analyst.a", "_INBOXES.a", "$JS.API.STREAM.LIST", ""] {
            assert!(!is_inbox(bad, own), "{bad}");
        }
    }
}
