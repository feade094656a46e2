//! What is kept of a person, and what others are told of it.

use std::fmt;

use jiff::Timestamp;
use ogent_access::Role;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::auth::User;

/// A person as the bucket keeps them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    /// In lower case.
    pub(super) name: String,
    /// The password's, in PHC form; `None` where there is no password to log in with.
    pub(super) hash: Option<String>,
    pub(super) roles: Vec<Role>,
    #[serde(default)]
    pub(super) disabled: bool,
    /// Kept when somebody is removed, so that tokens from before are never good for another one of that name.
    #[serde(default)]
    pub(super) removed: bool,
    pub(super) epoch: u64,
    /// The epoch since which API tokens count: that of the last change that ends them.
    #[serde(default)]
    pub(super) tokens_since: u64,
    /// Whether the password is the one that the gateway's environment says.
    #[serde(default)]
    pub(super) is_from_environment: bool,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
    pub(super) changed_by: String,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The one way in which the name is written.
    pub(crate) name: String,
    /// What they may be.
    pub(crate) roles: Vec<Role>,
    /// Whether they may do nothing now.
    pub(crate) disabled: bool,
    /// Another one after each change that ends what was given before: a token of an earlier one is not good.
    pub(crate) epoch: u64,
    /// Another one after each change that ends API tokens, too: disabled, removed, another password.
    pub(crate) token_mark: u64,
}

/// A person with everything that is known of them.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) person: Person,
    pub(super) hash: Option<String>,
    /// Whether they come from the users file.
    pub(crate) is_read_only: bool,
    /// Whether nobody has this name any more.
    pub(super) is_removed: bool,
    /// Who has made or changed them, and when; nobody where they come from the users file.
    pub(crate) changed: Option<(String, Timestamp)>,
}

// === impl UserRecord ===

impl UserRecord {
    /// Whether the person may do everything, and can log in to do it.
    pub(super) fn is_acting_admin(&self) -> bool {
        !self.disabled && !self.removed && self.hash.is_some() && self.roles.contains(&Role::Admin)
    }
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord").field("name", &self.name).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

// === impl Account ===

impl Account {
    pub(super) fn from_file(user: User) -> Self {
        let hash = user.hash.to_string();
        // The same on every gateway with this line, and another one as soon as the line changes.
        let digest = Sha256::new().chain_update(&hash).chain_update(format!("{:?}", user.roles)).finalize();
        let epoch = digest.iter().take(6).fold(0, |epoch, byte| epoch << 8 | u64::from(*byte));
        let person = Person { name: user.name, roles: user.roles, disabled: false, epoch, token_mark: epoch };
        Self { person, hash: Some(hash), is_read_only: true, is_removed: false, changed: None }
    }
}

impl From<&UserRecord> for Account {
    fn from(record: &UserRecord) -> Self {
        let (name, roles, epoch) = (record.name.clone(), record.roles.clone(), record.epoch);
        let token_mark = record.tokens_since;
        let person = Person { name, roles, disabled: record.disabled || record.removed, epoch, token_mark };
        let changed = Some((record.changed_by.clone(), record.changed_at));
        Self {
            person,
            hash: record.hash.clone().filter(|_| !record.removed),
            is_read_only: false,
            is_removed: record.removed,
            changed,
        }
    }
}
