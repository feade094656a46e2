//! Everything that can be done, by name. The set is closed; the schema in `policies/` has the same one.

use std::fmt;
use std::str::FromStr;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Neither a machine nor a command.
    Fleet,
    /// A machine.
    Agent,
    /// A command.
    Command,
    /// A person.
    User,
}

macro_rules! actions {
    ($($(#[$meta:meta])+ $name:ident = $text:literal on $scope:ident,)+) => {
        /// What can be done. The set is closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$meta])+ $name,)+
        }

        impl Action {
            /// Every action, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As policies write it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it is done to.
            #[must_use]
            pub fn scope(self) -> Scope {
                match self {
                    $(Self::$name => Scope::$scope,)+
                }
            }
        }
    };
}

actions! {
    /// List machines; a list has only what may be seen.
    ListAgents = "list_agents" on Fleet,
    /// List commands.
    ListCommands = "list_commands" on Fleet,
    /// List what waits for an approval.
    ListApprovals = "list_approvals" on Fleet,
    /// Open a WebSocket; each subscription is asked about again.
    Follow = "follow" on Fleet,
    /// See a machine.
    ViewAgent = "view_agent" on Agent,
    /// See what a command would do, by an earlier question about a machine.
    ViewAnalysis = "view_analysis" on Agent,
    /// See a command and what happens to it.
    ViewCommand = "view_command" on Command,
    /// See what a command has printed.
    ViewOutput = "view_output" on Command,
    /// See a command among those that wait for an approval.
    ViewApproval = "view_approval" on Command,
    /// Ask what a command would do.
    Analyze = "analyze" on Agent,
    /// Run a command, or ask for one.
    Execute = "execute" on Agent,
    /// End a command, or take it back while it waits for its approval.
    Cancel = "cancel" on Command,
    /// Let a command run that waits for it.
    Approve = "approve" on Command,
    /// Say no to one.
    Deny = "deny" on Command,
    /// See which people there are.
    ListUsers = "list_users" on Fleet,
    /// Add, change, disable and remove people.
    ManageUsers = "manage_users" on Fleet,
    /// See one person.
    ViewUser = "view_user" on User,
    /// Change a password, knowing the one before.
    ChangePassword = "change_password" on User,
    /// Read the access policy and its history.
    ViewPolicy = "view_policy" on Fleet,
    /// Put another access policy in its place.
    ChangePolicy = "change_policy" on Fleet,
    /// Ask what the access policy says of somebody.
    TestPolicy = "test_policy" on Fleet,
    /// Read the audit log.
    ViewAudit = "view_audit" on Fleet,
    /// See invitations, and machines that wait to be let in.
    ViewInvites = "view_invites" on Fleet,
    /// Invite machines.
    InviteAgents = "invite_agents" on Fleet,
    /// Accept, reject and revoke machines.
    ManageAgents = "manage_agents" on Fleet,
    /// See everybody's tokens.
    ViewTokens = "view_tokens" on Fleet,
    /// Make and revoke anybody's tokens.
    ManageTokens = "manage_tokens" on Fleet,
    /// Make and revoke tokens of one's own.
    ManageOwnTokens = "manage_own_tokens" on User,
}

/// A word that is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no action")]
pub struct UnknownAction(String);

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or_else(|| UnknownAction(text.to_owned()))
    }
}
