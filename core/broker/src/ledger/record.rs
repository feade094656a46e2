//! Receives stored messages, gives what they mean.

use jiff::Timestamp;
use ogent_protocol::subject;
use ogent_protocol::{AgentId, Cancel, Encoding, Event, Intent, IntentWire, Run, limits};

use crate::direct::{ReadError, Record};

/// A command as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRecord {
    /// The agent that it is for.
    pub agent: AgentId,
    /// What was asked for.
    pub run: Run,
    /// Its sequence in the stream of commands.
    pub sequence: u64,
    /// The sequence of the last message about it: its own, or that of its cancellation.
    pub last_sequence: u64,
    /// When the broker stored it.
    pub stored_at: Timestamp,
    /// The wish to cancel it, if there is one.
    pub cancel: Option<Cancel>,
}

/// An event as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its sequence in the stream of results.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
}

pub(super) fn corrupt(sequence: u64, problem: impl ToString) -> ReadError {
    ReadError::Corrupt { sequence, problem: problem.to_string() }
}

/// The intent in a stored message, and the agent that it is for.
pub(super) fn intent(record: &Record) -> Result<(AgentId, Intent), ReadError> {
    read_intent(&record.subject, record.sequence, Some(&record.headers), &record.payload)
}

/// The same, from the parts of a message.
pub(super) fn read_intent(
    stored_at: &str,
    sequence: u64,
    headers: Option<&async_nats::HeaderMap>,
    payload: &[u8],
) -> Result<(AgentId, Intent), ReadError> {
    let wrong = |problem: &str| corrupt(sequence, problem);
    let (agent, command) = subject::parse_ledger(stored_at).ok_or_else(|| wrong("its subject is foreign"))?;
    let encoding = headers.map_or(Ok(Encoding::Json), encoding_of).map_err(|problem| wrong(&problem))?;
    let wire: IntentWire =
        encoding.decode(payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| corrupt(sequence, error))?;
    let intent = wire.admit(|| command.clone()).map_err(|error| corrupt(sequence, error))?;
    if intent.id() != &command || intent.agent().is_some_and(|named| named != &agent) {
        return Err(wrong("it names another command or agent than its subject"));
    }
    Ok((agent, intent))
}

/// The event in a stored or republished message.
pub(super) fn event(sequence: u64, headers: &async_nats::HeaderMap, payload: &[u8]) -> Result<StoredEvent, ReadError> {
    let encoding = encoding_of(headers).map_err(|problem| corrupt(sequence, problem))?;
    let event: Event = encoding.decode(payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| corrupt(sequence, error))?;
    Ok(StoredEvent { sequence, event })
}

fn encoding_of(headers: &async_nats::HeaderMap) -> Result<Encoding, String> {
    let content_type = headers.get("Content-Type").map(async_nats::HeaderValue::as_str);
    Encoding::from_content_type(content_type).map_err(|error| error.to_string())
}
