//! What an agent says about itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AgentId;

/// Who an agent is and what it can do: its record in the KV bucket `agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct AgentInfo {
    /// Its id.
    pub id: AgentId,
    /// The machine's name, where it differs from the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Version of the agent.
    pub version: String,
    /// What it can do: `shell`, `argv`, `run-as`.
    pub capabilities: Vec<String>,
    /// What its owner says about it, to choose agents by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Commands that it runs at once.
    pub max_concurrent: u32,
    /// The account that it runs as.
    pub user: String,
    /// When this agent process was started.
    pub started_at: Timestamp,
    /// Names this agent process.
    pub instance: String,
    /// Sequence in the stream of commands up to which everything of this agent has ended.
    pub settled_through: u64,
}

/// What an agent runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Platform {
    /// `linux`, `macos`, …
    pub os: String,
    /// What the system calls itself, for example `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// `x86_64`, `aarch64`, …
    pub arch: String,
    /// Release of the kernel.
    pub kernel: String,
}

/// A sign of life: the agent's record in the KV bucket `presence`. It disappears when the agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// The agent process that lives.
    pub instance: String,
    /// Names the machine, without telling its real machine id.
    pub machine: String,
    /// The agent's clock.
    pub at: Timestamp,
    /// Commands that it runs now.
    pub running: u32,
    /// Commands that wait for their turn.
    pub queued: u32,
}
