//! What somebody wants of an agent: to run a command, or to cancel one.
//!
//! An [`IntentWire`] is what anyone may send; [`IntentWire::admit`] makes an [`Intent`] of it, or says which field
//! is wrong. What people send is taken strictly: an unknown field is an error, not silence.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::id::{AgentId, CommandId, InvalidId};
use crate::limits;

/// What an agent is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Run a command.
    Run(Box<Run>),
    /// End a command that was asked for earlier.
    Cancel(Cancel),
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "IntentWire", into = "IntentWire")]
pub struct Run {
    /// Its name, for ever.
    pub id: CommandId,
    /// Which agent it is for; `None` where the subject alone says so.
    pub agent: Option<AgentId>,
    /// What to run.
    pub program: Program,
    /// Where to run it.
    pub target: ExecutionTarget,
    /// The folder to run it in.
    pub cwd: Option<String>,
    /// What to add to the agent's own small environment.
    pub env: BTreeMap<String, String>,
    /// What the command reads; nothing when absent.
    pub stdin: Option<Blob>,
    /// The account to run it as; the agent's own when absent.
    pub user: Option<String>,
    /// How long it may run.
    pub timeout: Duration,
    /// When it is too late to start it.
    pub not_after: Option<Timestamp>,
    /// How much of its output is kept, both streams together.
    pub max_output_bytes: u64,
    /// Who asked.
    pub requested_by: Option<String>,
    /// When that was.
    pub requested_at: Option<Timestamp>,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

/// The wish to end a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancel {
    /// Which one.
    pub id: CommandId,
    /// Which agent has it; `None` where the subject alone says so.
    pub agent: Option<AgentId>,
    /// Who asked.
    pub requested_by: Option<String>,
    /// When that was.
    pub requested_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
}

/// Where a command runs, as seen from the agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ExecutionTarget {
    /// The agent's default SSH target if it has one, else its own machine.
    #[default]
    Auto,
    /// The agent's own machine.
    Local,
    /// The agent's default SSH target.
    Ssh,
    /// The SSH target of that name.
    SshNamed(String),
}

/// Which kind of intent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum IntentType {
    /// Run a command; what a message without a `type` is.
    #[default]
    Run,
    /// Cancel a command.
    Cancel,
}

/// An intent as it travels on `agents.<id>.exec` and `commands.<id>.<command>`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Intent"))]
pub struct IntentWire {
    /// `run` (default) or `cancel`.
    #[serde(rename = "type", default)]
    pub kind: IntentType,
    /// Names the command. A `run` without one gets one from the agent; a `cancel` must have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommandId>,
    /// The agent that this is for. Where it is given, no other agent takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// A line for `/bin/sh -c`. Either this or `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program and its arguments, run without a shell. Either this or `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// `auto` (default), `local`, `ssh` or `ssh:<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", regex(pattern = r"^(auto|local|ssh|ssh:.+)$")))]
    pub execution_target: Option<ExecutionTarget>,
    /// Absolute path of the folder to run in; the agent's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables to set beside the agent's own small set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the command reads on its standard input; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Blob>,
    /// Account to run as, where the agent may change to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Seconds that the command may run; default 3600, at most 604800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// The command is not started after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Bytes of output to keep, both streams together; default 10485760, at most 1073741824.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_bytes: Option<u64>,
    /// Who asks. A gateway sets it to the person that it has authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// When it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// Why it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a message is not an intent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidIntent {
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

fn wrong(field: &'static str, problem: impl Into<String>) -> InvalidIntent {
    InvalidIntent { field, problem: problem.into() }
}

// === impl Intent ===

impl Intent {
    /// The command that this is about.
    #[must_use]
    pub fn id(&self) -> &CommandId {
        match self {
            Self::Run(run) => &run.id,
            Self::Cancel(cancel) => &cancel.id,
        }
    }

