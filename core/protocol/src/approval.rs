//! What becomes of a command that somebody has to approve: proposed, then approved, denied, expired or withdrawn. Pure.
//!
//! ```text
//!           ┌──▶ blocked
//! unasked ──┤
//!           └──▶ awaiting ──▶ approved · denied · expired · withdrawn
//! ```
//!
//! An approval is for exactly what was shown: it names the [`hash()`] of it, and the agent works out that hash again.

mod event;
mod hash;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analysis::Ruling;
use crate::intent::Run;
use crate::verdict::Verdict;

pub use event::{ProposalEvent, ProposalWire};
pub use hash::{hash, is_hash};

/// Who has approved a command: travels inside its intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Approval {
    /// Who. Never the one who asked for the command.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What exactly was approved: SHA-256 over agent, id, program, folder, account, variables, input, target and
    /// time-out, in hexadecimal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9a-f]{64}$"))]
    pub hash: String,
}

/// What can happen to a proposal. The set is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ProposalKind {
    /// Policy asks for an approval.
    #[serde(rename = "ogent.approval.proposed")]
    Proposed(Box<Proposed>),
    /// Somebody has approved it: it goes on as a command.
    #[serde(rename = "ogent.approval.approved")]
    Approved(Approval),
    /// Somebody has denied it. Nothing follows.
    #[serde(rename = "ogent.approval.denied")]
    Denied(Refusal),
    /// Nobody approved it in time. Nothing follows.
    #[serde(rename = "ogent.approval.expired")]
    Expired(Expired),
    /// It was cancelled before anybody approved it. Nothing follows.
    #[serde(rename = "ogent.approval.withdrawn")]
    Withdrawn(Refusal),
    /// Policy refuses it, and nobody is asked. Nothing follows.
    #[serde(rename = "ogent.approval.blocked")]
    Blocked(Box<Blocked>),
}

/// A command that waits for its approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proposed {
    /// The whole intent, as it will be sent.
    #[cfg_attr(feature = "schema", schemars(with = "crate::intent::IntentWire"))]
    pub intent: Run,
    /// What the rules make of it, cut to [`crate::limits::MAX_VERDICT_BYTES`].
    pub verdict: Verdict,
    /// What policy says to that.
    pub ruling: Ruling,
    /// What an approval has to name.
    pub hash: String,
    /// When it is too late to approve it.
    pub expires_at: Timestamp,
    /// Seconds from its approval in which it has to be started; absent where `not_after` was asked for and stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_within_s: Option<f64>,
}

/// A command that policy refuses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Blocked {
    /// The whole intent, which was not sent.
    #[cfg_attr(feature = "schema", schemars(with = "crate::intent::IntentWire"))]
    pub intent: Run,
    /// What the rules make of it, cut to [`crate::limits::MAX_VERDICT_BYTES`].
    pub verdict: Verdict,
    /// What policy says to that.
    pub ruling: Ruling,
}

/// Who has denied a proposal, or withdrawn it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The end of a proposal that nobody approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Expired {
    /// When somebody noticed; not before its `expires_at`.
    pub at: Timestamp,
}

/// Where a proposal stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProposalState {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// It waits for a decision.
    Awaiting(Terms),
    /// It may run.
    Approved(Approval),
    /// It may not.
    Denied(Refusal),
    /// Nobody decided in time.
    Expired(Timestamp),
    /// It is not wanted any more.
    Withdrawn(Refusal),
    /// It was never open to a decision.
    Blocked,
}

/// What a decision has to keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Who asked for the command.
    pub asked_by: Option<String>,
    /// What an approval has to name.
    pub hash: String,
    /// When it is too late.
    pub expires_at: Timestamp,
}

/// An event that may not come here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDecision {
    /// The proposal is decided already, or there is none.
    #[error("{event} may not follow when the proposal is {state}")]
    Order {
        /// Where the proposal stands.
        state: &'static str,
        /// The type of the event.
        event: &'static str,
    },
    /// It names another hash than that of what was proposed.
    #[error("it is for something else than what was proposed")]
    Hash,
    /// Nobody approves what they have asked for.
    #[error("nobody may approve a command of their own")]
    Own,
    /// It comes after the end.
    #[error("the proposal has expired")]
    TooLate,
    /// It ends a proposal that has time left.
    #[error("the proposal has not expired yet")]
    TooEarly,
}

// === impl ProposalKind ===

impl ProposalKind {
    /// The type as CloudEvents carries it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proposed(_) => "ogent.approval.proposed",
            Self::Approved(_) => "ogent.approval.approved",
            Self::Denied(_) => "ogent.approval.denied",
            Self::Expired(_) => "ogent.approval.expired",
            Self::Withdrawn(_) => "ogent.approval.withdrawn",
            Self::Blocked(_) => "ogent.approval.blocked",
        }
    }
}

// === impl ProposalState ===

impl ProposalState {
    /// Where the proposal stands after `event`. Whoever reads or writes such events asks here, so that what one part
    /// writes in error no other part believes.
    ///
    /// # Errors
    /// When the event may not come now.
    pub fn apply(self, event: &ProposalKind) -> Result<Self, InvalidDecision> {
        match (self, event) {
            (Self::Unasked, ProposalKind::Proposed(proposed)) => Ok(Self::Awaiting(Terms {
                asked_by: proposed.intent.requested_by.clone(),
                hash: proposed.hash.clone(),
                expires_at: proposed.expires_at,
            })),
            (Self::Unasked, ProposalKind::Blocked(_)) => Ok(Self::Blocked),
            (Self::Awaiting(terms), ProposalKind::Approved(approval)) => {
                terms.admit(approval).map(|()| Self::Approved(approval.clone()))
            }
            (Self::Awaiting(_), ProposalKind::Denied(refusal)) => Ok(Self::Denied(refusal.clone())),
            (Self::Awaiting(_), ProposalKind::Withdrawn(refusal)) => Ok(Self::Withdrawn(refusal.clone())),
            (Self::Awaiting(terms), ProposalKind::Expired(expired)) if expired.at >= terms.expires_at => {
                Ok(Self::Expired(expired.at))
            }
            (Self::Awaiting(_), ProposalKind::Expired(_)) => Err(InvalidDecision::TooEarly),
            (state, event) => Err(InvalidDecision::Order { state: state.name(), event: event.name() }),
        }
    }

    /// As people are told.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Awaiting(_) => "awaiting",
            Self::Approved(_) => "approved",
            Self::Denied(_) => "denied",
            Self::Expired(_) => "expired",
            Self::Withdrawn(_) => "withdrawn",
            Self::Blocked => "blocked",
        }
    }
}

// === impl Terms ===

impl Terms {
    /// Whether that is an approval of what was proposed, in time, by somebody else.
    ///
    /// # Errors
    /// When it is not.
    pub fn admit(&self, approval: &Approval) -> Result<(), InvalidDecision> {
        if approval.hash != self.hash {
            return Err(InvalidDecision::Hash);
        }
        // Where nobody is known to have asked, everybody may have.
        if self.asked_by.as_ref().is_none_or(|asked_by| *asked_by == approval.by) {
            return Err(InvalidDecision::Own);
        }
        if approval.at >= self.expires_at {
            return Err(InvalidDecision::TooLate);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
