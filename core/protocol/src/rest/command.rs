//! What clients are told about a command: its place in the history, its outcome, what it printed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ApprovalView;
use crate::analysis::{Advice, AdvisorState, Ruling};
use crate::blob::Blob;
use crate::event::{Accepted, Cause, Event, EventKind, Finished, OutputStream, OutputTotal};
use crate::id::{AgentId, CommandId};
use crate::intent::{ExecutionTarget, Program, Run};
use crate::outcome::{CommandStatus, Outcome};
use crate::verdict::{RiskLevel, Verdict};

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
    /// What the rules make of it; absent where nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// What policy says to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Who had to approve it, and what became of that; absent where nobody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
}

/// A command that has not ended when the answer is due: `execute` with status 202.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PendingCommand {
    /// The command; `GET /commands/{id}` tells how it goes on.
    pub id: CommandId,
    /// The agent that it is for.
    pub agent_id: AgentId,
    /// Where it stands, as far as the gateway has heard.
    pub status: CommandStatus,
    /// What the rules make of it; absent where nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// What policy says to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Who had to approve it, and what became of that; absent where nobody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
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
    /// How bad it could be: the level of its verdict; absent where nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLevel>,
    /// What the rules make of it; not in lists of commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// What policy says to that; not in lists of commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Who had to approve it, and what became of that; absent where nobody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
    /// Whether a model was asked about it, and what became of that; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisor: Option<AdvisorState>,
    /// What the model says; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
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
            risk: None,
            verdict: None,
            ruling: None,
            approval: run.approval.as_ref().map(ApprovalView::from),
            advisor: None,
            advice: None,
        }
    }

    /// What the latest event of the command adds.
    pub fn see(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Accepted(accepted) => {
                self.status = CommandStatus::Accepted;
                self.judged(accepted);
            }
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
                // An agent that was lost did not count. Saturating: a broken one may send any figures.
                let totals = (end.outcome != Outcome::Lost).then_some((end.stdout, end.stderr));
                self.stdout_bytes = totals.map(|(stdout, _)| stdout.bytes);
                self.stderr_bytes = totals.map(|(_, stderr)| stderr.bytes);
                self.cut_bytes = totals.map(|(stdout, stderr)| stdout.cut.saturating_add(stderr.cut));
                self.risk = end.risk.or(self.risk);
                if end.verdict.is_some() {
                    self.verdict.clone_from(&end.verdict);
                    self.ruling.clone_from(&end.ruling);
                }
            }
        }
    }

    /// What the claim of the command says about its verdict.
    pub fn judged(&mut self, accepted: &Accepted) {
        self.risk = accepted.verdict.as_ref().map(|verdict| verdict.level).or(self.risk);
        self.verdict = accepted.verdict.clone().map(Box::new);
        self.ruling.clone_from(&accepted.ruling);
    }
}

/// Gathers what a command prints, up to a bound for each stream, until its end makes a [`CommandResult`] of it.
#[derive(Debug)]
pub struct ResultFold {
    limit: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    verdict: Option<Box<Verdict>>,
    ruling: Option<Ruling>,
    approval: Option<ApprovalView>,
}

// === impl ResultFold ===

impl ResultFold {
    /// Keeps at most `limit` bytes of each stream.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, stdout: Vec::new(), stderr: Vec::new(), verdict: None, ruling: None, approval: None }
    }

    /// Takes the output of one event, and the verdict that came with the claim.
    pub fn see(&mut self, event: &EventKind) {
        if let EventKind::Accepted(accepted) = event {
            self.verdict = accepted.verdict.clone().map(Box::new);
            self.ruling.clone_from(&accepted.ruling);
            self.approval = accepted.intent.approval.as_ref().map(ApprovalView::from);
        }
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
            verdict: end.verdict.clone().or(self.verdict),
            ruling: end.ruling.clone().or(self.ruling),
            approval: self.approval,
        }
    }
}