    /// The agent that it names, if it names one.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Run(run) => run.agent.as_ref(),
            Self::Cancel(cancel) => cancel.agent.as_ref(),
        }
    }

    /// The message to send.
    #[must_use]
    pub fn to_wire(&self) -> IntentWire {
        match self {
            Self::Run(run) => (**run).clone().into(),
            Self::Cancel(cancel) => cancel.clone().into(),
        }
    }
}

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

fn admit_program(command: Option<String>, argv: Option<Vec<String>>) -> Result<Program, InvalidIntent> {
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

fn check_env(env: &BTreeMap<String, String>) -> Result<(), InvalidIntent> {
    if env.len() > limits::MAX_ENTRIES {
        return Err(wrong("env", format!("has more than {} entries", limits::MAX_ENTRIES)));
    }
    if env.keys().any(|name| name.is_empty() || name.contains('=')) {
        return Err(wrong("env", "a name must not be empty or contain '='"));
    }
    let size = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    check_bytes("env", size, env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))
}

fn check_text(field: &'static str, text: &str) -> Result<(), InvalidIntent> {
    if text.is_empty() {
        return Err(wrong(field, "is empty"));
    }
    if text.len() > limits::MAX_TEXT_BYTES {
        return Err(wrong(field, format!("has more than {} bytes", limits::MAX_TEXT_BYTES)));
    }
    check_bytes(field, text.len(), [text])
}

/// The kernel ends every string that it takes at the first NUL, so none may hold one.
fn check_bytes<'a>(
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

// === impl Run ===

impl Run {
    /// Whether `other` asks for the same thing of the same agent. Who asked and when is left out, so that a retry of
    /// a request is the same request.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let essence = |run: &Self| Self { requested_at: None, requested_by: None, not_after: None, ..run.clone() };
        essence(self) == essence(other)
    }
}

impl From<Run> for IntentWire {
    fn from(run: Run) -> Self {
        let (command, argv) = match run.program {
            Program::Shell(line) => (Some(line), None),
            Program::Argv(argv) => (None, Some(argv)),
        };
        Self {
            kind: IntentType::Run,
            id: Some(run.id),
            agent: run.agent,
            command,
            argv,
            execution_target: Some(run.target),
            cwd: run.cwd,
            env: run.env,
            stdin: run.stdin,
            user: run.user,
            timeout_s: Some(run.timeout.as_secs_f64()),
            not_after: run.not_after,
            max_output_bytes: Some(run.max_output_bytes),
            requested_by: run.requested_by,
            requested_at: run.requested_at,
            reason: run.reason,
        }
    }
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

// === impl Cancel ===

impl From<Cancel> for IntentWire {
    fn from(cancel: Cancel) -> Self {
        Self {
            kind: IntentType::Cancel,
            id: Some(cancel.id),
            agent: cancel.agent,
            requested_by: cancel.requested_by,
            requested_at: cancel.requested_at,
            reason: cancel.reason,
            ..Self::default()
        }
    }
}

// === impl Program ===

impl fmt::Display for Program {
    /// The line as a person would type it. For reading only: never give it to a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Argv(argv) => {
                for (at, word) in argv.iter().enumerate() {
                    let space = if at == 0 { "" } else { " " };
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&b);
                    if !word.is_empty() && word.bytes().all(plain) {
                        write!(f, "{space}{word}")?;
                    } else {
                        write!(f, "{space}'{}'", word.replace('\'', "'\\''"))?;
                    }
                }
                Ok(())
            }
        }
    }
}

// === impl ExecutionTarget ===

impl fmt::Display for ExecutionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Local => f.write_str("local"),
            Self::Ssh => f.write_str("ssh"),
            Self::SshNamed(name) => write!(f, "ssh:{name}"),
        }
    }
}

impl From<ExecutionTarget> for String {
    fn from(target: ExecutionTarget) -> Self {
        target.to_string()
    }
}

