//! Receives a command from `execute` before anything is stored, gives what policy says to what it would do: run it, ask
//! somebody else, refuse it.
//!
//! Judging takes microseconds and happens here, without a round trip; an analyst with a model is told afterwards and
//! nobody waits for it. The agent judges once more, by its own policy.

mod advice;
mod analyze;
mod decide;
mod inventory;
mod memory;
mod outcome;
mod propose;
mod submit;
mod sweep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ogent_broker::{Analysts, Directory};
use ogent_protocol::{AgentInfo, Decision, PolicyMode, Ruling, Run, Verdict};
use ogent_risk::{Context, Policy, Reach};

pub(crate) use advice::Advisors;
pub(crate) use analyze::{AnalyzeError, Analyzer};
pub(crate) use decide::{DecideError, Decider};
pub(crate) use outcome::{result, view};
pub(crate) use propose::is_refused_as;
pub(crate) use submit::{SendError, is_too_late};
pub(crate) use sweep::Sweeper;

use crate::metrics;
use inventory::Inventories;
use memory::Memory;

/// Judges commands and says what becomes of them.
#[derive(Clone)]
pub(crate) struct Gate {
    shared: Arc<Shared>,
}

struct Shared {
    policy: Policy,
    /// How long a proposal waits for its approval.
    window: Duration,
    inventories: Inventories,
    memory: Memory,
    advisors: Advisors,
}

/// What the gate says of a command.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// What the rules make of it; `None` where policy judges nothing.
    pub(crate) verdict: Option<Verdict>,
    /// What becomes of it.
    pub(crate) ruling: Ruling,
}

// === impl Gate ===

impl Gate {
    /// A gate with this policy; proposals wait for `window`.
    #[must_use]
    pub(crate) fn new(policy: Policy, window: Duration, directory: Directory, analysts: Analysts) -> Self {
        if policy.mode != PolicyMode::Off {
            // The first command should not wait until the rules are read.
            ogent_risk::prepare();
        }
        let (inventories, memory) = (Inventories::new(directory), Memory::default());
        let advisors = Advisors::new(analysts);
        Self { shared: Arc::new(Shared { policy, window, inventories, memory, advisors }) }
    }

    /// Judges a command for that agent. `ask`: the one who wants it wants an approval, too.
    pub(crate) async fn judge(&self, info: &AgentInfo, run: &Run, ask: bool) -> Judged {
        let Shared { policy, .. } = &*self.shared;
        if policy.mode == PolicyMode::Off && !ask {
            return Judged { verdict: None, ruling: unjudged() };
        }
        let context = self.context(info, run).await;
        let started = Instant::now();
        let mut verdict = ogent_risk::judge(&run.program, &context);
        let took = started.elapsed();
        let mut ruling = policy.rule(&verdict, Reach { labels: &info.labels, targets: 1 });
        if ruling.enforced > Decision::Run {
            // Whoever is held up wants to know what would be better; nobody else pays for it.
            verdict = ogent_risk::explain(&run.program, &context);
        }
        if ask && ruling.decision < Decision::Ask {
            ruling.decision = Decision::Ask;
            ruling.enforced = ruling.enforced.max(Decision::Ask);
            "the one who wants it asks for an approval".clone_into(&mut ruling.because);
        }
        metrics::judged(verdict.level.as_str(), ruling.decision.as_str(), took);
        // Not cut yet: the access policy counts all effects.
        Judged { verdict: Some(verdict), ruling }
    }

    /// What the rules make of a command, whatever policy says to that.
    pub(crate) async fn verdict(&self, info: &AgentInfo, run: &Run) -> Verdict {
        ogent_risk::judge(&run.program, &self.context(info, run).await)
    }

    /// What policy says to a verdict about a command for that agent.
    pub(crate) fn rule(&self, info: &AgentInfo, verdict: &Verdict) -> Ruling {
        match self.shared.policy.mode {
            PolicyMode::Off => unjudged(),
            PolicyMode::Advise | PolicyMode::Enforce => {
                self.shared.policy.rule(verdict, Reach { labels: &info.labels, targets: 1 })
            }
        }
    }

    /// A command was sent: it counts when the next one for that agent is judged, and an analyst with a model may say
    /// something about it. Nobody waits for that.
    pub(crate) fn sent(&self, info: &AgentInfo, run: &Run) {
        if self.shared.policy.mode == PolicyMode::Off {
            return;
        }
        let history = self.shared.memory.of(&info.id);
        self.shared.memory.add(&info.id, &run.program.to_string());
        self.shared.advisors.tell(info, run, history);
    }

    /// Who can say more about commands, later.
    pub(crate) fn advisors(&self) -> Advisors {
        self.shared.advisors.clone()
    }

    async fn context(&self, info: &AgentInfo, run: &Run) -> Context {
        // With a PATH of its own, the command finds other programs than the agent has told of.
        let programs = match run.env.contains_key("PATH") {
            true => None,
            false => self.shared.inventories.of(info).await,
        };
        Context { programs, history: self.shared.memory.of(&info.id), ..Context::of(info, run) }
    }
}

fn unjudged() -> Ruling {
    let because = "nothing is judged".to_owned();
    Ruling { decision: Decision::Run, enforced: Decision::Run, mode: PolicyMode::Off, because }
}
