//! Receives a verdict, gives what becomes of the command: run, ask, or block.

use std::collections::BTreeMap;

use ogent_protocol::verdict::{EffectKind, Verdict};
use ogent_protocol::{Decision, PolicyMode, RiskLevel, Ruling};
use serde::{Deserialize, Serialize};

/// What may run by itself, what somebody has to approve, and what never runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How far it reaches.
    pub mode: PolicyMode,
    /// From this level on somebody has to approve.
    pub ask: RiskLevel,
    /// From this level on it is refused.
    pub block: RiskLevel,
    /// Somebody has to approve what the rules do not know, whatever its level.
    pub ask_unknown: bool,
    /// Somebody has to approve these effects from level medium on.
    pub ask_effects: Vec<EffectKind>,
    /// These effects are refused, whatever their level.
    pub block_effects: Vec<EffectKind>,
    /// From this number of agents on, each level counts as the next one. 0 is never.
    pub many_targets: usize,
    /// Stricter levels for agents that carry a label, for example `env=production`. The strictest counts.
    pub labels: Vec<LabelRule>,
}

/// Stricter levels for some agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelRule {
    /// The label's name.
    pub label: String,
    /// Its value; any where absent.
    #[serde(default)]
    pub value: Option<String>,
    /// From this level on somebody has to approve.
    #[serde(default)]
    pub ask: Option<RiskLevel>,
    /// From this level on it is refused.
    #[serde(default)]
    pub block: Option<RiskLevel>,
}

/// What a command would run on, as far as a policy minds.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// The labels of the agent.
    pub labels: &'a BTreeMap<String, String>,
    /// How many agents it is for.
    pub targets: usize,
}

/// Effects that others on the machine feel, however ordinary they are.
const SHARED: &[EffectKind] = &[
    EffectKind::Kill,
    EffectKind::Service,
    EffectKind::Package,
    EffectKind::Network,
    EffectKind::NetworkListen,
    EffectKind::Firewall,
    EffectKind::Account,
    EffectKind::Persistence,
    EffectKind::DatabaseChange,
    EffectKind::PermissionWidened,
];

// === impl Policy ===

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: PolicyMode::Enforce,
            ask: RiskLevel::High,
            block: RiskLevel::Critical,
            ask_unknown: true,
            ask_effects: SHARED.to_vec(),
            block_effects: Vec::new(),
            many_targets: 0,
            labels: Vec::new(),
        }
    }
}

impl Policy {
    /// The shipped policy, which reaches as far as `mode` says.
    #[must_use]
    pub fn shipped(mode: PolicyMode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Reads a policy from TOML. What it does not say is as shipped.
    ///
    /// # Errors
    /// Names the line that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| PolicyError(error.to_string()))
    }

    /// What becomes of a command with that verdict.
    #[must_use]
    pub fn rule(&self, verdict: &Verdict, reach: Reach<'_>) -> Ruling {
        let (enforced, because) = self.enforced(verdict, reach);
        let decision = match self.mode {
            PolicyMode::Enforce => enforced,
            PolicyMode::Off | PolicyMode::Advise => Decision::Run,
        };
        Ruling { decision, enforced, mode: self.mode, because }
    }

    fn enforced(&self, verdict: &Verdict, reach: Reach<'_>) -> (Decision, String) {
        let (ask, block) = self.levels(reach);
        let many = self.many_targets > 0 && reach.targets >= self.many_targets;
        let level = if many { worse(verdict.level) } else { verdict.level };
        let has = |kinds: &[EffectKind], from: RiskLevel| {
            let found = verdict.effects.iter().find(|effect| kinds.contains(&effect.kind) && effect.level >= from);
            found.map(|effect| effect.kind)
        };
        if let Some(kind) = has(&self.block_effects, RiskLevel::None) {
            return (Decision::Block, format!("what it does ({kind}) is never allowed"));
        }
        let counted = if many { format!(" for {} agents", reach.targets) } else { String::new() };
        if level >= block {
            return (Decision::Block, format!("its risk is {level}{counted}; from {block} on nothing runs"));
        }
        if level >= ask {
            return (Decision::Ask, format!("its risk is {level}{counted}; from {ask} on somebody has to approve"));
        }
        if let Some(kind) = has(&self.ask_effects, RiskLevel::Medium) {
            return (Decision::Ask, format!("others feel what it does ({kind}), so somebody has to approve"));
        }
        if self.ask_unknown && is_unknown(verdict) {
            return (Decision::Ask, "the rules do not know all of it, so somebody has to approve".to_owned());
        }
        (Decision::Run, format!("its risk is {level}{counted}"))
    }

    fn levels(&self, reach: Reach<'_>) -> (RiskLevel, RiskLevel) {
        let holds = |rule: &&LabelRule| {
            reach.labels.get(&rule.label).is_some_and(|value| rule.value.as_ref().is_none_or(|wanted| wanted == value))
        };
        self.labels.iter().filter(holds).fold((self.ask, self.block), |(ask, block), rule| {
            (rule.ask.map_or(ask, |level| level.min(ask)), rule.block.map_or(block, |level| level.min(block)))
        })
    }
}

/// Whether something in it was not understood, so that its level is not proved.
fn is_unknown(verdict: &Verdict) -> bool {
    verdict.syntax_error.is_some()
        || verdict.truncated
        || verdict.effects.iter().any(|effect| match effect.kind {
            EffectKind::Unknown => true,
            EffectKind::Execute => effect.level >= RiskLevel::Medium,
            _ => false,
        })
}

fn worse(level: RiskLevel) -> RiskLevel {
    RiskLevel::ALL.into_iter().find(|other| *other > level).unwrap_or(RiskLevel::Critical)
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a policy: {0}")]
pub struct PolicyError(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn ruling(policy: &Policy, level: RiskLevel, labels: &[(&str, &str)], targets: usize) -> Decision {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let verdict = Verdict { level, ..Verdict::default() };
        policy.rule(&verdict, Reach { labels: &labels, targets }).decision
    }

    #[test]
    fn levels_decide_and_only_enforce_holds_up() {
        let policy = Policy::shipped(PolicyMode::Enforce);
        let expected = [Decision::Run, Decision::Run, Decision::Run, Decision::Ask, Decision::Block];
        assert_eq!(RiskLevel::ALL.map(|level| ruling(&policy, level, &[], 1)), expected);
        for mode in [PolicyMode::Off, PolicyMode::Advise] {
            assert_eq!(ruling(&Policy::shipped(mode), RiskLevel::Critical, &[], 1), Decision::Run);
        }
    }

    #[test]
    fn labels_and_numbers_only_make_it_stricter() {
        let text = "many_targets = 10\n[[labels]]\nlabel = \"env\"\nvalue = \"production\"\nask = \"medium\"\nblock = \"high\"";
        let policy = Policy::from_toml(text).unwrap();
        assert_eq!(ruling(&policy, RiskLevel::Medium, &[("env", "test")], 1), Decision::Run);
        assert_eq!(ruling(&policy, RiskLevel::Medium, &[("env", "production")], 1), Decision::Ask);
        assert_eq!(ruling(&policy, RiskLevel::High, &[("env", "production")], 1), Decision::Block);
        assert_eq!(ruling(&policy, RiskLevel::Medium, &[], 10), Decision::Ask);
        assert_eq!(ruling(&policy, RiskLevel::High, &[], 10), Decision::Block);
        assert!(Policy::from_toml("blok = \"high\"").is_err());
    }
}
