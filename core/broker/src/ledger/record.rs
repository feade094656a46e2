//! Receives stored messages, gives what they mean.

use bytes::Bytes;
use jiff::Timestamp;
use ogent_protocol::subject;
use ogent_protocol::{AgentId, Cancel, Encoding, Event, Intent, IntentWire, Link, Run, limits};

use crate::direct::{ReadError, Record};
use crate::sign::Original;

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
    /// The agent process that wrote it, when it said so.
    pub instance: Option<String>,
}

/// The last event of a command, and what follows it has to name.
#[derive(Debug, Clone, PartialEq)]
pub struct LastEvent {
    /// The event.
    pub stored: StoredEvent,
    /// What ties the next one to it; `None` where its bytes are not known any more.
    pub link: Option<Link>,
}

/// The header that tells the events of one agent process from those of another.
pub(super) const INSTANCE: &str = "Ogent-Instance";
pub(super) const LED_HERE: &str = "somebody led an answer of the broker here";

pub(super) fn corrupt(sequence: u64, problem: impl ToString) -> ReadError {
    ReadError::Corrupt { sequence, problem: problem.to_string() }
}

/// The intent in a stored message, and the agent that it is for.
pub(super) fn intent(record: &Record) -> Result<(AgentId, Intent), ReadError> {
    if record.is_led_here {
        return Err(corrupt(record.sequence, LED_HERE));
    }
    let wire = read_wire(&record.subject, record.sequence, Some(&record.headers), &record.payload)?;
    Ok((wire.agent, wire.intent))
}

/// The same, with its exact bytes.
pub(super) fn original(record: &Record) -> Result<(AgentId, Intent, Original), ReadError> {
    if record.is_led_here {
        return Err(corrupt(record.sequence, LED_HERE));
    }
    read_intent(&record.subject, record.sequence, Some(&record.headers), &record.payload)
}

/// The same, from the parts of a message.
pub(super) fn read_intent(
    stored_at: &str,
    sequence: u64,
    headers: Option<&async_nats::HeaderMap>,
    payload: &Bytes,
) -> Result<(AgentId, Intent, Original), ReadError> {
    let Decoded { agent, intent, encoding, names_command } = read_wire(stored_at, sequence, headers, payload)?;
    let none = async_nats::HeaderMap::new();
    let original = Original::of(headers.unwrap_or(&none), encoding, payload, names_command);
    Ok((agent, intent, original))
}

struct Decoded {
    agent: AgentId,
    intent: Intent,
    encoding: Encoding,
    names_command: bool,
}

fn read_wire(
    stored_at: &str,
    sequence: u64,
    headers: Option<&async_nats::HeaderMap>,
    payload: &[u8],
) -> Result<Decoded, ReadError> {
    let wrong = |problem: &str| corrupt(sequence, problem);
    let (agent, command) = subject::parse_ledger(stored_at).ok_or_else(|| wrong("its subject is foreign"))?;
    let encoding = headers.map_or(Ok(Encoding::Json), encoding_of).map_err(|problem| wrong(&problem))?;
    let wire: IntentWire =
        encoding.decode(payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| corrupt(sequence, error))?;
    let names_command = wire.id.is_some();
    let intent = wire.admit(|| command.clone()).map_err(|error| corrupt(sequence, error))?;
    if intent.id() != &command || intent.agent().is_some_and(|named| named != &agent) {
        return Err(wrong("it names another command or agent than its subject"));
    }
    Ok(Decoded { agent, intent, encoding, names_command })
}

/// The event in a stored message.
pub(super) fn event(record: &Record) -> Result<StoredEvent, ReadError> {
    if record.is_led_here {
        return Err(corrupt(record.sequence, LED_HERE));
    }
    read_event(&record.subject, record.sequence, &record.headers, &record.payload)
}

/// The same, from the parts of a message.
pub(super) fn read_event(
    stored_at: &str,
    sequence: u64,
    headers: &async_nats::HeaderMap,
    payload: &[u8],
) -> Result<StoredEvent, ReadError> {
    let encoding = encoding_of(headers).map_err(|problem| corrupt(sequence, problem))?;
    let event: Event = encoding.decode(payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| corrupt(sequence, error))?;
    let about = subject::parse_ledger(stored_at);
    if about.is_none_or(|(agent, command)| agent != event.agent || command != event.command) {
        return Err(corrupt(sequence, "it names another command or agent than its subject"));
    }
    let instance = headers.get(INSTANCE).map(ToString::to_string);
    Ok(StoredEvent { sequence, event, instance })
}

pub(super) fn encoding_of(headers: &async_nats::HeaderMap) -> Result<Encoding, String> {
    let content_type = headers.get("Content-Type").map(async_nats::HeaderValue::as_str);
    Encoding::from_content_type(content_type).map_err(|error| error.to_string())
}
