//! What is asked of an analyst, and what it answers: the rules' verdict at once, a model's advice perhaps later.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CommandId};
use crate::intent::admit::{admit_program, check_bytes, check_env, check_text, wrong};
use crate::intent::{InvalidIntent, Program};
use crate::limits;
use crate::verdict::{RiskLevel, Verdict};

/// A command to judge, as it travels on `analysis.requests`. Unknown fields are an error, not silence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct AnalysisRequest {
    /// Names the analysis; that of a command has the command's id. The analyst makes one where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommandId>,
    /// The agent that it would run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// A line of shell. Either this or `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program and its arguments. Either this or `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The operating system: `Linux` (default), `macOS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The shell that reads the line: `sh` (default), `bash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// The account that would run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The folder that it would run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The home of that account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Names of the programs that the machine has; absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<Vec<String>>,
    /// The commands before it on that machine, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
    /// Variables that it would be given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What it would read on its standard input, where that is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
}

/// What an analyst says: its answer, and what it publishes on `analysis.results`, once with the rules' verdict and once
/// more when the model has spoken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Analysis {
    /// Names the analysis.
    pub id: CommandId,
    /// The agent that the command would run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The command, as a person would type it.
    pub command: String,
    /// The level of the verdict, raised where the model has raised it.
    pub level: RiskLevel,
    /// What the rules say.
    pub verdict: Verdict,
    /// Whether a model was asked, and what became of that.
    pub advisor: AdvisorState,
    /// What the model says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// What policy would do with the command, where the one who answers has a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Microseconds that the rules took.
    pub micros: f64,
    /// When it was made.
    pub analysed_at: Timestamp,
}

/// Whether a model was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum AdvisorState {
    /// There is no model, or it does not answer.
    Absent,
    /// It was asked; a second event follows.
    Pending,
    /// It has answered.
    Answered,
    /// It answered with nothing that can be used, or too late.
    NoOpinion,
    /// Too many commands wait for it; it was not asked.
    Busy,
    /// Another state, of a later version.
    #[serde(other)]
    Other,
}

/// What a model says about a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Advice {
    /// Which model.
    pub model: String,
    /// What the command does, in words.
    pub explanation: String,
    /// What would be better, with the reason: a model's words, which nobody has checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
    /// A higher level than that of the rules, with the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise: Option<Raise>,
}

/// A model's wish for a higher level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Raise {
    /// To which.
    pub level: RiskLevel,
    /// Why.
    pub reason: String,
}

/// What may become of a command. Each is stricter than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum Decision {
    /// It runs.
    Run,
    /// It waits until somebody else has approved it.
    Ask,
    /// It is refused.
    Block,
}

/// How far a policy reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum PolicyMode {
    /// Nothing is judged.
    Off,
    /// Everything is judged and told, nothing is held up.
    Advise,
    /// The decision holds.
    #[default]
    Enforce,
}

/// What a policy says about a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Ruling {
    /// What becomes of it.
    pub decision: Decision,
    /// What would, if the policy were enforced.
    pub enforced: Decision,
    /// How far the policy reaches.
    pub mode: PolicyMode,
    /// What in the policy says so, for people.
    pub because: String,
}

// === impl AnalysisRequest ===

impl AnalysisRequest {
    /// What to judge, after every field was checked: by the limits of an intent, and two of its own.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn program(&self) -> Result<Program, InvalidIntent> {
        let program = admit_program(self.command.clone(), self.argv.clone())?;
        check_env(&self.env)?;
        let texts = [
            ("system", &self.system),
            ("shell", &self.shell),
            ("user", &self.user),
            ("cwd", &self.cwd),
            ("home", &self.home),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                check_text(field, text)?;
            }
        }
        for (field, path) in [("cwd", &self.cwd), ("home", &self.home)] {
            if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
                return Err(wrong(field, "must be an absolute path"));
            }
        }
        if self.stdin.as_ref().is_some_and(|stdin| stdin.len() > limits::MAX_STDIN_BYTES) {
            return Err(wrong("stdin", format!("has more than {} bytes", limits::MAX_STDIN_BYTES)));
        }
        check_list("history", &self.history, limits::MAX_HISTORY, limits::MAX_HISTORY_BYTES)?;
        let programs = self.programs.as_deref().unwrap_or_default();
        check_list("programs", programs, limits::MAX_PROGRAMS, limits::MAX_PROGRAMS_BYTES)?;
        Ok(program)
    }
}

fn check_list(field: &'static str, texts: &[String], most: usize, bytes: usize) -> Result<(), InvalidIntent> {
    if texts.len() > most {
        return Err(wrong(field, format!("has more than {most} entries")));
    }
    if texts.iter().map(String::len).sum::<usize>() > bytes {
        return Err(wrong(field, format!("has more than {bytes} bytes")));
    }
    check_bytes(field, 0, texts.iter().map(String::as_str))
}

// === impl Analysis ===

impl Analysis {
    /// Whether it is about this program on this agent. Whoever asks for an analysis names it: a stored one may carry a
    /// command's id and be about something else.
    #[must_use]
    pub fn is_about(&self, agent: &AgentId, program: &Program) -> bool {
        self.agent.as_ref() == Some(agent) && self.command == program.to_string()
    }
}

// === impl PolicyMode ===

impl PolicyMode {
    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Advise => "advise",
            Self::Enforce => "enforce",
        }
    }
}

// === impl Decision ===

impl Decision {
    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ask => "ask",
            Self::Block => "block",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn program(request: serde_json::Value) -> Result<Program, String> {
        let request: AnalysisRequest = serde_json::from_value(request).map_err(|error| error.to_string())?;
        request.program().map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_and_a_system_are_enough() {
        let found = program(json!({"command": "rm -rf /", "system": "Linux"})).unwrap();
        assert_eq!(found, Program::Shell("rm -rf /".into()));
        assert_eq!(program(json!({"argv": ["ls", "-l"]})).unwrap(), Program::Argv(vec!["ls".into(), "-l".into()]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(limits::MAX_COMMAND_BYTES + 1);
        for (request, field) in [
            (json!({}), "command"),
            (json!({"command": " "}), "command"),
            (json!({"command": "a", "argv": ["b"]}), "argv"),
            (json!({"command": "a\0b"}), "command"),
            (json!({"command": long}), "command"),
            (json!({"command": "a", "cwd": "tmp"}), "cwd"),
            (json!({"command": "a", "home": ""}), "home"),
            (json!({"command": "a", "env": {"A=": "b"}}), "env"),
            (json!({"command": "a", "system": "x".repeat(5000)}), "system"),
            (json!({"command": "a", "stdin": long}), "stdin"),
            (json!({"command": "a", "history": vec!["b"; 65]}), "history"),
            (json!({"command": "a", "history": [long, long]}), "history"),
            (json!({"command": "a", "programs": vec!["b"; 20_000]}), "programs"),
            (json!({"command": "a", "programs": ["b\0"]}), "programs"),
            (json!({"command": "a", "comand": "b"}), "comand"),
        ] {
            let error = program(request).unwrap_err();
            assert!(error.contains(field), "{field}: {error}");
        }
    }
}
