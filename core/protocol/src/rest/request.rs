//! What clients send: commands to run, and wishes to cancel them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::id::{AgentId, CommandId};
use crate::intent::{ExecutionTarget, Intent, IntentWire, InvalidIntent, Run};

/// Body of `POST /agents/{id}/execute`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(example = json!({"command": "systemctl restart nginx", "reason": "TICKET-1"})))]
pub struct ExecuteRequest {
    /// A line for `/bin/sh -c`. Either this or `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 65536))]
    pub command: Option<String>,
    /// A program and its arguments, run without a shell. Either this or `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 1024))]
    pub argv: Option<Vec<String>>,
    /// Where the agent runs it: `auto` (default), `local`, `ssh` or `ssh:<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, pattern = "^(auto|local|ssh|ssh:[A-Za-z0-9_-]{1,64})$"))]
    pub execution_target: Option<ExecutionTarget>,
    /// Absolute path of the folder to run in; the agent's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(pattern = "^/", max_length = 4096))]
    pub cwd: Option<String>,
    /// Variables to set beside the agent's own small set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the command reads on its standard input; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Blob>,
    /// Account to run as, where the agent may change to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 4096))]
    pub user: Option<String>,
    /// Seconds that the command may run; default 3600, at most 604800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(exclusive_minimum = 0, maximum = 604800))]
    pub timeout_s: Option<f64>,
    /// The command is not started after this moment; default in 5 minutes, with `queue` in 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Bytes of output to keep, both streams together; default 10485760, at most 1073741824.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(maximum = 1073741824))]
    pub max_output_bytes: Option<u64>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 4096))]
    pub reason: Option<String>,
    /// Let the command wait in the ledger for an agent that is offline, instead of a refusal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queue: bool,
    /// Judge it and say what would become of it; store nothing and run nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Let somebody else approve it first, also where policy would let it run: an agent may be stricter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask: bool,
}

/// Body of `POST /commands/{id}/cancel`; may be empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CancelRequest {
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

// === impl ExecuteRequest ===

impl ExecuteRequest {
    /// The command that is asked for.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn into_run(self, id: CommandId, agent: AgentId, requested_by: &str) -> Result<Run, InvalidIntent> {
        let wire = IntentWire {
            id: Some(id),
            agent: Some(agent),
            command: self.command,
            argv: self.argv,
            execution_target: self.execution_target,
            cwd: self.cwd,
            env: self.env,
            stdin: self.stdin,
            user: self.user,
            timeout_s: self.timeout_s,
            not_after: self.not_after,
            max_output_bytes: self.max_output_bytes,
            requested_by: Some(requested_by.to_owned()),
            requested_at: Some(Timestamp::now()),
            reason: self.reason,
            ..IntentWire::default()
        };
        match wire.admit(CommandId::generate)? {
            Intent::Run(run) => Ok(*run),
            Intent::Cancel(_) => Err(InvalidIntent { field: "type", problem: "must be run".to_owned() }),
        }
    }
}
