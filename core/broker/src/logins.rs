//! Receives from each gateway how log-ins end, gives it to the others, so that whoever tries passwords meets the same
//! limit at all of them.
//!
//! Plain messages, not stored: a failed log-in must not cost a write to a disk. Names come as hashes: people type
//! passwords into the wrong field.

use std::sync::Arc;

use futures::StreamExt as _;
use ogent_protocol::Encoding;
use ogent_protocol::subject::LOGINS;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::connect::{Broker, BrokerError};

/// Largest message: two hashes and a flag.
const MAX_BYTES: usize = 1024;
/// Outcomes that wait to be taken; more are passed over, as if they had not been heard.
const BUFFER: usize = 256;

/// How a log-in ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOutcome {
    /// Hash of the account's name.
    pub account: String,
    /// The network that it came from.
    pub network: String,
    /// Whether the password was right.
    pub is_right: bool,
}

/// Tells the other gateways.
#[derive(Clone)]
pub struct Logins {
    broker: Broker,
    from: Arc<str>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    /// Which gateway says it; each hears itself, too.
    from: String,
    #[serde(flatten)]
    outcome: LoginOutcome,
}

// === impl Logins ===

impl Logins {
    /// Joins the others under a name of one's own, until `shutdown`. What they tell comes out of the receiver.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn join(
        broker: &Broker,
        name: &str,
        shutdown: CancellationToken,
    ) -> Result<(Self, mpsc::Receiver<LoginOutcome>), BrokerError> {
        let mut feed = broker.listen(LOGINS).await?;
        let (sender, receiver) = mpsc::channel(BUFFER);
        let this = Self { broker: broker.clone(), from: name.into() };
        let own = this.from.clone();
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    () = shutdown.cancelled() => return,
                    message = feed.next() => message,
                };
                let Some(message) = message else { return };
                let wire: Result<Wire, _> = Encoding::Json.decode(&message.payload, MAX_BYTES);
                if let Ok(wire) = wire
                    && *wire.from != *own
                {
                    // Full: the gateway has its own counts anyway.
                    let _ = sender.try_send(wire.outcome);
                }
            }
        });
        Ok((this, receiver))
    }

    /// Tells them. Whether anybody hears it is not known.
    pub async fn tell(&self, outcome: LoginOutcome) {
        let wire = Wire { from: self.from.to_string(), outcome };
        if let Ok(payload) = Encoding::Json.encode(&wire)
            && let Err(error) = self.broker.client().publish(LOGINS, payload.into()).await
        {
            tracing::debug!(%error, "other gateways were not told of a log-in");
        }
    }
}
