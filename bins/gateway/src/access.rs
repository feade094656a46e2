//! Receives a principal from `auth` and an action from a route of `http`, says whether that may be: [`Access::may`] is the
//! one function that every route, every subscription and every execution asks.
//!
//! The access policy decides (`core/access`); not to be confused with the risk policy of the `gate`, which says what
//! becomes of a command by what it would do.

mod policy;
mod rehearse;
mod scene;
mod sight;

use std::sync::Arc;

use ogent_access::{Principal as Asker, Question};
use ogent_broker::Directory;
use ogent_protocol::session::Scope;
use ogent_protocol::{AgentId, GrantId};
use tokio::sync::watch;

pub(crate) use ogent_access::Action;
pub use ogent_access::Role;
pub(crate) use policy::{AccessPolicy, Current, PolicyChange, SetPolicyError};
pub(crate) use rehearse::{Rehearsal, RehearseError};
pub(crate) use scene::{Resource, doing, plain};
pub(crate) use sight::{Found, Seen, Sight, shown};

use crate::auth::SessionKey;
use crate::people::People;

/// Who is asking: whom a valid token speaks for, as things stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The user's name.
    pub(crate) user: String,
    /// What that user may be, and the token lets be used of it.
    pub(crate) roles: Vec<Role>,
    /// The user's epoch: after a change of the user it is another one, and the token is no longer good.
    pub(crate) epoch: u64,
    /// The session or API token; `None` where whoever holds the signing key made the token without one.
    pub(crate) grant: Option<GrantId>,
    /// What an API token is narrowed to.
    pub(crate) scope: Option<Scope>,
    /// When the token ends.
    pub(crate) expires_at: jiff::Timestamp,
    /// The browser's session in which they ask, if that is how.
    pub(crate) session: Option<SessionKey>,
}

/// A no. It says nothing about what was asked for: whoever may not see that must not learn of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the access policy does not let {user} do this ({action}){}", why(.rules))]
pub(crate) struct Denied {
    /// Who has asked.
    pub(crate) user: String,
    /// To do what.
    pub(crate) action: Action,
    /// The rules that forbid it; none where only no rule permits it.
    pub(crate) rules: Vec<String>,
}

fn why(rules: &[String]) -> String {
    if rules.is_empty() { String::new() } else { format!(": {}", rules.join(", ")) }
}

/// Says who may do what.
#[derive(Clone)]
pub(crate) struct Access {
    policy: AccessPolicy,
    people: People,
    directory: Directory,
}

// === impl Access ===

impl Access {
    #[must_use]
    pub(crate) fn new(policy: AccessPolicy, people: People, directory: Directory) -> Self {
        Self { policy, people, directory }
    }

    /// Whether that may be.
    ///
    /// # Errors
    /// When the policy does not permit it, or forbids it, or the principal is disabled.
    pub(crate) fn may(&self, principal: &Principal, action: Action, resource: &Resource<'_>) -> Result<(), Denied> {
        let denied = |rules| Denied { user: principal.user.clone(), action, rules };
        if !principal.scope.as_ref().is_none_or(|scope| covers(scope, action, resource)) {
            return Err(denied(vec!["the scope of the API token".to_owned()]));
        }
        let Some(roles) = self.roles_of(principal) else { return Err(denied(Vec::new())) };
        let current = self.policy.current();
        let decision = resource.with_facts(&self.directory, |resource| {
            let principal = Asker { user: &principal.user, roles: &roles };
            current.policies.decide(&Question { principal, action, resource })
        });
        match decision.allowed {
            true => Ok(()),
            false => Err(denied(decision.rules)),
        }
    }

    /// The same as a plain yes or no: for what is left out where it may not be seen.
    #[must_use]
    pub(crate) fn is_let(&self, principal: &Principal, action: Action, resource: &Resource<'_>) -> bool {
        self.may(principal, action, resource).is_ok()
    }

    /// Whether the policy may depend on what a command would do.
    #[must_use]
    pub(crate) fn looks_at_verdicts(&self) -> bool {
        self.policy.current().policies.looks_at_verdicts()
    }

    /// Whether the policy may let somebody see one command of a machine and not another one.
    #[must_use]
    pub(crate) fn looks_at_requesters(&self) -> bool {
        self.policy.current().policies.looks_at_requesters()
    }

    /// Changes whenever an answer of [`Access::may`] may have: another policy holds, or somebody has other rights.
    #[must_use]
    pub(crate) fn watch(&self) -> Changes {
        Changes { policy: self.policy.watch(), people: self.people.watch() }
    }

    /// The policy itself.
    #[must_use]
    pub(crate) fn policy(&self) -> &AccessPolicy {
        &self.policy
    }

    /// Puts another policy into place, in the name of `principal`.
    ///
    /// # Errors
    /// See [`SetPolicyError`].
    pub(crate) async fn set_policy(
        &self,
        principal: &Principal,
        text: String,
        note: Option<String>,
        from: Option<u64>,
    ) -> Result<Arc<Current>, SetPolicyError> {
        let (user, roles) = (principal.user.as_str(), self.roles_of(principal).unwrap_or_default());
        let (action, resource) = (Action::ChangePolicy, ogent_access::Resource::Fleet);
        let keeps_right = |policies: &ogent_access::Policies| {
            policies.decide(&Question { principal: Asker { user, roles: &roles }, action, resource }).allowed
        };
        self.policy.set(user, text, note, from, keeps_right).await
    }

    /// The policy that holds now.
    #[must_use]
    pub(crate) fn current(&self) -> Arc<Current> {
        self.policy.current()
    }

    /// The roles of the token that the person still has; `None` where the person is disabled. Who is not among the people
    /// has those of the token: whether such a token counts is decided where it is checked.
    fn roles_of(&self, principal: &Principal) -> Option<Vec<Role>> {
        match self.people.current(&principal.user) {
            Some(person) if person.disabled => None,
            Some(person) => Some(principal.roles.iter().copied().filter(|role| person.roles.contains(role)).collect()),
            None => Some(principal.roles.clone()),
        }
    }
}

/// Whether a scope lets an API token be used for that. One that names agents covers nothing that is not about them.
fn covers(scope: &Scope, action: Action, resource: &Resource<'_>) -> bool {
    let names = |action: Action, names: &[String]| names.iter().any(|name| name == action.as_str());
    // Whoever may do something on a machine knows that it is there.
    let is_implied = |given: &[String]| {
        action == Action::ViewAgent && (names(Action::Execute, given) || names(Action::Analyze, given))
    };
    let has_action = |given: &Vec<String>| names(action, given) || is_implied(given);
    let has_agent = |agents: &Vec<AgentId>| match action {
        // A list has only what may be seen, and each of it is asked about again.
        Action::ListAgents | Action::ListCommands | Action::ListApprovals | Action::Follow => true,
        _ => resource.agent().is_some_and(|agent| agents.contains(agent)),
    };
    scope.actions.as_ref().is_none_or(has_action) && scope.agents.as_ref().is_none_or(has_agent)
}

/// Tells that rights have changed.
pub(crate) struct Changes {
    policy: watch::Receiver<Arc<Current>>,
    people: watch::Receiver<u64>,
}

// === impl Changes ===

impl Changes {
    /// Resolves at the next change. After the end of the gateway there is none.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            Ok(()) = self.policy.changed() => {}
            Ok(()) = self.people.changed() => {}
            else => std::future::pending().await,
        }
    }
}
