//! Receives wishes to add, change or remove somebody, writes them down: once, by compare-and-set, and never so that no
//! admin is left.

use jiff::Timestamp;
use ogent_access::{PersonName, Role};
use ogent_broker::ShelfError;
use ogent_runtime::Secret;

use super::record::{Account, UserRecord};
use super::{People, key};
use crate::auth::{LoginError, password_weakness};
use crate::limits::MAX_USERS;

/// Names that are kept, those of people who were removed included. Refused.
const MAX_NAMES: usize = 10 * MAX_USERS;
/// Times that a change is tried where others change somebody at the same moment.
const TRIES: u32 = 3;

/// Why somebody was not added or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// A field is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// Why.
        problem: String,
    },
    /// There is nobody of that name.
    #[error("there is no user {0}")]
    Unknown(String),
    /// There is somebody of that name.
    #[error("there is a user {0} already")]
    Exists(String),
    /// The users file has them.
    #[error("the user {0} stands in the users file of the gateway, which is changed on its machine")]
    ReadOnly(String),
    /// Nobody could mend it.
    #[error("{0} is the last admin who can log in; make somebody else one first")]
    LastAdmin(String),
    /// There are as many as can be.
    #[error("there are {MAX_USERS} users already")]
    TooMany,
    /// Others change the same.
    #[error("somebody else has changed the users at the same moment")]
    Contested,
    /// The password cannot be hashed now.
    #[error(transparent)]
    Password(#[from] LoginError),
    /// The bucket did not take it.
    #[error("the change cannot be stored")]
    Store(#[source] ShelfError),
}

/// What shall become of somebody.
pub(crate) enum Wish {
    /// Other roles.
    Roles(Vec<Role>),
    /// May do nothing, or may again.
    Disabled(bool),
    /// Another password.
    Password(Secret),
    /// Nobody has this name any more.
    Removed,
}

// === impl People ===

impl People {
    /// Adds somebody.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub(crate) async fn add(
        &self,
        by: &str,
        name: &str,
        roles: Vec<Role>,
        password: Secret,
    ) -> Result<Account, ChangeError> {
        let name: PersonName =
            name.parse().map_err(|error| ChangeError::Invalid { field: "name", problem: format!("{error}") })?;
        let hash = self.hash_of(password).await?;
        let _writing = self.shared.writing.lock().await;
        self.shared.shelf.refresh().await.map_err(|error| ChangeError::Store(error.into()))?;
        let known = self.shared.shelf.get(&name.key());
        let is_there = known.as_ref().is_some_and(|known| !known.value.removed);
        if is_there || self.shared.file.contains_key(&name.key()) {
            return Err(ChangeError::Exists(name.to_string()));
        }
        let known_ones = self.shared.shelf.list();
        // Names of those who were removed are kept for their epoch, but not without end.
        let active = known_ones.iter().filter(|one| !one.value.removed).count();
        if active >= MAX_USERS || known_ones.len() >= MAX_NAMES {
            return Err(ChangeError::TooMany);
        }
        let now = Timestamp::now();
        let epoch = next_epoch(known.as_ref().map_or(0, |known| known.value.epoch));
        let record = UserRecord {
            name: name.folded(),
            hash: Some(hash),
            roles: sorted(roles),
            disabled: false,
            removed: false,
            epoch,
            tokens_since: epoch,
            is_from_environment: false,
            created_at: now,
            changed_at: now,
            changed_by: by.to_owned(),
        };
        let revision = known.map_or(0, |known| known.revision);
        match self.shared.shelf.put(&name.key(), record, revision).await {
            Ok(stored) => {
                tracing::info!(user = stored.value.name, by, "a user was added");
                Ok(Account::from(&stored.value))
            }
            Err(ShelfError::Conflict) => Err(ChangeError::Exists(name.to_string())),
            Err(error) => Err(ChangeError::Store(error)),
        }
    }

    /// Changes somebody. All tokens that they have end.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub(crate) async fn change(&self, by: &str, name: &str, wishes: Vec<Wish>) -> Result<Account, ChangeError> {
        let unknown = || ChangeError::Unknown(name.to_owned());
        let key = key(name).ok_or_else(unknown)?;
        let mut hash = None;
        for wish in &wishes {
            if let Wish::Password(password) = wish {
                hash = Some(self.hash_of(password.clone()).await?);
            }
        }
        let _writing = self.shared.writing.lock().await;
        for _ in 0..TRIES {
            // All people together have to keep an admin, so nothing at all may be changed in between.
            let latest = self.shared.shelf.refresh().await.map_err(|error| ChangeError::Store(error.into()))?;
            let Some(known) = self.shared.shelf.get(&key).filter(|known| !known.value.removed) else {
                return Err(match self.shared.file.contains_key(&key) {
                    true => ChangeError::ReadOnly(name.to_owned()),
                    false => unknown(),
                });
            };
            let mut next = known.value.clone();
            wishes.iter().for_each(|wish| apply(&mut next, wish, hash.as_deref()));
            (next.changed_at, next.changed_by) = (Timestamp::now(), by.to_owned());
            next.epoch = next_epoch(known.value.epoch);
            if wishes.iter().any(|wish| !matches!(wish, Wish::Roles(_))) {
                next.tokens_since = next.epoch;
            }
            if known.value.is_acting_admin() && !next.is_acting_admin() && !self.has_another_admin(&key) {
                return Err(ChangeError::LastAdmin(known.value.name.clone()));
            }
            match self.shared.shelf.put_after(&key, next, latest).await {
                Ok(stored) => {
                    tracing::info!(user = stored.value.name, by, "a user was changed");
                    return Ok(Account::from(&stored.value));
                }
                Err(ShelfError::Conflict) => {}
                Err(error) => return Err(ChangeError::Store(error)),
            }
        }
        Err(ChangeError::Contested)
    }

    pub(super) async fn hash_of(&self, password: Secret) -> Result<String, ChangeError> {
        if let Some(weakness) = password_weakness(password.expose()) {
            return Err(ChangeError::Invalid { field: "password", problem: weakness.to_owned() });
        }
        Ok(self.shared.passwords.hash(password).await?)
    }

    fn has_another_admin(&self, key: &str) -> bool {
        self.shared.shelf.list().iter().any(|other| other.key != key && other.value.is_acting_admin())
    }
}

fn apply(record: &mut UserRecord, wish: &Wish, hash: Option<&str>) {
    match wish {
        Wish::Roles(roles) => record.roles = sorted(roles.clone()),
        Wish::Disabled(disabled) => record.disabled = *disabled,
        Wish::Password(_) => {
            record.hash = hash.map(str::to_owned);
            record.is_from_environment = false;
        }
        Wish::Removed => {
            (record.removed, record.hash) = (true, None);
            record.roles.clear();
        }
    }
}

fn sorted(mut roles: Vec<Role>) -> Vec<Role> {
    roles.sort_unstable();
    roles.dedup();
    roles
}

/// Grows whatever the clock does, and is never one that was used for an earlier person of that name.
pub(super) fn next_epoch(last: u64) -> u64 {
    u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0).max(last.saturating_add(1))
}
