//! What HTTP clients send and get. The gateway and the command line use the same types.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::Platform;
use crate::blob::Blob;
use crate::event::{Cause, Event, EventKind, Finished, OutputStream, OutputTotal};
use crate::id::{AgentId, CommandId};
use crate::intent::{ExecutionTarget, Intent, IntentWire, InvalidIntent, Program, Run};
use crate::outcome::CommandStatus;

/// Answer of `POST /token`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenResponse {
    /// The token; send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: u64,
}

/// Body of `POST /agents/{id}/execute`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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

/// A finished command with what it printed: answer of `execute` and of `nats req agents.<id>.exec`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct CommandResult {
    /// The command.
    pub id: CommandId,
    /// The agent that it was for.
    pub agent_id: AgentId,
    /// How it ended.
    pub status: CommandStatus,
    /// What the process exited with; null where it did not exit.
    pub exit_code: Option<i32>,
    /// The signal that ended the process; null where none did.
    pub signal: Option<i32>,
    /// What it printed on standard output, as far as this answer holds it.
    pub stdout: Blob,
    /// What it printed on standard error, as far as this answer holds it.
    pub stderr: Blob,
    /// Bytes that it printed on standard output.
    pub stdout_bytes: u64,
    /// Bytes that it printed on standard error.
    pub stderr_bytes: u64,
    /// Bytes of standard output that nobody has, because of `max_output_bytes`.
    pub stdout_cut: u64,
    /// Bytes of standard error that nobody has, because of `max_output_bytes`.
    pub stderr_cut: u64,
    /// Whether the history holds more output than this answer: `GET /commands/{id}/output` gives all of it.
    pub truncated: bool,
    /// Milliseconds from the start of the process to its end; null where none was started.
    pub duration_ms: Option<f64>,
    /// Why it did not end by itself, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What a person should know: why it was refused, what could not be started, who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A command that has not ended when the answer is due: `execute` with status 202.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PendingCommand {
    /// The command; `GET /commands/{id}` tells how it goes on.
    pub id: CommandId,
    /// The agent that it is for.
    pub agent_id: AgentId,
    /// Where it stands, as far as the gateway has heard.
    pub status: CommandStatus,
}

/// A command as the history shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CommandView {
    /// The command.
    pub id: CommandId,
    /// The agent that it is for.
    pub agent_id: AgentId,
    /// Where it stands.
    pub status: CommandStatus,
    /// What was asked to run, as a line.
    pub command: String,
    /// The same without a shell, where it was asked so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Where the agent was asked to run it.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub execution_target: ExecutionTarget,
    /// The folder that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The account that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Seconds that it may run.
    pub timeout_s: f64,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the ledger took it, by the broker's clock.
    pub created_at: Timestamp,
    /// When it is too late to start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// When its process was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended, by the agent's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Milliseconds from the start of the process to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// What the process exited with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why it did not end by itself, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Bytes printed on standard output, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_bytes: Option<u64>,
    /// Bytes printed on standard error, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_bytes: Option<u64>,
    /// Bytes that nobody has, because of `max_output_bytes`, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_bytes: Option<u64>,
}

/// Answer of `GET /commands`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CommandPage {
    /// Newest first.
    pub commands: Vec<CommandView>,
    /// Give it as `cursor` to go on with older ones; absent at the end. A page may be short and not be the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

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
}

/// Answer of `GET /agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AgentList {
    /// By id.
    pub agents: Vec<AgentView>,
}

/// An error as RFC 9457 describes it, with a code that does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:ogent:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, for programs.
    pub code: String,
    /// What is wrong this time, and what to do.
    pub detail: String,
}

// === impl Problem ===

impl Problem {
    /// A problem of the kind `code`: lower-case words with `_` between them.
    #[must_use]
    pub fn new(code: &str, status: u16, detail: &str) -> Self {
        Self {
            kind: format!("urn:ogent:problem:{code}"),
            title: code.replace('_', " "),
            status,
            code: code.to_owned(),
            detail: detail.to_owned(),
        }
    }
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

// === impl CommandView ===

impl CommandView {
    /// A command of which nothing is known but its intent.
    #[must_use]
    pub fn queued(agent: &AgentId, run: &Run, created_at: Timestamp) -> Self {
        let argv = match &run.program {
            Program::Shell(_) => None,
            Program::Argv(argv) => Some(argv.clone()),
        };
        Self {
            id: run.id.clone(),
            agent_id: agent.clone(),
            status: CommandStatus::Queued,
            command: run.program.to_string(),
            argv,
            execution_target: run.target.clone(),
            cwd: run.cwd.clone(),
            user: run.user.clone(),
            timeout_s: run.timeout.as_secs_f64(),
            requested_by: run.requested_by.clone(),
            reason: run.reason.clone(),
            created_at,
            not_after: run.not_after,
            cancel_requested: false,
            started_at: None,
            finished_at: None,
            duration_ms: None,
            exit_code: None,
            signal: None,
            cause: None,
            message: None,
            stdout_bytes: None,
            stderr_bytes: None,
            cut_bytes: None,
        }
    }

    /// What the latest event of the command adds.
    pub fn see(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Accepted(_) => self.status = CommandStatus::Accepted,
            EventKind::Started(_) => {
                self.status = CommandStatus::Running;
                self.started_at = Some(event.time);
            }
            EventKind::Output(_) => self.status = CommandStatus::Running,
            EventKind::Finished(end) => {
                self.status = end.outcome.into();
                self.started_at = end.started_at;
                self.finished_at = Some(event.time);
                self.duration_ms = end.duration_ms;
                self.exit_code = end.exit_code;
                self.signal = end.signal;
                self.cause = end.cause;
                self.message.clone_from(&end.message);
                self.stdout_bytes = Some(end.stdout.bytes);
                self.stderr_bytes = Some(end.stderr.bytes);
                self.cut_bytes = Some(end.stdout.cut + end.stderr.cut);
            }
        }
    }
}

/// Gathers what a command prints, up to a bound for each stream, until its end makes a [`CommandResult`] of it.
#[derive(Debug)]
pub struct ResultFold {
    limit: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

// === impl ResultFold ===

impl ResultFold {
    /// Keeps at most `limit` bytes of each stream.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Takes the output of one event.
    pub fn see(&mut self, event: &EventKind) {
        for chunk in event.chunks() {
            let kept = match chunk.stream {
                OutputStream::Stdout => &mut self.stdout,
                OutputStream::Stderr => &mut self.stderr,
            };
            let room = self.limit.saturating_sub(kept.len());
            let bytes = chunk.data.as_bytes();
            kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// The result, once the command has ended. The output in `end` must have been seen.
    #[must_use]
    pub fn finish(self, agent: &AgentId, command: &CommandId, end: &Finished) -> CommandResult {
        let missing = |total: OutputTotal, have: &[u8]| total.bytes.saturating_sub(total.cut) > have.len() as u64;
        CommandResult {
            id: command.clone(),
            agent_id: agent.clone(),
            status: end.outcome.into(),
            exit_code: end.exit_code,
            signal: end.signal,
            truncated: missing(end.stdout, &self.stdout) || missing(end.stderr, &self.stderr),
            stdout: self.stdout.into(),
            stderr: self.stderr.into(),
            stdout_bytes: end.stdout.bytes,
            stderr_bytes: end.stderr.bytes,
            stdout_cut: end.stdout.cut,
            stderr_cut: end.stderr.cut,
            duration_ms: end.duration_ms,
            cause: end.cause,
            message: end.message.clone(),
        }
    }
}
