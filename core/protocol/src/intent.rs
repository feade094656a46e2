//! What somebody wants of an agent: to run a command, or to cancel one.
//!
//! An [`IntentWire`] is what anyone may send; [`IntentWire::admit`] makes an [`Intent`] of it, or says which field
//! is wrong. What people send is taken strictly: an unknown field is an error, not silence.

pub(crate) mod admit;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::blob::Blob;
use crate::id::{AgentId, CommandId};

pub use target::{ExecutionTarget, InvalidTarget};

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
    /// Who has approved it, where somebody had to. Only a gateway writes this.
    pub approval: Option<Approval>,
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
    /// Who has approved it, where somebody had to. Gateways set it; an agent takes it from the ledger only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
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

// === impl Run ===

impl Run {
    /// Whether `other` asks for the same thing of the same agent. Who asked, when, and who has approved it is left out,
    /// so that a retry of a request is the same request.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let essence = |run: &Self| Self {
            requested_at: None,
            requested_by: None,
            not_after: None,
            approval: None,
            ..run.clone()
        };
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
            approval: run.approval,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

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
            (r#"{"command":"a","approval":{"by":"b"}}"#, "at"),
            (r#"{"command":"a","approval":{"by":"","at":"2026-01-01T00:00:00Z","hash":"x"}}"#, "approval.by"),
            (r#"{"command":"a","approval":{"by":"b","at":"2026-01-01T00:00:00Z","hash":"x"}}"#, "approval.hash"),
            (r#"{"command":"a","approval":{"by":"b","at":"2026-01-01T00:00:00Z","hash":"x","to":1}}"#, "to"),
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
