//! What an agent says about a command: CloudEvents 1.0, numbered without gaps from 0.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analysis::Ruling;
use crate::blob::Blob;
use crate::chain::Link;
use crate::id::{AgentId, CommandId};
use crate::intent::Run;
use crate::outcome::Outcome;
use crate::signature::SignedBy;
use crate::verdict::{RiskLevel, Verdict};

/// One thing that happened to one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "EventWire", into = "EventWire")]
pub struct Event {
    /// Who says it.
    pub agent: AgentId,
    /// Of which command.
    pub command: CommandId,
    /// Its number among the events of that command, from 0.
    pub n: u64,
    /// When it happened, by the agent's clock.
    pub time: Timestamp,
    /// What stands before it: the event before, or the intent. Absent where that is not known, and in old events.
    pub previous: Option<Link>,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen to a command. The set is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventKind {
    /// The agent has claimed the command; nothing has been started before this.
    #[serde(rename = "ogent.command.accepted")]
    Accepted(Box<Accepted>),
    /// Its process runs. A command that is over within a tenth of a second goes without.
    #[serde(rename = "ogent.command.started")]
    Started(Started),
    /// It printed something.
    #[serde(rename = "ogent.command.output")]
    Output(OutputChunk),
    /// It is over. Nothing follows.
    #[serde(rename = "ogent.command.finished")]
    Finished(Box<Finished>),
}

/// A claim: who took which intent, and how it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accepted {
    /// The whole intent.
    #[cfg_attr(feature = "schema", schemars(with = "crate::intent::IntentWire"))]
    pub intent: Run,
    /// How the intent came to the agent.
    pub origin: Origin,
    /// The agent process that claimed it: tells a clone's claim from one's own.
    pub instance: String,
    /// Who has signed the intent, where the agent could check that; absent where it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
    /// What the agent's rules make of it, cut to [`crate::limits::MAX_VERDICT_BYTES`]; absent where nothing is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the agent's own policy says to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
}

/// How an intent came to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum Origin {
    /// A gateway put it into the ledger.
    Ledger,
    /// Somebody published it straight to `agents.<id>.exec`.
    Direct,
}

/// A process that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Started {
    /// Its id on the agent's machine; also the id of its process group.
    pub pid: u32,
}

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of what a command printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutputChunk {
    /// Where it printed it.
    pub stream: OutputStream,
    /// How many bytes of that stream came before.
    pub offset: u64,
    /// The bytes.
    pub data: Blob,
}

/// How much a command printed on one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutputTotal {
    /// Bytes that it printed.
    pub bytes: u64,
    /// Of these, bytes that were not kept because of `max_output_bytes`.
    pub cut: u64,
}

/// What made a command end other than by itself, for programs. More may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum Cause {
    /// There is no such program.
    NoProgram,
    /// The program may not be executed.
    NotExecutable,
    /// There is no such folder.
    NoFolder,
    /// There is no such account.
    NoUser,
    /// The agent may not change to that account.
    UserNotAllowed,
    /// The operating system could not start it.
    System,
    /// The agent has no such SSH target.
    NoSshTarget,
    /// It was not started before its `not_after`.
    TooLate,
    /// It does not fit into the record.
    TooLarge,
    /// What came was not an intent for this agent.
    NotAnIntent,
    /// It is not signed by somebody whom this agent trusts, or was changed.
    Signature,
    /// Somebody cancelled it.
    Cancelled,
    /// It ran longer than it was allowed to.
    TimedOut,
    /// The agent was stopped.
    AgentStopped,
    /// The agent's earlier life left it open.
    AgentLost,
    /// A policy refuses it, or asks for an approval that it does not have.
    Risk,
    /// Somebody who was asked to approve it has denied it.
    Denied,
    /// Nobody approved it in time.
    NotApproved,
    /// Another cause, of a later version.
    #[serde(other)]
    Other,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What the process exited with, if it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the process, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Its process id, if it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// When its process was started; absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Milliseconds from its start to its end, if it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// Why it did not end by itself, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What a person should know: why it was refused, what could not be started, who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The last pieces of output, which had not been sent before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<OutputChunk>,
    /// How much it printed on standard output.
    #[serde(default)]
    pub stdout: OutputTotal,
    /// How much it printed on standard error.
    #[serde(default)]
    pub stderr: OutputTotal,
    /// Whether a process that the command left behind still held its output open; what that prints is not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_running: bool,
    /// How bad it could have been, as it was judged before; absent where nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLevel>,
    /// What the agent's rules made of it, where it was refused for that and so never accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// What the agent's own policy said to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
}

