//! Receives an intent as anyone may have sent it, gives one whose every field has been checked, or says what is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cancel, Intent, IntentType, IntentWire, InvalidIntent, Program, Run};
use crate::approval::{self, Approval};
use crate::id::CommandId;
use crate::limits;

// === impl IntentWire ===

impl IntentWire {
    /// Checks every field; `make_id` names a `run` that has no id.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn admit(self, make_id: impl FnOnce() -> CommandId) -> Result<Intent, InvalidIntent> {
        match self.kind {
            IntentType::Run => self.admit_run(make_id).map(|run| Intent::Run(Box::new(run))),
            IntentType::Cancel => self.admit_cancel().map(Intent::Cancel),
        }
    }

    fn admit_run(self, make_id: impl FnOnce() -> CommandId) -> Result<Run, InvalidIntent> {
        let program = admit_program(self.command, self.argv)?;
        check_env(&self.env)?;
        if let Some(cwd) = &self.cwd {
            check_text("cwd", cwd)?;
            if !cwd.starts_with('/') {
                return Err(wrong("cwd", "must be an absolute path"));
            }
        }
        for (field, text) in [("user", &self.user), ("requested_by", &self.requested_by), ("reason", &self.reason)] {
            if let Some(text) = text {
                check_text(field, text)?;
            }
        }
        if self.stdin.as_ref().is_some_and(|stdin| stdin.len() > limits::MAX_STDIN_BYTES) {
            return Err(wrong("stdin", format!("has more than {} bytes", limits::MAX_STDIN_BYTES)));
        }
        if let Some(approval) = &self.approval {
            admit_approval(approval)?;
        }
        let max_output_bytes = self.max_output_bytes.unwrap_or(limits::DEFAULT_OUTPUT_BYTES);
        if max_output_bytes > limits::MAX_OUTPUT_BYTES {
            return Err(wrong("max_output_bytes", format!("is more than {}", limits::MAX_OUTPUT_BYTES)));
        }
        Ok(Run {
            id: self.id.unwrap_or_else(make_id),
            agent: self.agent,
            program,
            target: self.execution_target.unwrap_or_default(),
            cwd: self.cwd,
            env: self.env,
            stdin: self.stdin,
            user: self.user,
            timeout: admit_timeout(self.timeout_s)?,
            not_after: self.not_after,
            max_output_bytes,
            requested_by: self.requested_by,
            requested_at: self.requested_at,
            reason: self.reason,
            approval: self.approval,
        })
    }

    fn admit_cancel(self) -> Result<Cancel, InvalidIntent> {
        let id = self.id.ok_or_else(|| wrong("id", "a cancel must name the command"))?;
        let foreign = [
            ("command", self.command.is_some()),
            ("argv", self.argv.is_some()),
            ("execution_target", self.execution_target.is_some()),
            ("cwd", self.cwd.is_some()),
            ("env", !self.env.is_empty()),
            ("stdin", self.stdin.is_some()),
            ("user", self.user.is_some()),
            ("timeout_s", self.timeout_s.is_some()),
            ("not_after", self.not_after.is_some()),
            ("max_output_bytes", self.max_output_bytes.is_some()),
            ("approval", self.approval.is_some()),
        ];
        if let Some((field, _)) = foreign.into_iter().find(|(_, is_set)| *is_set) {
            return Err(wrong(field, "does not belong into a cancel"));
        }
        for (field, text) in [("requested_by", &self.requested_by), ("reason", &self.reason)] {
            if let Some(text) = text {
                check_text(field, text)?;
            }
        }
        Ok(Cancel {
            id,
            agent: self.agent,
            requested_by: self.requested_by,
            requested_at: self.requested_at,
            reason: self.reason,
        })
    }
}

pub(crate) fn admit_program(command: Option<String>, argv: Option<Vec<String>>) -> Result<Program, InvalidIntent> {
    match (command, argv) {
        (Some(line), None) => {
            check_bytes("command", line.len(), [line.as_str()])?;
            if line.trim().is_empty() {
                return Err(wrong("command", "is empty"));
            }
            Ok(Program::Shell(line))
        }
        (None, Some(argv)) => {
            if argv.first().is_none_or(String::is_empty) {
                return Err(wrong("argv", "must begin with a program"));
            }
            if argv.len() > limits::MAX_ENTRIES {
                return Err(wrong("argv", format!("has more than {} entries", limits::MAX_ENTRIES)));
            }
            check_bytes("argv", argv.iter().map(String::len).sum(), argv.iter().map(String::as_str))?;
            Ok(Program::Argv(argv))
        }
        (Some(_), Some(_)) => Err(wrong("argv", "stands beside command; give one of the two")),
        (None, None) => Err(wrong("command", "is missing; give command or argv")),
    }
}

fn admit_approval(approval: &Approval) -> Result<(), InvalidIntent> {
    check_text("approval.by", &approval.by)?;
    if let Some(reason) = &approval.reason {
        check_text("approval.reason", reason)?;
    }
    if approval::is_hash(&approval.hash) {
        Ok(())
    } else {
        Err(wrong("approval.hash", "must be 64 hexadecimal digits"))
    }
}

fn admit_timeout(seconds: Option<f64>) -> Result<Duration, InvalidIntent> {
    let Some(seconds) = seconds else { return Ok(limits::DEFAULT_TIMEOUT) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if timeout.is_zero() => Err(wrong("timeout_s", "must be more than 0")),
        Ok(timeout) if timeout > limits::MAX_TIMEOUT => {
            Err(wrong("timeout_s", format!("is more than {} seconds", limits::MAX_TIMEOUT.as_secs())))
        }
        Ok(timeout) => Ok(timeout),
        Err(_) => Err(wrong("timeout_s", "must be a positive number of seconds")),
    }
}

pub(crate) fn check_env(env: &BTreeMap<String, String>) -> Result<(), InvalidIntent> {
    if env.len() > limits::MAX_ENTRIES {
        return Err(wrong("env", format!("has more than {} entries", limits::MAX_ENTRIES)));
    }
    if env.keys().any(|name| name.is_empty() || name.contains('=')) {
        return Err(wrong("env", "a name must not be empty or contain '='"));
    }
    let size = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    check_bytes("env", size, env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))
}

pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), InvalidIntent> {
    if text.is_empty() {
        return Err(wrong(field, "is empty"));
    }
    if text.len() > limits::MAX_TEXT_BYTES {
        return Err(wrong(field, format!("has more than {} bytes", limits::MAX_TEXT_BYTES)));
    }
    check_bytes(field, text.len(), [text])
}

/// The kernel ends every string that it takes at the first NUL, so none may hold one.
pub(crate) fn check_bytes<'a>(
    field: &'static str,
    size: usize,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<(), InvalidIntent> {
    if size > limits::MAX_COMMAND_BYTES {
        return Err(wrong(field, format!("has more than {} bytes", limits::MAX_COMMAND_BYTES)));
    }
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(wrong(field, "contains a NUL"));
    }
    Ok(())
}

impl TryFrom<IntentWire> for Run {
    type Error = InvalidIntent;

    fn try_from(wire: IntentWire) -> Result<Self, InvalidIntent> {
        if wire.kind != IntentType::Run {
            return Err(wrong("type", "must be run"));
        }
        let id = wire.id.clone().ok_or_else(|| wrong("id", "is missing"))?;
        wire.admit_run(|| id)
    }
}

pub(crate) fn wrong(field: &'static str, problem: impl Into<String>) -> InvalidIntent {
    InvalidIntent { field, problem: problem.into() }
}
