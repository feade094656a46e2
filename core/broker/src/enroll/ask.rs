//! Receives what a machine, an agent or a gateway wants from the registrars, gives what one of them answers.

use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{HeaderMap, Message};
use ogent_protocol::enroll::admin::{AdminRequest, AdminResponse};
use ogent_protocol::enroll::{EnrollRequest, EnrollResponse, RenewRequest};
use ogent_protocol::rest::Problem;
use ogent_protocol::subject::{self, ENROLL_REQUESTS, REGISTRAR_ADMIN};
use ogent_protocol::{AgentId, Encoding, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connect::Broker;

/// A registrar reads and writes a few records, and may have to wait for the broker to cut connections.
const PATIENCE: Duration = Duration::from_secs(10);
/// Machines ask again: across accounts, the broker does not say that no registrar is there.
const MACHINES_PATIENCE: Duration = Duration::from_secs(5);

/// The registrars behind a connection.
#[derive(Debug, Clone)]
pub struct Registrars {
    broker: Broker,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// None is there, or none that answers in time.
    #[error("no registrar answers: is 'ogent-registrar' running?")]
    Nobody,
    /// The broker does not answer.
    #[error("the NATS server does not answer: {0}")]
    Unavailable(String),
    /// What came is no answer.
    #[error("a registrar's answer cannot be used: {0}")]
    Unusable(String),
    /// The registrar says no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
}

// === impl Registrars ===

impl Registrars {
    /// Those behind this connection.
    #[must_use]
    pub fn new(broker: &Broker) -> Self {
        Self { broker: broker.clone() }
    }

    /// A machine wants to be let in.
    ///
    /// # Errors
    /// See [`RegistrarError`].
    pub async fn enroll(&self, request: &EnrollRequest) -> Result<EnrollResponse, RegistrarError> {
        self.ask(ENROLL_REQUESTS.to_owned(), request, MACHINES_PATIENCE).await
    }

    /// An agent wants to stay.
    ///
    /// # Errors
    /// See [`RegistrarError`].
    pub async fn renew(&self, agent: &AgentId, request: &RenewRequest) -> Result<EnrollResponse, RegistrarError> {
        self.ask(subject::renewal(agent), request, MACHINES_PATIENCE).await
    }

    /// An admin wants something done.
    ///
    /// # Errors
    /// See [`RegistrarError`].
    pub async fn admin(&self, request: &AdminRequest) -> Result<AdminResponse, RegistrarError> {
        self.ask(REGISTRAR_ADMIN.to_owned(), request, PATIENCE).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        request: &impl Serialize,
        within: Duration,
    ) -> Result<T, RegistrarError> {
        let payload = Encoding::Json.encode(request).map_err(|error| RegistrarError::Unusable(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", Encoding::Json.content_type());
        let request = Request::new().payload(payload.into()).headers(headers).timeout(Some(within));
        let answer = self.broker.client().send_request(subject, request).await.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders | RequestErrorKind::TimedOut => RegistrarError::Nobody,
            _ => RegistrarError::Unavailable(error.to_string()),
        })?;
        read(&answer)
    }
}

fn read<T: DeserializeOwned>(answer: &Message) -> Result<T, RegistrarError> {
    let decode = |error: ogent_protocol::wire::DecodeError| RegistrarError::Unusable(error.to_string());
    let is_error = answer.headers.as_ref().is_some_and(|headers| headers.get("Nats-Service-Error").is_some());
    if is_error {
        let problem = Encoding::Json.decode(&answer.payload, limits::MAX_PAYLOAD_BYTES).map_err(decode)?;
        return Err(RegistrarError::Refused(Box::new(problem)));
    }
    Encoding::Json.decode(&answer.payload, limits::MAX_PAYLOAD_BYTES).map_err(decode)
}
