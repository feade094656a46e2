//! Receives a principal from `auth` and an action from a route of `http`, gives back whether that may be.
//!
//! One pure function decides, so that a policy engine can take its place without a change to any route.

use ogent_protocol::session::Scope;
use ogent_protocol::{AgentId, GrantId};
use serde::{Deserialize, Serialize};

/// What a person may be in Ogent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees agents, commands and their output.
    Viewer,
    /// A viewer who runs and cancels commands.
    Operator,
    /// A viewer who approves and denies commands of others.
    Approver,
    /// May do everything; but nobody approves commands of their own.
    Admin,
}

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
}

/// What can be done over HTTP. The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// See which agents there are, and follow them.
    ViewAgents,
    /// See commands, their events and their output.
    ViewCommands,
    /// Run a command.
    Execute,
    /// End a command, or take it back while it waits for its approval.
    Cancel,
    /// Ask what a command would do.
    Analyze,
    /// Approve or deny what somebody else has asked for.
    Approve,
    /// See and end sessions of one's own, and see who one is.
    OwnSessions,
    /// See and end those of others.
    ManageSessions,
    /// Make, see and revoke API tokens of one's own.
    OwnTokens,
    /// See and revoke those of others.
    ManageTokens,
    /// Read the security events.
    ViewAudit,
}

/// Whether `principal` may do `action`, on that agent where it is about one. What no role grants is refused, and what a
/// scope does not name; a scope that names agents covers nothing that is not about one of them.
#[must_use]
pub(crate) fn may(principal: &Principal, action: Action, agent: Option<&AgentId>) -> bool {
    let is_covered = principal.scope.as_ref().is_none_or(|scope| {
        let actions = scope.actions.as_ref();
        let agents = scope.agents.as_ref();
        let is_about_oneself = action == Action::OwnSessions;
        actions.is_none_or(|names| is_about_oneself || names.iter().any(|name| name == action.as_str()))
            && agents.is_none_or(|agents| is_about_oneself || agent.is_some_and(|agent| agents.contains(agent)))
    });
    is_covered && principal.roles.iter().any(|role| role.grants(action))
}

// === impl Action ===

impl Action {
    /// Every action.
    pub(crate) const ALL: [Self; 11] = [
        Self::ViewAgents,
        Self::ViewCommands,
        Self::Execute,
        Self::Cancel,
        Self::Analyze,
        Self::Approve,
        Self::OwnSessions,
        Self::ManageSessions,
        Self::OwnTokens,
        Self::ManageTokens,
        Self::ViewAudit,
    ];

    /// As a scope names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ViewAgents => "view_agents",
            Self::ViewCommands => "view_commands",
            Self::Execute => "execute",
            Self::Cancel => "cancel",
            Self::Analyze => "analyze",
            Self::Approve => "approve",
            Self::OwnSessions => "own_sessions",
            Self::ManageSessions => "manage_sessions",
            Self::OwnTokens => "own_tokens",
            Self::ManageTokens => "manage_tokens",
            Self::ViewAudit => "view_audit",
        }
    }
}

// === impl Role ===

impl Role {
    /// Every role, as people write it.
    pub(crate) const ALL: [(&str, Self); 4] =
        [("viewer", Self::Viewer), ("operator", Self::Operator), ("approver", Self::Approver), ("admin", Self::Admin)];

    /// As people write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    fn grants(self, action: Action) -> bool {
        match action {
            Action::ViewAgents | Action::ViewCommands | Action::Analyze | Action::OwnSessions | Action::OwnTokens => {
                true
            }
            Action::ManageSessions | Action::ManageTokens | Action::ViewAudit => self == Self::Admin,
            Action::Execute | Action::Cancel => matches!(self, Self::Operator | Self::Admin),
            Action::Approve => matches!(self, Self::Approver | Self::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_should_and_no_more() {
        let (yes, no) = (true, false);
        // The last three are for admins only.
        let table = [
            (vec![], [no; 11]),
            (vec![Role::Viewer], [yes, yes, no, no, yes, no, yes, no, yes, no, no]),
            (vec![Role::Operator], [yes, yes, yes, yes, yes, no, yes, no, yes, no, no]),
            (vec![Role::Approver], [yes, yes, no, no, yes, yes, yes, no, yes, no, no]),
            (vec![Role::Admin], [yes; 11]),
            (vec![Role::Approver, Role::Operator], [yes, yes, yes, yes, yes, yes, yes, no, yes, no, no]),
        ];
        for (roles, expected) in table {
            let principal = principal(roles, None);
            assert_eq!(Action::ALL.map(|action| may(&principal, action, None)), expected, "{:?}", principal.roles);
        }
    }

    #[test]
    fn a_scope_narrows_and_never_widens() {
        let (web, db): (AgentId, AgentId) = ("web-1".parse().unwrap(), "db-1".parse().unwrap());
        let actions = Scope { actions: Some(vec!["execute".into()]), ..Scope::default() };
        let admin = principal(vec![Role::Admin], Some(actions.clone()));
        assert!(may(&admin, Action::Execute, Some(&web)) && may(&admin, Action::OwnSessions, None));
        assert!(!may(&admin, Action::Cancel, Some(&web)) && !may(&admin, Action::ViewAudit, None));
        assert!(!may(&principal(vec![Role::Viewer], Some(actions)), Action::Execute, Some(&web)));
        let agents = Scope { agents: Some(vec![web.clone()]), ..Scope::default() };
        let admin = principal(vec![Role::Admin], Some(agents));
        assert!(may(&admin, Action::Execute, Some(&web)));
        assert!(!may(&admin, Action::Execute, Some(&db)) && !may(&admin, Action::ViewCommands, None));
        assert!(!may(&admin, Action::OwnTokens, None));
    }

    fn principal(roles: Vec<Role>, scope: Option<Scope>) -> Principal {
        Principal { user: "u".into(), roles, epoch: 0, grant: None, scope, expires_at: jiff::Timestamp::MAX }
    }
}
