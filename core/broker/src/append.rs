//! Receives a message for a stream, gives the sequence under which the broker has stored it.
//!
//! Compare-and-set is the heart of Ogent: a message is stored only where the last one on its subject has the
//! sequence that the writer believes in. Zero means that there must be none.

use async_nats::client::Request;
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use ogent_protocol::Seal;
use serde::Deserialize;

use crate::connect::{Broker, REQUEST_TIMEOUT};

/// A message to store.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// What the broker says of a message that it has stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    /// The broker had this message id before, perhaps on another subject, and stored nothing now.
    pub(crate) duplicate: bool,
}

/// Why a message was not stored, or may not have been.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The last message on the subject is not the one that was expected, but this one, where the broker says so. Zero:
    /// there is none.
    #[error("the history of this command has moved on")]
    Conflict(Option<u64>),
    /// The ledger does not hold any more what it had acknowledged.
    #[error("the history was set back: it does not hold any more what was stored")]
    SetBack,
    /// The stream has reached its size and takes nothing new.
    #[error("the history is full: {0}")]
    Full(String),
    /// The message is larger than the broker takes.
    #[error("the message is larger than the broker takes")]
    TooLarge,
    /// No answer: whether it was stored is not known. The same call again is safe.
    #[error("the NATS server does not answer: {0}")]
    Unavailable(String),
    /// The broker refuses it for another reason.
    #[error("the NATS server refuses the message: {0}")]
    Refused(String),
}

#[derive(Deserialize)]
struct PubAck {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<ApiError>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ApiError {
    #[serde(default)]
    pub(crate) err_code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

// === impl Entry ===

impl Entry {
    pub(crate) fn new(subject: String, payload: impl Into<Bytes>) -> Self {
        Self { subject, headers: HeaderMap::new(), payload: payload.into() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Stored only where the last message on the subject has this sequence; 0: only where there is none.
    pub(crate) fn expect_last(self, sequence: u64) -> Self {
        self.header("Nats-Expected-Last-Subject-Sequence", &sequence.to_string())
    }

    /// Says who has signed the payload.
    pub(crate) fn sealed(self, seal: &Seal) -> Self {
        seal.headers().into_iter().fold(self, |entry, (name, value)| entry.header(name, &value))
    }

    /// A second guard against doubles, within the broker's two minutes.
    pub(crate) fn message_id(self, id: &str) -> Self {
        self.header("Nats-Msg-Id", id)
    }
}

// === impl Broker ===

impl Broker {
    /// Stores a message and waits until the broker says so.
    pub(crate) async fn append(&self, entry: Entry) -> Result<Stored, AppendError> {
        let request = Request::new().payload(entry.payload).headers(entry.headers).timeout(Some(REQUEST_TIMEOUT));
        let answer = self.client().send_request(entry.subject, request).await.map_err(|error| {
            use async_nats::client::RequestErrorKind::MaxPayloadExceeded;
            match error.kind() {
                MaxPayloadExceeded => AppendError::TooLarge,
                // "No responders" too: while the broker starts, or elects, its streams are not there yet.
                _ => AppendError::Unavailable(error.to_string()),
            }
        })?;
        parse(&answer)
    }
}

fn parse(answer: &Message) -> Result<Stored, AppendError> {
    let ack: PubAck = serde_json::from_slice(&answer.payload)
        .map_err(|error| AppendError::Unavailable(format!("its answer cannot be read: {error}")))?;
    match ack.error {
        None => Ok(Stored { sequence: ack.seq, duplicate: ack.duplicate }),
        Some(error) => Err(classify(error)),
    }
}

/// Codes from nats-server's `errors.json`.
fn classify(error: ApiError) -> AppendError {
    match error.err_code {
        // JSStreamWrongLastSequenceErrF and its variant without a number.
        10071 | 10164 => AppendError::Conflict(last_sequence(&error.description)),
        // JSStreamStoreFailedF says "maximum bytes exceeded" and the like; no memory; no storage.
        10077 | 10023 | 10047 => AppendError::Full(error.description),
        // JSStreamMessageExceedsMaximumErr
        10054 => AppendError::TooLarge,
        // JSStreamSealedErr: this will not change.
        10109 => AppendError::Refused(error.description),
        // No leader, JetStream not (yet) there, stream offline, limits of an account, a message with the same id that is
        // just being stored (10158), and what later servers say: nothing is known then, and nothing should end for it.
        _ => AppendError::Unavailable(error.description),
    }
}

/// The number at the end of "wrong last sequence: 42".
fn last_sequence(description: &str) -> Option<u64> {
    description.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_tells_what_stands_there() {
        assert_eq!(last_sequence("wrong last sequence: 42"), Some(42));
        assert_eq!(last_sequence("wrong last sequence"), None);
    }
}
