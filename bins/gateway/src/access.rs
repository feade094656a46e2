//! Receives a principal from `auth` and an action from a route of `http`, gives back whether that may be.
//!
//! One pure function decides, so that a policy engine can take its place without a change to any route.

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

/// Who is asking: what a valid access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The user's name.
    pub(crate) user: String,
    /// What that user may be.
    pub(crate) roles: Vec<Role>,
    /// When the token that says so ends.
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
    /// Invite machines, see and withdraw invitations.
    InviteAgents,
    /// Let machines in, reject them, and take agents' rights away.
    ManageAgents,
}

/// Whether `principal` may do `action`. What no role grants is refused.
#[must_use]
pub(crate) fn may(principal: &Principal, action: Action) -> bool {
    principal.roles.iter().any(|role| role.grants(action))
}

// === impl Role ===

impl Role {
    /// Every role, as people write it.
    pub(crate) const ALL: [(&str, Self); 4] =
        [("viewer", Self::Viewer), ("operator", Self::Operator), ("approver", Self::Approver), ("admin", Self::Admin)];

    fn grants(self, action: Action) -> bool {
        match action {
            Action::ViewAgents | Action::ViewCommands | Action::Analyze => true,
            Action::Execute | Action::Cancel => matches!(self, Self::Operator | Self::Admin),
            Action::Approve => matches!(self, Self::Approver | Self::Admin),
            Action::InviteAgents | Action::ManageAgents => self == Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_should_and_no_more() {
        let (yes, no) = (true, false);
        let table = [
            (vec![], [no, no, no, no, no, no, no, no]),
            (vec![Role::Viewer], [yes, yes, yes, no, no, no, no, no]),
            (vec![Role::Operator], [yes, yes, yes, yes, yes, no, no, no]),
            (vec![Role::Approver], [yes, yes, yes, no, no, yes, no, no]),
            (vec![Role::Admin], [yes, yes, yes, yes, yes, yes, yes, yes]),
            (vec![Role::Approver, Role::Operator], [yes, yes, yes, yes, yes, yes, no, no]),
        ];
        let actions = [
            Action::ViewAgents,
            Action::ViewCommands,
            Action::Analyze,
            Action::Execute,
            Action::Cancel,
            Action::Approve,
            Action::InviteAgents,
            Action::ManageAgents,
        ];
        for (roles, expected) in table {
            let principal = Principal { user: "u".into(), roles, expires_at: jiff::Timestamp::MAX };
            assert_eq!(actions.map(|action| may(&principal, action)), expected, "{:?}", principal.roles);
        }
    }
}
