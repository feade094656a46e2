//! What is asked: who wants to do what, and everything about it that a policy may look at.

use std::collections::{BTreeMap, BTreeSet};

use ogent_protocol::verdict::EffectKind;
use ogent_protocol::{Decision as Ruling, ExecutionTarget, RiskLevel, Verdict};

use crate::{Action, Role};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    /// The user's name.
    pub user: &'a str,
    /// What that user may be.
    pub roles: &'a [Role],
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// To do what.
    pub action: Action,
    /// To what.
    pub resource: Resource<'a>,
}

/// What something is done to.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// Neither a machine nor a command.
    Fleet,
    /// A machine; with what would be done on it where something would.
    Agent(AgentFacts<'a>, Option<&'a Doing>),
    /// A command; with what it does where that matters.
    Command(CommandFacts<'a>, Option<&'a Doing>),
    /// The person of that name.
    User(&'a str),
}

/// A machine.
#[derive(Debug, Clone, Copy)]
pub struct AgentFacts<'a> {
    /// Its id.
    pub id: &'a str,
    /// What its owner says about it; `None` where nobody knows the machine any more.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// A command.
#[derive(Debug, Clone, Copy)]
pub struct CommandFacts<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its machine.
    pub agent: AgentFacts<'a>,
    /// Who asked for it.
    pub requested_by: Option<&'a str>,
}

/// What a command would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doing {
    /// How bad it could be.
    pub level: RiskLevel,
    /// What it would do.
    pub effects: BTreeSet<EffectKind>,
    /// What the risk policy says to that.
    pub ruling: Ruling,
    /// Where it runs.
    pub target: Target,
    /// The account that it runs as.
    pub run_as: String,
    /// How many machines are asked at once.
    pub targets: u32,
}

/// Where a command runs as seen from its machine, with nothing left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

// === impl Doing ===

impl Doing {
    /// What a judged command would do on one machine.
    #[must_use]
    pub fn of(verdict: &Verdict, ruling: Ruling, target: Target, run_as: &str) -> Self {
        let effects = verdict.effects.iter().map(|effect| effect.kind).collect();
        Self { level: verdict.level, effects, ruling, target, run_as: run_as.to_owned(), targets: 1 }
    }
}

// === impl Target ===

impl Target {
    /// `auto` is SSH where the agent has SSH: a policy about SSH must not be passed by saying nothing.
    #[must_use]
    pub fn of(target: &ExecutionTarget, has_ssh: bool) -> Self {
        let text = match target {
            ExecutionTarget::Auto if has_ssh => "ssh".to_owned(),
            ExecutionTarget::Auto => "local".to_owned(),
            other => other.to_string(),
        };
        Self(text)
    }

    /// As policies write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
