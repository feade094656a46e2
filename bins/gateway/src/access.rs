//! Receives a principal from `auth` and an action from a route of `http`, gives back whether that may be.
//!
//! One pure function decides, so that a policy engine can take its place without a change to any route.

use serde::{Deserialize, Serialize};

/// What a person may be in Ogent; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees agents, commands and their output.
    Viewer,
    /// Runs and cancels commands, too.
    Operator,
    /// May do everything.
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
    /// End a command.
    Cancel,
}

/// Whether `principal` may do `action`. What no role grants is refused.
#[must_use]
pub(crate) fn may(principal: &Principal, action: Action) -> bool {
    let needed = match action {
        Action::ViewAgents | Action::ViewCommands => Role::Viewer,
        Action::Execute | Action::Cancel => Role::Operator,
    };
    principal.roles.iter().any(|role| *role >= needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_it_should_and_no_more() {
        let table = [
            (vec![], [false, false, false, false]),
            (vec![Role::Viewer], [true, true, false, false]),
            (vec![Role::Operator], [true, true, true, true]),
            (vec![Role::Admin], [true, true, true, true]),
            (vec![Role::Viewer, Role::Operator], [true, true, true, true]),
        ];
        let actions = [Action::ViewAgents, Action::ViewCommands, Action::Execute, Action::Cancel];
        for (roles, expected) in table {
            let principal = Principal { user: "u".into(), roles, expires_at: jiff::Timestamp::MAX };
            assert_eq!(actions.map(|action| may(&principal, action)), expected, "{:?}", principal.roles);
        }
    }
}
