//! Receives the admin's password from the environment at the start, sees to it that somebody can log in.
//!
//! As long as nobody has changed the admin's password in any other way, the one of the environment is it: who sets
//! another one there and starts the gateway logs in with that. From the moment that it is changed by `ogent users passwd
//! admin`, the bucket decides, and the environment is not looked at any more.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use jiff::Timestamp;
use ogent_access::Role;
use ogent_broker::ShelfError;
use ogent_runtime::Secret;

use super::change::{ChangeError, next_epoch};
use super::record::UserRecord;
use super::{People, key};
use crate::auth::{ADMIN, hash};

/// Who is said to have made the admin.
const ENVIRONMENT: &str = "OGENT_ADMIN_PASSWORD";
/// Gateways that start at the same moment: one writes, the others find it there.
const TRIES: u32 = 3;

// === impl People ===

impl People {
    pub(super) async fn set_up_admin(&self, password: Secret) -> Result<(), ChangeError> {
        let key = key(ADMIN).ok_or_else(|| ChangeError::Unknown(ADMIN.to_owned()))?;
        for _ in 0..TRIES {
            let known = self.shared.shelf.get(&key);
            if let Some(known) = &known {
                if known.value.removed || !known.value.is_from_environment {
                    tracing::info!("the user admin was changed by somebody; OGENT_ADMIN_PASSWORD is not looked at");
                    return Ok(());
                }
                let stored = known.value.hash.as_deref().and_then(|hash| PasswordHash::new(hash).ok()).map(Arc::new);
                if self.shared.passwords.is_right(stored, password.clone()).await? {
                    return Ok(());
                }
                tracing::info!("OGENT_ADMIN_PASSWORD is another one than before: it is the admin's password now");
            }
            let now = Timestamp::now();
            let hashed = {
                let password = password.clone();
                let hashed = tokio::task::spawn_blocking(move || hash(&password).map(|hash| hash.to_string())).await;
                hashed.map_err(crate::auth::HashError::Gone).and_then(|hashed| hashed)
            };
            let hashed = Some(hashed.map_err(crate::auth::LoginError::Hash)?);
            let (revision, record) = match known {
                Some(known) => {
                    let mut record = known.value.clone();
                    (record.hash, record.changed_at) = (hashed, now);
                    record.epoch = next_epoch(record.epoch);
                    (known.revision, record)
                }
                None => (0, admin(hashed, now)),
            };
            match self.shared.shelf.put(&key, record, revision).await {
                Ok(_) => return Ok(()),
                Err(ShelfError::Conflict) => {
                    self.shared.shelf.refresh().await.map_err(|error| ChangeError::Store(error.into()))?;
                }
                Err(error) => return Err(ChangeError::Store(error)),
            }
        }
        // What stands there cannot be read, or others write it all the time. Everybody else can still log in.
        tracing::error!("the user admin cannot be set up: its record cannot be read, or changes all the time");
        Ok(())
    }
}

fn admin(hash: Option<String>, now: Timestamp) -> UserRecord {
    let epoch = next_epoch(0);
    UserRecord {
        name: ADMIN.to_owned(),
        hash,
        roles: vec![Role::Admin],
        disabled: false,
        removed: false,
        epoch,
        tokens_since: epoch,
        is_from_environment: true,
        created_at: now,
        changed_at: now,
        changed_by: ENVIRONMENT.to_owned(),
    }
}
