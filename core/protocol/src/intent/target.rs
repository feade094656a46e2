//! Where a command runs, as seen from its agent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, InvalidId};

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
