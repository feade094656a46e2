//! Receives the evidence of a run, gives `report` what was violated, and the figures.
//!
//! It reads files and nothing else, so that a run can be judged again on another day. Each invariant has a module of
//! its own; [`blind`] comes first, because a checker that saw nothing has nothing to say. Times that are compared are
//! those of the witness, the client and the broker's store, never those in events: an agent's clock may be wrong.

mod case;
mod limits;
mod story;

mod blind;

mod asked;
mod ends;
mod healthy;
mod leftovers;
mod output;
mod readable;
mod recorded;
mod resources;
mod starts;
mod truth;

mod figures;

#[cfg(test)]
mod clean;

use ogent_protocol::CommandId;
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
pub(crate) use case::{Case, Files};
#[cfg(test)]
pub(crate) use clean::CleanRun;
pub use figures::{FaultFigures, Figures, Latency};
pub(crate) use readable::hex;
pub(crate) use story::Story;

/// What the evidence says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Everything that must not be.
    pub violations: Vec<Violation>,
    /// What was counted.
    pub figures: Figures,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which of the ten; 0 where the rig itself saw too little to tell.
    pub invariant: u8,
    /// What is wrong.
    pub text: String,
    /// The wish that it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The command that it is about, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
}

/// Judges the evidence.
///
/// # Errors
/// When a file cannot be read, or `run.json` is missing.
pub fn check(evidence: &Evidence) -> anyhow::Result<Verdict> {
    Ok(judge(Files::read(evidence)?))
}

fn judge(files: Files) -> Verdict {
    let case = Case::new(files);
    let checks = [
        blind::check,
        starts::check,
        recorded::check,
        ends::check,
        asked::check,
        truth::check,
        leftovers::check,
        output::check,
        readable::check,
        resources::check,
        healthy::check,
    ];
    let violations = checks.iter().flat_map(|check| check(&case)).collect();
    Verdict { figures: figures::of(&case), violations }
}

// === impl Violation ===

impl Violation {
    fn of(invariant: u8, text: impl Into<String>) -> Self {
        Self { invariant, text: text.into(), nonce: None, command: None }
    }

    fn command(self, command: &CommandId) -> Self {
        Self { command: Some(command.clone()), ..self }
    }

    fn nonce(self, nonce: &str) -> Self {
        Self { nonce: Some(nonce.to_owned()), ..self }
    }
}
