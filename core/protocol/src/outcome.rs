//! How a command can end, and what is said of it before that.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one way in which a command ended. The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum Outcome {
    /// It ran and exited with 0.
    Succeeded,
    /// It ran and exited with another code.
    Failed,
    /// A signal that Ogent did not send for a time-out or a cancellation ended it.
    Signaled,
    /// It ran longer than it was allowed to, and was ended.
    TimedOut,
    /// Somebody cancelled it; `started_at` tells whether it had been started.
    Cancelled,
    /// It was refused: malformed, not allowed, or more than the agent takes. It was not started.
    Rejected,
    /// Its `not_after` passed before it could be started. It was not started.
    Expired,
    /// It could not be started: no such program, no such folder, no such user.
    Unspawnable,
    /// The agent's claim outlived the agent: whether the command ran, or how far, cannot be known.
    Lost,
}

/// Where a command stands: waiting, at work, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum CommandStatus {
    /// It waits until somebody else has approved it. Not yet sent to its agent.
    AwaitingApproval,
    /// In the ledger, not yet claimed by the agent.
    Queued,
    /// Claimed by the agent; it is about to be started, or has just been.
    Accepted,
    /// Its process is known to run.
    Running,
    /// Ended: exit code 0.
    Succeeded,
    /// Ended: another exit code.
    Failed,
    /// Ended by a signal.
    Signaled,
    /// Ended because its time was up.
    TimedOut,
    /// Ended because somebody cancelled it.
    Cancelled,
    /// Refused, never started.
    Rejected,
    /// Somebody was asked to approve it, and has denied it; never started.
    Denied,
    /// Too late, never started.
    Expired,
    /// Could not be started.
    Unspawnable,
    /// Nobody can know.
    Lost,
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Succeeded,
        Self::Failed,
        Self::Signaled,
        Self::TimedOut,
        Self::Cancelled,
        Self::Rejected,
        Self::Expired,
        Self::Unspawnable,
        Self::Lost,
    ];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CommandStatus::from(*self).fmt(f)
    }
}

// === impl CommandStatus ===

impl CommandStatus {
    /// The status as it is written everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Queued => "queued",
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Signaled => "signaled",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Unspawnable => "unspawnable",
            Self::Lost => "lost",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::AwaitingApproval | Self::Queued | Self::Accepted | Self::Running)
    }
}

impl fmt::Display for CommandStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Outcome> for CommandStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed => Self::Failed,
            Outcome::Signaled => Self::Signaled,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Rejected => Self::Rejected,
            Outcome::Expired => Self::Expired,
            Outcome::Unspawnable => Self::Unspawnable,
            Outcome::Lost => Self::Lost,
        }
    }
}
