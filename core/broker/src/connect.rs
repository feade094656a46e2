//! Receives where the broker is and who one is, gives a connection that heals itself.

mod options;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ClientError, Event, jetstream};
use rand::Rng as _;
use tokio::sync::watch;

pub use options::{BrokerArgs, ConnectOptions, Credentials};

/// What to add to a log filter: this crate itself says what happens to a connection.
pub const LOG_FILTER: &str = "async_nats=off";

/// How long the first connection may take, and each one after it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the broker may take to answer a request.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the connection may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest pause between two attempts to connect again.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(4);

/// A connection to the broker. Clones share it; it connects again by itself, for ever.
#[derive(Clone)]
pub struct Broker {
    client: Client,
    /// How requests to JetStream begin.
    api_prefix: Arc<str>,
    state: watch::Receiver<ConnectionState>,
}

/// How the connection has fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionState {
    /// Whether it stands now.
    pub connected: bool,
    /// How often it has come to stand. A change means that live messages may have been missed.
    pub epoch: u64,
    /// Whether it was ended on purpose.
    pub closed: bool,
    /// How often messages were dropped because this process was too slow. A change means the same.
    pub dropped: u64,
    /// How often the broker has refused the credentials since the connection stood last.
    pub refused: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file with the credentials cannot be used.
    #[error("{what} {path} cannot be read")]
    File {
        /// Which kind of file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The broker does not know these credentials.
    #[error("the NATS server at {url} refuses the credentials")]
    Refused {
        /// Where.
        url: String,
    },
    /// No broker answers there.
    #[error("no NATS server can be reached at {url}: {problem}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened instead.
        problem: String,
    },
}

/// The broker did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No answer in time, or no connection.
    #[error("the NATS server does not answer: {0}")]
    Unavailable(String),
}

// === impl Broker ===

impl Broker {
    /// Connects, once and within [`CONNECT_TIMEOUT`]; after that the connection heals itself.
    ///
    /// # Errors
    /// When the credentials cannot be read, are refused, or nobody answers.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        let url = options.url.clone();
        let (sender, state) = watch::channel(ConnectionState::default());
        let connecting = options::build(&options, sender)?.connect(servers(&url));
        let client = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(connect_error(&url, &error)),
            Err(_) => return Err(ConnectError::Unreachable { url: redact(&url), problem: "no answer in time".into() }),
        };
        Ok(Self { client, api_prefix: options.api_prefix.into(), state })
    }

    /// How the connection fares; a receiver sees every change.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state.clone()
    }

    /// Whether the connection stands now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Waits for the connection to stand, if it does not.
    pub(crate) async fn connected_within(&self, limit: Duration) -> Result<(), BrokerError> {
        let mut state = self.state();
        if state.borrow().connected {
            return Ok(());
        }
        match tokio::time::timeout(limit, state.wait_for(|now| now.connected)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(BrokerError::Unavailable("there is no connection".to_owned())),
        }
    }

    /// How often the connection had to be made anew.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.state.borrow().epoch.saturating_sub(1)
    }

    /// Waits until the broker has seen everything that was sent before.
    ///
    /// # Errors
    /// When it does not answer within 5 s.
    pub async fn ping(&self) -> Result<(), BrokerError> {
        match tokio::time::timeout(REQUEST_TIMEOUT, self.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(BrokerError::Unavailable(error.to_string())),
            Err(_) => Err(BrokerError::Unavailable("no answer in time".to_owned())),
        }
    }

    /// Makes the connection anew, with the credentials as they are now. What waits for an answer asks again.
    ///
    /// # Errors
    /// When the connection is closed for good.
    pub async fn reconnect(&self) -> Result<(), BrokerError> {
        self.client.force_reconnect().await.map_err(|error| BrokerError::Unavailable(error.to_string()))
    }

    /// Ends the connection after what was sent has left, and what has come was taken.
    pub async fn drain(&self) {
        // Without a connection there is nothing to wait for.
        if !self.is_connected() || self.client.drain().await.is_err() {
            return;
        }
        let mut state = self.state();
        if tokio::time::timeout(DRAIN_TIMEOUT, state.wait_for(|now| now.closed)).await.is_err() {
            tracing::debug!("the connection did not close in time");
        }
    }

    /// The subject of a request to JetStream.
    pub(crate) fn api(&self, rest: &str) -> String {
        format!("{}.{rest}", self.api_prefix)
    }

    /// JetStream, as the account calls it.
    pub(crate) fn jetstream(&self) -> jetstream::Context {
        let mut context = jetstream::with_prefix(self.client.clone(), &self.api_prefix);
        context.set_timeout(REQUEST_TIMEOUT);
        context
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

fn servers(url: &str) -> Vec<String> {
    url.split(',').map(|one| one.trim().to_owned()).collect()
}

/// Doubles from 2 ms, and adds chance, so that a fleet does not come back in one instant after a restart.
fn reconnect_delay(attempts: usize) -> Duration {
    let exponent = u32::try_from(attempts).unwrap_or(u32::MAX).min(12);
    let ceiling = Duration::from_millis(1 << exponent).min(MAX_RECONNECT_DELAY);
    ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
}

fn note(state: &watch::Sender<ConnectionState>, event: &Event) {
    match event {
        Event::Connected => {
            state.send_modify(|now| {
                now.connected = true;
                now.epoch += 1;
                now.refused = 0;
            });
            tracing::info!("connected to the NATS server");
        }
        Event::Disconnected => {
            state.send_modify(|now| now.connected = false);
            tracing::warn!("lost the connection to the NATS server, connecting again");
        }
        Event::SlowConsumer(_) => {
            state.send_modify(|now| now.dropped += 1);
            tracing::warn!("too slow for the live feed: messages were dropped and will be read from the ledger");
        }
        Event::ServerError(error) => tracing::warn!(%error, "the NATS server reports an error"),
        Event::ClientError(ClientError::Other(problem)) if *problem == refusal() => {
            state.send_modify(|now| now.refused += 1);
            tracing::debug!("the NATS server refuses the credentials");
        }
        // Each attempt to connect again reports its failure like this; that the connection is gone has been said.
        Event::ClientError(error) => tracing::debug!(%error, "error in the NATS connection"),
        Event::Closed => state.send_modify(|now| {
            now.connected = false;
            now.closed = true;
        }),
        Event::LameDuckMode | Event::Draining => tracing::debug!(?event, "NATS connection"),
    }
}

/// What an attempt to connect again reports when the broker does not know the credentials, or not any more.
fn refusal() -> String {
    async_nats::ConnectErrorKind::AuthorizationViolation.to_string()
}

fn connect_error(url: &str, error: &async_nats::ConnectError) -> ConnectError {
    use async_nats::ConnectErrorKind::{Authentication, AuthorizationViolation};
    match error.kind() {
        Authentication | AuthorizationViolation => ConnectError::Refused { url: redact(url) },
        _ => ConnectError::Unreachable { url: redact(url), problem: error.to_string() },
    }
}

/// An address may hold a password.
fn redact(url: &str) -> String {
    let hide = |one: &str| match (one.find("://"), one.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", one.get(..scheme).unwrap_or_default(), one.get(at..).unwrap_or_default())
        }
        _ => one.to_owned(),
    };
    url.split(',').map(hide).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_do_not_show() {
        assert_eq!(redact("nats://u:p@host:1,nats://other:2"), "nats://…@host:1,nats://other:2");
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert!(reconnect_delay(1) < Duration::from_millis(3));
        assert!(reconnect_delay(1_000_000) <= MAX_RECONNECT_DELAY);
    }
}
