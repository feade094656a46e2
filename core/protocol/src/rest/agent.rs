//! What clients are told about agents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::{Platform, Programs};
use crate::id::AgentId;

/// An agent as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AgentView {
    /// Its id.
    pub id: AgentId,
    /// Whether its heartbeat is fresh.
    pub status: AgentStatus,
    /// The machine's name, where it differs from the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Version of the agent.
    pub version: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// What its owner says about it.
    pub labels: BTreeMap<String, String>,
    /// The account that it runs as.
    pub user: String,
    /// The home of that account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// The program behind `/bin/sh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// The programs that its commands find on `PATH`, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<Programs>,
    /// When the agent was started.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Commands that it runs now; absent when it is offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u32>,
    /// Commands that wait at it for their turn; absent when it is offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<u32>,
    /// Commands that it runs at once.
    pub max_concurrent: u32,
}

/// Whether an agent can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum AgentStatus {
    /// Its heartbeat is fresh.
    Online,
    /// It has stopped, or has not been heard of for a while.
    Offline,
    /// Its id is shut out, until another machine is given it.
    Revoked,
}

/// Answer of `GET /agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AgentList {
    /// By id.
    pub agents: Vec<AgentView>,
}
