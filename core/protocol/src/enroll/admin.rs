//! What gateways ask registrars for, on `registrar.admin`, and what they answer.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::identity::{Identity, IdentityState};
use super::invite::{Invite, Unusable, Use};
use super::{InviteId, check_labels};
use crate::id::AgentId;
use crate::limits;

/// Somebody wants something done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdminRequest {
    /// Who: gateways say it, and may be believed as far as they are.
    pub by: String,
    /// What.
    pub action: AdminAction,
}

/// What registrars do for admins. The set is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AdminAction {
    /// Make an invitation.
    Invite(InviteRequest),
    /// List the invitations that are open.
    Invites,
    /// Take an invitation back.
    Withdraw {
        /// Which.
        invite: InviteId,
    },
    /// List identities: those that stand there, or all.
    Identities {
        /// Where they stand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<IdentityState>,
    },
    /// Let a machine in.
    Accept(DecideAgent),
    /// Do not let a machine in.
    Reject(DecideAgent),
    /// Take an agent's right away, now.
    Revoke(DecideAgent),
}

/// Which agent, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DecideAgent {
    /// The agent.
    pub agent: AgentId,
    /// Which of its generations was seen; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Body of `POST /agents/invites`. Every field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct InviteRequest {
    /// The one id that it is for; any that is free when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AgentId>,
    /// What its agents are to be chosen by, whatever they say themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Seconds until it ends: 3600 when absent, at most 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u64>,
    /// How many machines it is for: 1 when absent, at most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Whether somebody has to accept each machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Whether it may take `id` from the key that has it. Only with an `id`, for one machine, and not with `hold`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

/// What registrars answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AdminResponse {
    /// An invitation was made.
    Invited(Box<InviteCreated>),
    /// Invitations.
    Invites(Vec<InviteView>),
    /// One invitation, as it stands.
    Invite(Box<InviteView>),
    /// Identities.
    Identities(Vec<Identity>),
    /// One identity, as it stands.
    Identity(Box<Identity>),
}

/// Answer of `POST /agents/invites`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct InviteCreated {
    /// The invitation.
    pub invite: InviteView,
    /// What the machine has to be given: `ogent-agent join TOKEN`. Shown this once.
    pub token: String,
}

/// An invitation as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct InviteView {
    /// Its id.
    pub id: InviteId,
    /// Where it stands.
    pub state: InviteState,
    /// The one id that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// What its agents are to be chosen by.
    pub labels: BTreeMap<String, String>,
    /// How many machines it is for.
    pub uses: u32,
    /// The machines that have used it.
    pub used: Vec<Use>,
    /// Whether somebody has to accept each machine.
    pub hold: bool,
    /// Whether it may take its id from the key that has it.
    pub replace: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who has made it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum InviteState {
    /// Machines may still come by it.
    Open,
    /// It has ended.
    Expired,
    /// It was taken back.
    Withdrawn,
    /// All its machines have come.
    UsedUp,
}

// === impl InviteRequest ===

impl InviteRequest {
    /// Checks what the form alone does not.
    ///
    /// # Errors
    /// In words for the one who asks.
    pub fn check(&self) -> Result<(), String> {
        check_labels(&self.labels)?;
        let longest = limits::MAX_INVITE.as_secs();
        if self.ttl_s.is_some_and(|ttl| ttl == 0 || ttl > longest) {
            return Err(format!("ttl_s must be 1 to {longest}"));
        }
        if self.uses.is_some_and(|uses| uses == 0 || uses > limits::MAX_INVITE_USES) {
            return Err(format!("uses must be 1 to {}", limits::MAX_INVITE_USES));
        }
        if (self.id.is_some() || self.replace) && self.uses.is_some_and(|uses| uses != 1) {
            return Err("an invitation for one id is for one machine: leave uses out".to_owned());
        }
        if self.replace && self.hold {
            return Err("replace takes the id from its key when the machine comes: leave hold out".to_owned());
        }
        match &self.id {
            None if self.replace => Err("replace needs the id that is to be replaced".to_owned()),
            Some(id) => check_name(id),
            None => Ok(()),
        }
    }
}

/// Words that stand in the place of an agent's id in routes and on the command line.
const RESERVED: [&str; 10] =
    ["invite", "invites", "pending", "identities", "accept", "reject", "revoke", "replace", "withdraw", "help"];

/// Whether an agent may be called so.
///
/// # Errors
/// When the word means something else.
pub fn check_name(id: &AgentId) -> Result<(), String> {
    if RESERVED.contains(&id.as_str()) {
        return Err(format!("an agent cannot be called '{id}': that word has another meaning on the command line"));
    }
    Ok(())
}

// === impl InviteView ===

impl InviteView {
    /// Of an invitation at that time.
    #[must_use]
    pub fn of(invite: Invite, now: Timestamp) -> Self {
        let state = match invite.usable(now) {
            Ok(()) => InviteState::Open,
            Err(Unusable::Expired) => InviteState::Expired,
            Err(Unusable::Withdrawn) => InviteState::Withdrawn,
            Err(Unusable::UsedUp) => InviteState::UsedUp,
        };
        let Invite { id, agent, labels, uses, used, hold, replace, created_at, created_by, expires_at, .. } = invite;
        Self { id, state, agent, labels, uses, used, hold, replace, created_at, created_by, expires_at }
    }
}

// === impl InviteState ===

impl fmt::Display for InviteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::UsedUp => "used up",
        })
    }
}

// === impl InviteCreated ===

impl fmt::Debug for InviteCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteCreated({}, …)", self.invite.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_invitations_are_refused() {
        let web = || Some("web-1".parse().unwrap());
        for good in [
            InviteRequest::default(),
            InviteRequest { id: web(), replace: true, uses: Some(1), ..InviteRequest::default() },
            InviteRequest { uses: Some(256), ttl_s: Some(60), hold: true, ..InviteRequest::default() },
        ] {
            assert_eq!(good.check(), Ok(()), "{good:?}");
        }
        for bad in [
            InviteRequest { replace: true, ..InviteRequest::default() },
            InviteRequest { id: web(), replace: true, hold: true, ..InviteRequest::default() },
            InviteRequest { id: web(), uses: Some(2), ..InviteRequest::default() },
            InviteRequest { uses: Some(0), ..InviteRequest::default() },
            InviteRequest { uses: Some(257), ..InviteRequest::default() },
            InviteRequest { ttl_s: Some(u64::MAX), ..InviteRequest::default() },
            InviteRequest { id: Some("pending".parse().unwrap()), ..InviteRequest::default() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_does_not_show() {
        let json = serde_json::json!({
            "invite": {"id": "i1", "state": "open", "labels": {}, "uses": 1, "used": [], "hold": false, "replace": false,
                "created_at": "2026-01-01T00:00:00Z", "created_by": "alice", "expires_at": "2026-01-01T00:00:00Z"},
            "token": "ogent-join-1.secret",
        });
        let created: InviteCreated = serde_json::from_value(json).unwrap();
        assert!(!format!("{created:?}").contains("secret"));
    }
}
