//! What the registrars remember of an agent: the record in the bucket `identities`. Pure: how one becomes another is
//! decided here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Facts, InviteId, UserKey};
use crate::id::AgentId;

/// Which key an id belongs to, and whether it may connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Identity {
    /// The id.
    pub id: AgentId,
    /// How many keys the id has had, this one counted: to policy and history, another generation is another agent.
    pub generation: u32,
    /// Where it stands.
    pub state: IdentityState,
    /// The key that it connects with.
    pub key: UserKey,
    /// The key that it signs with.
    pub signer: UserKey,
    /// The invitation that it came by.
    pub invite: InviteId,
    /// What it says about itself.
    pub facts: Facts,
    /// What it is chosen by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it asked first.
    pub requested_at: Timestamp,
    /// Who has decided about it last; absent where an invitation did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// When the last credentials were given to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// When all that was given to it will have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// The keys that had the id before, and may not connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
}

/// Where an identity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum IdentityState {
    /// Somebody has to accept it.
    Pending,
    /// It may connect.
    Active,
    /// Somebody has said no.
    Rejected,
    /// It could connect, and may not any more.
    Revoked,
}

/// Somebody has decided about an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Decided {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A key that had the id before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Former {
    /// The key.
    pub key: UserKey,
    /// Which generation it was.
    pub generation: u32,
    /// When all that was given to it will have ended; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// What may not be done with an identity as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSo {
    /// Nobody has to decide about it.
    #[error("nobody has to decide about it: it is {0}")]
    NotPending(IdentityState),
    /// It does not have credentials that could be taken away.
    #[error("it is {0} and has nothing that could be revoked")]
    NotActive(IdentityState),
}

// === impl IdentityState ===

impl std::fmt::Display for IdentityState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Revoked => "revoked",
        })
    }
}

// === impl Identity ===

impl Identity {
    /// Somebody lets it in. Doing it twice is the same as once.
    ///
    /// # Errors
    /// When it was rejected or revoked.
    pub fn accept(self, decided: Decided) -> Result<Self, NotSo> {
        match self.state {
            IdentityState::Active => Ok(self),
            IdentityState::Pending => Ok(Self { state: IdentityState::Active, decided: Some(decided), ..self }),
            state => Err(NotSo::NotPending(state)),
        }
    }

    /// Somebody says no. Doing it twice is the same as once.
    ///
    /// # Errors
    /// When it was let in, or revoked.
    pub fn reject(self, decided: Decided) -> Result<Self, NotSo> {
        match self.state {
            IdentityState::Rejected => Ok(self),
            IdentityState::Pending => Ok(Self { state: IdentityState::Rejected, decided: Some(decided), ..self }),
            state => Err(NotSo::NotPending(state)),
        }
    }

    /// Somebody takes its right away, or that of the machine that waits. Doing it twice is the same as once.
    ///
    /// # Errors
    /// When it was rejected.
    pub fn revoke(self, decided: Decided) -> Result<Self, NotSo> {
        match self.state {
            IdentityState::Revoked => Ok(self),
            IdentityState::Active | IdentityState::Pending => {
                Ok(Self { state: IdentityState::Revoked, decided: Some(decided), ..self })
            }
            state @ IdentityState::Rejected => Err(NotSo::NotActive(state)),
        }
    }

    /// Whether this key ever had the id and lost it, or was refused it: it never gets one again.
    #[must_use]
    pub fn has_barred(&self, key: &UserKey) -> bool {
        let is_out = matches!(self.state, IdentityState::Rejected | IdentityState::Revoked);
        (is_out && self.key == *key) || self.former.iter().any(|one| one.key == *key)
    }

    /// The keys that may not connect, as long as something that was given to them would still count at `now`.
    pub fn barred(&self, now: Timestamp) -> impl Iterator<Item = &UserKey> {
        let current = (self.state != IdentityState::Active).then_some((&self.key, self.ends_at));
        let former = self.former.iter().map(|one| (&one.key, one.ends_at));
        current
            .into_iter()
            .chain(former)
            .filter(move |(_, ends)| ends.is_some_and(|ends| ends > now))
            .map(|(key, _)| key)
    }

    /// The list of former keys when `self` is replaced, the oldest left out where there are too many: whatever was
    /// given to those has ended long before.
    #[must_use]
    pub fn become_former(self, now: Timestamp) -> Vec<Former> {
        let Self { key, generation, ends_at, mut former, .. } = self;
        former.push(Former { key, generation, ends_at });
        former.retain(|one| one.generation == generation || one.ends_at.is_some_and(|ends| ends > now));
        former
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, key};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn identity(state: IdentityState) -> Identity {
        Identity {
            id: "web-1".parse().unwrap(),
            generation: 1,
            state,
            key: key('A'),
            signer: key('B'),
            invite: "i1".parse().unwrap(),
            facts: facts(),
            labels: BTreeMap::new(),
            requested_at: at(0),
            decided: None,
            issued_at: Some(at(0)),
            ends_at: Some(at(100)),
            former: Vec::new(),
        }
    }

    #[test]
    fn what_may_follow_what() {
        use IdentityState::{Active, Pending, Rejected, Revoked};
        let by = || Decided { by: "alice".into(), at: at(1), reason: None };
        let table = [
            (Pending, [Some(Active), Some(Rejected), Some(Revoked)]),
            (Active, [Some(Active), None, Some(Revoked)]),
            (Rejected, [None, Some(Rejected), None]),
            (Revoked, [None, None, Some(Revoked)]),
        ];
        for (from, expected) in table {
            let done = [identity(from).accept(by()), identity(from).reject(by()), identity(from).revoke(by())];
            assert_eq!(done.map(|to| to.ok().map(|to| to.state)), expected, "{from}");
        }
    }

    #[test]
    fn a_key_is_barred_as_long_as_something_of_it_counts() {
        let active = identity(IdentityState::Active);
        assert_eq!(active.barred(at(1)).count(), 0);
        let revoked = identity(IdentityState::Revoked);
        assert_eq!(revoked.barred(at(99)).collect::<Vec<_>>(), [&key('A')]);
        assert_eq!(revoked.barred(at(100)).count(), 0);
        assert!(revoked.has_barred(&key('A')) && !active.has_barred(&key('A')));
        let former = revoked.become_former(at(1));
        let next = Identity { key: key('C'), generation: 2, former, ..identity(IdentityState::Active) };
        assert_eq!(next.barred(at(1)).collect::<Vec<_>>(), [&key('A')]);
        assert!(next.has_barred(&key('A')));
        assert_eq!(next.become_former(at(200)).iter().map(|one| one.generation).collect::<Vec<_>>(), [2]);
    }
}
