//! Receives a question what somebody might do, gives what the access policy says to it, and what the risk policy says to
//! the command. Nothing is run.

use ogent_access::{
    AgentFacts, CommandFacts, Policies, PolicyFile, Principal as Asker, Question, Resource as Facts, Role, Scope,
};
use ogent_broker::Directory;
use ogent_protocol::rest::{PolicyAnswer, PolicyRule, PolicyTest};
use ogent_protocol::{AgentId, AgentInfo, CommandId, Intent, IntentWire, InvalidIntent, Run, Verdict};
use tokio::task::spawn_blocking;

use super::{Access, Action, SetPolicyError, doing};
use crate::gate::Gate;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RehearseError {
    /// A field is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// The policy to ask is.
    #[error(transparent)]
    Policy(#[from] SetPolicyError),
    /// No agent has that id.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
}

/// Answers what would be.
pub(crate) struct Rehearsal<'a> {
    pub(crate) access: &'a Access,
    pub(crate) gate: &'a Gate,
    pub(crate) directory: &'a Directory,
}

/// A command that was judged for this.
struct Judged {
    run: Run,
    verdict: Verdict,
    ruling: ogent_protocol::Ruling,
}

// === impl Rehearsal ===

impl Rehearsal<'_> {
    /// Whether that might be.
    ///
    /// # Errors
    /// See [`RehearseError`].
    pub(crate) async fn answer(&self, test: PolicyTest) -> Result<PolicyAnswer, RehearseError> {
        let action = test.action.as_deref().map_or(Ok(Action::Execute), str::parse);
        let action: Action = action.map_err(|error| wrong("action", &error))?;
        let roles = self.roles(&test)?;
        let agent = match &test.agent {
            Some(id) => {
                let state = self.directory.get(id);
                Some(state.ok_or_else(|| RehearseError::UnknownAgent(id.clone()))?.info)
            }
            None if matches!(action.scope(), Scope::Agent | Scope::Command) => {
                return Err(wrong("agent", &"is missing, and this is done to a machine or to a command on one"));
            }
            None => None,
        };
        let judged = match &agent {
            Some(info) => self.judge(&test, info, action).await?,
            None => None,
        };
        let other = match test.text {
            Some(text) => Some(load(text).await?),
            None => None,
        };
        let current = self.access.current();
        let policies = other.as_ref().unwrap_or(&current.policies);
        let done =
            judged.as_ref().map(|judged| doing(agent.as_ref(), &judged.run, &judged.verdict, judged.ruling.decision));
        let facts = AgentFacts {
            id: agent.as_ref().map_or("", |info| info.id.as_str()),
            labels: agent.as_ref().map(|info| &info.labels),
        };
        let command = CommandFacts { id: "", agent: facts, requested_by: test.requested_by.as_deref() };
        let resource = match action.scope() {
            Scope::Fleet => Facts::Fleet,
            Scope::Agent => Facts::Agent(facts, done.as_ref()),
            Scope::Command => Facts::Command(command, done.as_ref()),
            Scope::User => Facts::User(test.requested_by.as_deref().unwrap_or(&test.user)),
        };
        let principal = Asker { user: &test.user, roles: &roles };
        let decision = policies.decide(&Question { principal, action, resource });
        let rule = |id: &String| {
            let doc = policies.rules().iter().find(|rule| rule.id == *id).and_then(|rule| rule.doc.clone());
            PolicyRule { id: id.clone(), doc }
        };
        let (verdict, ruling) = judged.map(|judged| (Box::new(judged.verdict.bounded()), judged.ruling)).unzip();
        Ok(PolicyAnswer {
            allowed: decision.allowed,
            rules: decision.rules.iter().map(rule).collect(),
            user: test.user,
            roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
            action: action.as_str().to_owned(),
            verdict,
            ruling,
        })
    }

    fn roles(&self, test: &PolicyTest) -> Result<Vec<Role>, RehearseError> {
        if let Some(words) = &test.roles {
            let roles: Result<Vec<Role>, _> = words.iter().map(|word| word.parse()).collect();
            return roles.map_err(|error| wrong("roles", &error));
        }
        match self.access.people.current(&test.user) {
            Some(person) if person.disabled => Ok(Vec::new()),
            Some(person) => Ok(person.roles.clone()),
            None => Err(wrong("user", &format!("there is no user {}; name roles to ask all the same", test.user))),
        }
    }

    /// What is judged where the action asks for it.
    async fn judge(
        &self,
        test: &PolicyTest,
        info: &AgentInfo,
        action: Action,
    ) -> Result<Option<Judged>, RehearseError> {
        if !matches!(action, Action::Execute | Action::Approve | Action::Deny) {
            return Ok(None);
        }
        let wire = IntentWire {
            command: test.command.clone(),
            argv: test.argv.clone(),
            execution_target: test.execution_target.clone(),
            user: test.run_as.clone(),
            ..IntentWire::default()
        };
        let Intent::Run(run) = wire.admit(CommandId::generate)? else { return Ok(None) };
        let verdict = self.gate.verdict(info, &run).await;
        let ruling = self.gate.rule(info, &verdict);
        Ok(Some(Judged { run: *run, verdict, ruling }))
    }
}

async fn load(text: String) -> Result<Policies, RehearseError> {
    let files = [PolicyFile { name: "policy".to_owned(), text }];
    let loaded = spawn_blocking(move || Policies::load(&files)).await.map_err(SetPolicyError::Gone)?;
    Ok(loaded.map_err(SetPolicyError::Invalid)?)
}

fn wrong(field: &'static str, problem: &dyn std::fmt::Display) -> RehearseError {
    RehearseError::Invalid(InvalidIntent { field, problem: problem.to_string() })
}
