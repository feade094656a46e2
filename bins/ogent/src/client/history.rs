//! Which commands of the history are wanted, and which of those that wait for somebody.

use jiff::Timestamp;
use ogent_protocol::{AgentId, AuditKind, CommandStatus};
use serde::Serialize;

/// The query of `GET /commands`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HistoryQuery {
    /// Of that agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// With that status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<CommandStatus>,
    /// That this person asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Recorded at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Recorded at this moment or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The query of `GET /audit`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditQuery {
    /// Of that kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<AuditKind>,
    /// By or about that person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Stored at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Behind this place, the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// The query of `GET /approvals`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ApprovalsQuery {
    /// Also what was decided, or not in time.
    pub all: bool,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
