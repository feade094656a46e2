//! Receives a question, gives yes or no and the rules that decided. No rule that grants it means no.

use cedar_policy::{ActionConstraint, Authorizer, Decision as Answer, Entities, Policy, PolicySet, Schema};

use crate::Action;
use crate::entities::{self, Names};
use crate::load::Rule;
use crate::question::Question;

/// A policy that was read and checked, ready to decide.
pub struct Policies {
    set: PolicySet,
    authorizer: Authorizer,
    actions: Entities,
    names: Names,
    rules: Vec<Rule>,
    looks_at_verdicts: bool,
    looks_at_requesters: bool,
}

/// What a policy says to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be.
    pub allowed: bool,
    /// The names of the rules that say so: those that permit it, or those that forbid it. Empty where no rule permits it.
    pub rules: Vec<String>,
}

// === impl Policies ===

impl Policies {
    /// Takes what has passed all checks.
    pub(crate) fn of(set: PolicySet, schema: &Schema, rules: Vec<Rule>) -> Result<Self, String> {
        let actions = entities::actions(schema)?;
        let looks_at_verdicts = set.policies().any(|policy| mentions(policy, &["level", "effects", "ruling"]));
        let looks_at_requesters =
            set.policies().any(|policy| is_about_seeing(policy) && mentions(policy, &["own", "requested_by"]));
        let (names, authorizer) = (Names::new()?, Authorizer::new());
        Ok(Self { set, authorizer, actions, names, rules, looks_at_verdicts, looks_at_requesters })
    }

    /// Whether that may be, and which rules say so.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let no = || Decision { allowed: false, rules: Vec::new() };
        let Some((request, about)) = self.names.ask(question) else { return no() };
        // The schema is not asked again: the types of what is built here are fixed, and a test holds them to it.
        let Ok(entities) = self.actions.clone().add_entities(about, None) else { return no() };
        let answer = self.authorizer.is_authorized(&request, &self.set, &entities);
        let rules = answer.diagnostics().reason().map(ToString::to_string).collect();
        // Cedar passes over a rule that cannot be evaluated, a forbidding one as well: then nothing is certain.
        let mut errors = answer.diagnostics().errors().peekable();
        if errors.peek().is_some() {
            let errors = errors.map(ToString::to_string).collect::<Vec<_>>().join("; ");
            tracing::warn!(
                action = question.action.as_str(),
                errors,
                "a rule of the access policy cannot be evaluated"
            );
            return no();
        }
        Decision { allowed: answer.decision() == Answer::Allow, rules }
    }

    /// Its rules, as they stand in the files.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a rule may depend on what a command would do: then it has to be judged before it is decided about.
    #[must_use]
    pub fn looks_at_verdicts(&self) -> bool {
        self.looks_at_verdicts
    }

    /// Whether a rule about seeing may depend on who has asked for a command.
    #[must_use]
    pub fn looks_at_requesters(&self) -> bool {
        self.looks_at_requesters
    }
}

/// Whether a rule may look at one of these attributes. One that stands in a text only counts, too: that costs a little.
fn mentions(policy: &Policy, attributes: &[&str]) -> bool {
    let text = policy.to_cedar().unwrap_or_default();
    attributes.iter().any(|name| text.contains(&format!(".{name}")) || text.contains(&format!("[\"{name}\"")))
}

fn is_about_seeing(policy: &Policy) -> bool {
    let is_seeing = |action: &cedar_policy::EntityUid| {
        let id: &str = action.id().as_ref();
        id == "see" || id.starts_with("view_") && id != Action::ViewUser.as_str()
    };
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => is_seeing(&action),
        ActionConstraint::In(actions) => actions.iter().any(is_seeing),
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("rules", &self.rules).finish_non_exhaustive()
    }
}
