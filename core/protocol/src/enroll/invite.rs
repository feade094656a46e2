//! What an admin has allowed: the record in the bucket `invites`. Pure: whether somebody may use one is decided here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{InviteId, UserKey};
use crate::id::AgentId;

/// An invitation. Its secret is nowhere, only a hash of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// SHA-256 of its secret, in hexadecimal.
    pub secret_hash: String,
    /// The one id that it is for; any that is free when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// What its agents are to be chosen by, whatever they say themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How many machines it is for.
    pub uses: u32,
    /// Whether somebody has to accept each machine.
    #[serde(default)]
    pub hold: bool,
    /// Whether it may take its id from the key that has it.
    #[serde(default)]
    pub replace: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who has made it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
    /// The machines that have used it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Use>,
}

/// An invitation was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// A machine has used an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Use {
    /// The agent that it has become, or may become.
    pub agent: AgentId,
    /// The key that it connects with.
    pub key: UserKey,
    /// When.
    pub at: Timestamp,
}

/// Why an invitation is of no use to a machine that knows its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It has ended.
    #[error("the invitation has expired")]
    Expired,
    /// It was taken back.
    #[error("the invitation was withdrawn")]
    Withdrawn,
    /// Others have used it.
    #[error("the invitation has been used up")]
    UsedUp,
}

// === impl Invite ===

impl Invite {
    /// What this key has used it for, if it has: such a machine only asks again.
    #[must_use]
    pub fn used_by(&self, key: &UserKey) -> Option<&Use> {
        self.used.iter().find(|one| one.key == *key)
    }

    /// Whether one more machine may use it.
    ///
    /// # Errors
    /// When it is of no use any more.
    pub fn usable(&self, now: Timestamp) -> Result<(), Unusable> {
        if self.withdrawn.is_some() {
            return Err(Unusable::Withdrawn);
        }
        if now >= self.expires_at {
            return Err(Unusable::Expired);
        }
        if self.used.len() >= self.uses as usize {
            return Err(Unusable::UsedUp);
        }
        Ok(())
    }

    /// Whether anybody may still come by it.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.usable(now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::key;
    use super::*;

    #[test]
    fn an_invitation_ends_in_three_ways() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let invite = Invite {
            id: "i1".parse().unwrap(),
            secret_hash: String::new(),
            agent: None,
            labels: BTreeMap::new(),
            uses: 1,
            hold: false,
            replace: false,
            created_at: at(0),
            created_by: "alice".into(),
            expires_at: at(100),
            withdrawn: None,
            used: Vec::new(),
        };
        assert_eq!(invite.usable(at(99)), Ok(()));
        assert_eq!(invite.usable(at(100)), Err(Unusable::Expired));
        let withdrawn = Invite { withdrawn: Some(Withdrawal { at: at(1), by: "bob".into() }), ..invite.clone() };
        assert_eq!(withdrawn.usable(at(1)), Err(Unusable::Withdrawn));
        let one = Use { agent: "web-1".parse().unwrap(), key: key('A'), at: at(1) };
        let used = Invite { used: vec![one], ..invite };
        assert_eq!(used.usable(at(1)), Err(Unusable::UsedUp));
        assert!(used.used_by(&key('A')).is_some() && used.used_by(&key('B')).is_none());
    }
}
