//! Receives what an agent says about itself, keeps it in the two buckets: who it is, and that it lives.

use ogent_protocol::subject::{AGENTS_BUCKET, INVENTORY_BUCKET, PRESENCE_BUCKET};
use ogent_protocol::{AgentId, AgentInfo, Encoding, Heartbeat, Inventory, limits};

use crate::append::{AppendError, Entry};
use crate::connect::Broker;
use crate::direct::{ReadError, Record};

/// The pulse of one agent.
#[derive(Debug, Clone)]
pub struct Presence {
    broker: Broker,
    id: AgentId,
}

// === impl Presence ===

impl Presence {
    /// The pulse of the agent with this id.
    #[must_use]
    pub fn new(broker: &Broker, id: &AgentId) -> Self {
        Self { broker: broker.clone(), id: id.clone() }
    }

    /// Writes down who the agent is.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn register(&self, info: &AgentInfo) -> Result<(), AppendError> {
        let payload = encode(info)?;
        self.broker.append(Entry::new(key(AGENTS_BUCKET, &self.id), payload)).await.map(drop)
    }

    /// Writes down which programs the machine has.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn stock(&self, inventory: &Inventory) -> Result<(), AppendError> {
        let payload = encode(inventory)?;
        self.broker.append(Entry::new(key(INVENTORY_BUCKET, &self.id), payload)).await.map(drop)
    }

    /// Says that the agent lives. The broker forgets it after [`limits::PRESENCE_TTL`].
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn beat(&self, heartbeat: &Heartbeat) -> Result<(), AppendError> {
        let entry = Entry::new(key(PRESENCE_BUCKET, &self.id), encode(heartbeat)?)
            .header("Nats-TTL", &format!("{}s", limits::PRESENCE_TTL.as_secs()));
        self.broker.append(entry).await.map(drop)
    }

    /// Says that the agent has stopped.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn leave(&self) -> Result<(), AppendError> {
        let entry = Entry::new(key(PRESENCE_BUCKET, &self.id), Vec::new())
            .header("KV-Operation", "DEL")
            .header("Nats-TTL", "60s");
        self.broker.append(entry).await.map(drop)
    }

    /// What the agent's last life wrote down.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn registered(&self) -> Result<Option<AgentInfo>, ReadError> {
        self.value(AGENTS_BUCKET).await
    }

    /// Who says now that this agent lives.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn alive(&self) -> Result<Option<Heartbeat>, ReadError> {
        self.value(PRESENCE_BUCKET).await
    }

    async fn value<T: serde::de::DeserializeOwned>(&self, bucket: &str) -> Result<Option<T>, ReadError> {
        match self.broker.last(&stream(bucket), &key(bucket, &self.id)).await {
            Ok(found) => Ok(found.and_then(|record| value(&record))),
            // What somebody made unreadable must not keep the agent from writing it anew.
            Err(ReadError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, AppendError> {
    Encoding::Json.encode(value).map_err(|_| AppendError::TooLarge)
}

pub(crate) fn stream(bucket: &str) -> String {
    format!("KV_{bucket}")
}

pub(crate) fn key(bucket: &str, id: &AgentId) -> String {
    format!("$KV.{bucket}.{id}")
}

/// The value under a key; `None` for a marker of its end, and for what is not of this form.
pub(crate) fn value<T: serde::de::DeserializeOwned>(record: &Record) -> Option<T> {
    if record.is_led_here {
        return None;
    }
    decode(&record.headers, &record.payload)
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(headers: &async_nats::HeaderMap, payload: &[u8]) -> Option<T> {
    let is_marker = headers.get("KV-Operation").is_some() || headers.get("Nats-Marker-Reason").is_some();
    if is_marker {
        return None;
    }
    Encoding::Json
        .decode(payload, limits::MAX_PAYLOAD_BYTES)
        .inspect_err(|error| tracing::warn!(%error, "a record of an agent cannot be read"))
        .ok()
}
