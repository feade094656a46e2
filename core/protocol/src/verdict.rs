//! What a command would do, as the rules see it: levels, effects, reasons, suggestions. No rule stands here; they are in
//! `ogent-risk`.

mod bounds;
mod effect;
mod target;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use effect::{Effect, EffectKind, Privilege, Provenance};
pub use target::TargetClass;

/// How bad a command could be. Each level is worse than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum RiskLevel {
    /// It only reads, all of it is known, and nothing that it reads is secret.
    #[default]
    None,
    /// It changes little, where its caller works; easily undone.
    Low,
    /// It changes the machine or something else that others use, in an ordinary way.
    Medium,
    /// It destroys, widens rights, or does what cannot be known before: somebody should look.
    High,
    /// It takes the machine, its data or its secrets away.
    Critical,
}

/// A place in the command line, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it has ended.
    pub end: usize,
}

/// What the rules make of a command.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Verdict {
    /// The highest level of all reasons.
    pub level: RiskLevel,
    /// Where it is not a line of shell, and why; absent where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syntax_error: Option<SyntaxError>,
    /// The programs that it would start, in the order in which they stand there.
    #[serde(default)]
    pub programs: Vec<ProgramUse>,
    /// What it would do.
    #[serde(default)]
    pub effects: Vec<Effect>,
    /// Why it has its level; the worst first.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// What cannot be seen from here, and so was not judged.
    #[serde(default)]
    pub opaque: Vec<Opaque>,
    /// What would be better; each was judged in the same way and is not worse.
    #[serde(default)]
    pub suggestions: Vec<Suggestion>,
    /// Whether there was more than the limits let through; the level counts all of it, or more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Why a line is not shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// A program that a command would start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct ProgramUse {
    /// As it is called.
    pub name: String,
    /// Whether the rules know what it does.
    pub known: bool,
    /// Whether the machine has it; absent where nobody said what the machine has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<bool>,
    /// Where it stands.
    pub span: Span,
}

/// Why a command has its level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Reason {
    /// For programs: `delete-root`, `unknown-program`. More may be added.
    pub code: String,
    /// How bad this alone is.
    pub level: RiskLevel,
    /// For people.
    pub message: String,
    /// MITRE ATT&CK technique, where there is one: `T1485`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// What the rules cannot see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Opaque {
    /// What: a script on the machine's disk, the other end of a connection, a variable of the machine.
    pub what: String,
    /// Where it stands.
    pub span: Span,
}

/// A command that would be better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Suggestion {
    /// In what way.
    pub kind: SuggestionKind,
    /// The whole command.
    pub command: String,
    /// Why.
    pub why: String,
    /// The level that it has.
    pub level: RiskLevel,
}

/// In what way something is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum SuggestionKind {
    /// It can do less harm.
    Safer,
    /// It needs fewer processes or less reading.
    Faster,
    /// It does what was meant in more cases.
    Sturdier,
    /// It shows what would happen, without doing it.
    Preview,
}

// === impl RiskLevel ===

impl RiskLevel {
    /// Every level, from the lowest.
    pub const ALL: [Self; 5] = [Self::None, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// As it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl Span ===

impl Span {
    /// From `start` up to, not including, `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }
}
