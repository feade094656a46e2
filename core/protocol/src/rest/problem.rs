//! How errors look, over HTTP and over NATS.

use serde::{Deserialize, Serialize};

use crate::analysis::Ruling;
use crate::id::CommandId;
use crate::verdict::Verdict;

/// An error as RFC 9457 describes it, with a code that does not change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The command that this is about, where the history has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// What the rules make of the command, where it is refused for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// What policy says to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
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
            command_id: None,
            verdict: None,
            ruling: None,
        }
    }
}
