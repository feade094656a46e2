//! An event of a proposal as it travels on `approvals.<agent>.<command>` and `agents.<agent>.approvals`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ProposalKind;
use crate::event::InvalidEvent;
use crate::id::{AgentId, CommandId};

/// One thing that happened to one proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ProposalWire", into = "ProposalWire")]
pub struct ProposalEvent {
    /// The agent that the command is for.
    pub agent: AgentId,
    /// The command.
    pub command: CommandId,
    /// Its number among the events of that proposal, from 0.
    pub n: u64,
    /// When it happened, by the gateway's clock.
    pub time: Timestamp,
    /// What happened.
    pub kind: ProposalKind,
}

/// The same as a structured CloudEvent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "ApprovalEvent"))]
pub struct ProposalWire {
    /// Always `1.0`.
    pub specversion: String,
    /// `<command>/<n>`, with `n` counted from 0 without gaps.
    pub id: String,
    /// `/approvals/<agent>`.
    pub source: String,
    /// The id of the command.
    pub subject: CommandId,
    /// When it happened, by the gateway's clock.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: ProposalKind,
}

impl From<ProposalEvent> for ProposalWire {
    fn from(event: ProposalEvent) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: format!("{}/{}", event.command, event.n),
            source: format!("/approvals/{}", event.agent),
            subject: event.command,
            time: event.time,
            datacontenttype: "application/json".to_owned(),
            kind: event.kind,
        }
    }
}

impl TryFrom<ProposalWire> for ProposalEvent {
    type Error = InvalidEvent;

    fn try_from(wire: ProposalWire) -> Result<Self, InvalidEvent> {
        if wire.specversion != "1.0" {
            return Err(InvalidEvent::SpecVersion);
        }
        let agent = wire.source.strip_prefix("/approvals/").and_then(|id| id.parse().ok());
        let agent = agent.ok_or(InvalidEvent::Source)?;
        let (command, n) = wire.id.split_once('/').ok_or(InvalidEvent::Id)?;
        if command != wire.subject.as_str() {
            return Err(InvalidEvent::Id);
        }
        let n = crate::event::number(n).ok_or(InvalidEvent::Id)?;
        Ok(Self { agent, command: wire.subject, n, time: wire.time, kind: wire.kind })
    }
}