// === impl EventKind ===

impl EventKind {
    /// The type as CloudEvents carries it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "ogent.command.accepted",
            Self::Started(_) => "ogent.command.started",
            Self::Output(_) => "ogent.command.output",
            Self::Finished(_) => "ogent.command.finished",
        }
    }

    /// The pieces of output that this event carries, in order.
    #[must_use]
    pub fn chunks(&self) -> &[OutputChunk] {
        match self {
            Self::Output(chunk) => std::slice::from_ref(chunk),
            Self::Finished(finished) => &finished.tail,
            Self::Accepted(_) | Self::Started(_) => &[],
        }
    }
}

// === impl Finished ===

impl Finished {
    /// An end without a process: refused, expired, cancelled before its start, not startable, lost.
    #[must_use]
    pub fn without_process(outcome: Outcome, cause: Cause, message: impl Into<String>) -> Self {
        Self {
            outcome,
            exit_code: None,
            signal: None,
            pid: None,
            started_at: None,
            duration_ms: None,
            cause: Some(cause),
            message: Some(message.into()),
            tail: Vec::new(),
            stdout: OutputTotal::default(),
            stderr: OutputTotal::default(),
            left_running: false,
            risk: None,
            verdict: None,
            ruling: None,
        }
    }
}

/// An event as it travels on `results.<id>.<command>` and `agents.<id>.results`: structured CloudEvents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Event"))]
pub struct EventWire {
    /// Always `1.0`.
    pub specversion: String,
    /// `<command>/<n>`, with `n` counted from 0 without gaps.
    pub id: String,
    /// `/agents/<agent>`.
    pub source: String,
    /// The id of the command.
    pub subject: CommandId,
    /// When it happened, by the agent's clock.
    pub time: Timestamp,
    /// Always `application/json`; the same data in MessagePack where the message's own `Content-Type` says so.
    pub datacontenttype: String,
    /// SHA-256 of the exact payload of the event before it, for the first one of that of the intent, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", regex(pattern = "^[0-9a-f]{64}$")))]
    pub previous: Option<Link>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Why a CloudEvent is not one of Ogent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// The `specversion` is not 1.0.
    #[error("specversion must be 1.0")]
    SpecVersion,
    /// The `source` does not name an agent.
    #[error("source must be /agents/<id>")]
    Source,
    /// The `id` is not the command and a number.
    #[error("id must be <command>/<n>")]
    Id,
}

impl From<Event> for EventWire {
    fn from(event: Event) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{}/{}", event.command, event.n),
            source: format!("/agents/{}", event.agent),
            subject: event.command,
            time: event.time,
            datacontenttype: "application/json".to_owned(),
            previous: event.previous,
            kind: event.kind,
        }
    }
}

impl TryFrom<EventWire> for Event {
    type Error = InvalidEvent;

    fn try_from(wire: EventWire) -> Result<Self, InvalidEvent> {
        if wire.specversion != "1.0" {
            return Err(InvalidEvent::SpecVersion);
        }
        let agent = wire.source.strip_prefix("/agents/").and_then(|id| id.parse().ok()).ok_or(InvalidEvent::Source)?;
        let (command, n) = wire.id.split_once('/').ok_or(InvalidEvent::Id)?;
        if command != wire.subject.as_str() {
            return Err(InvalidEvent::Id);
        }
        let n = number(n).ok_or(InvalidEvent::Id)?;
        Ok(Self { agent, command: wire.subject, n, time: wire.time, previous: wire.previous, kind: wire.kind })
    }
}

/// The number in an event's id, in its one spelling: `+5` or `05` would be other ids of the same event. Another number
/// can follow it, because readers wait for the next one.
pub(crate) fn number(text: &str) -> Option<u64> {
    let n: u64 = text.parse().ok()?;
    (n < u64::MAX && n.to_string() == text).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for n in [0, 7, 10, u64::MAX - 1] {
            assert_eq!(number(&n.to_string()), Some(n));
        }
        for bad in ["", "+5", "05", "-1", " 1", "1e3", "18446744073709551615", "18446744073709551616"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