/// Why a text is not an execution target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// The text is none of the four forms.
    #[error("an execution target is auto, local, ssh or ssh:<name>")]
    Unknown,
    /// The name after `ssh:` is not one token.
    #[error("the name of an ssh target is not valid")]
    Name(#[source] InvalidId),
}

impl FromStr for ExecutionTarget {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        match text {
            "auto" => Ok(Self::Auto),
            "local" => Ok(Self::Local),
            "ssh" => Ok(Self::Ssh),
            _ => {
                let name = text.strip_prefix("ssh:").ok_or(InvalidTarget::Unknown)?;
                name.parse::<AgentId>().map_err(InvalidTarget::Name)?;
                Ok(Self::SshNamed(name.to_owned()))
            }
        }
    }
}

impl TryFrom<String> for ExecutionTarget {
    type Error = InvalidTarget;

    fn try_from(text: String) -> Result<Self, InvalidTarget> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(json: &str) -> Result<Intent, String> {
        let wire: IntentWire = serde_json::from_str(json).map_err(|e| e.to_string())?;
        wire.admit(|| "made".parse().unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_shortest_intent_runs() {
        let Intent::Run(run) = admit(r#"{"command":"uptime"}"#).unwrap() else { panic!("not a run") };
        assert_eq!(run.id.as_str(), "made");
        assert_eq!(run.timeout, limits::DEFAULT_TIMEOUT);
        assert_eq!(run.program, Program::Shell("uptime".into()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, field) in [
            (r#"{}"#, "command"),
            (r#"{"command":" "}"#, "command"),
            (r#"{"command":"a","argv":["b"]}"#, "argv"),
            (r#"{"argv":[]}"#, "argv"),
            (r#"{"command":"a\u0000b"}"#, "command"),
            (r#"{"command":"a","cwd":"tmp"}"#, "cwd"),
            (r#"{"command":"a","env":{"A=B":"c"}}"#, "env"),
            (r#"{"command":"a","timeout_s":0}"#, "timeout_s"),
            (r#"{"command":"a","timeout_s":-1}"#, "timeout_s"),
            (r#"{"command":"a","timeout_s":1e300}"#, "timeout_s"),
            (r#"{"command":"a","max_output_bytes":99999999999}"#, "max_output_bytes"),
            (r#"{"command":"a","comand":"b"}"#, "comand"),
            (r#"{"command":"a","execution_target":"moon"}"#, "execution target"),
            (r#"{"type":"cancel"}"#, "id"),
            (r#"{"type":"cancel","id":"x","command":"a"}"#, "command"),
            (r#"{"type":"stop"}"#, "stop"),
        ] {
            let error = admit(json).unwrap_err();
            assert!(error.contains(field), "{json}: {error}");
        }
    }

    #[test]
    fn intents_survive_the_wire() {
        let json = r#"{"command":"a","id":"i","agent":"w","cwd":"/","env":{"A":"b"},"stdin":"x","user":"u",
            "timeout_s":1.5,"max_output_bytes":7,"requested_by":"alice","reason":"why","execution_target":"ssh:db1"}"#;
        let intent = admit(json).unwrap();
        let again = intent.to_wire().admit(|| unreachable!()).unwrap();
        assert_eq!(intent, again);
    }

    #[test]
    fn a_retry_is_the_same_request() {
        let Intent::Run(first) = admit(r#"{"command":"a"}"#).unwrap() else { panic!() };
        let retry = Run { requested_at: Some(Timestamp::now()), ..(*first).clone() };
        assert!(first.asks_the_same(&retry));
        let other = Run { cwd: Some("/".into()), ..retry };
        assert!(!first.asks_the_same(&other));
    }

    #[test]
    fn argv_is_shown_quoted() {
        let program = Program::Argv(vec!["echo".into(), "it's".into(), "".into(), "a b".into()]);
        assert_eq!(program.to_string(), r"echo 'it'\''s' '' 'a b'");
    }
}
