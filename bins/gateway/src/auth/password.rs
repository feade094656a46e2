//! Receives a name and a password from `people`, gives back whether they belong together.
//!
//! A hash costs 19 MiB and a processor on purpose, so few are computed at once and few may wait: a flood of logins
//! is refused instead of starving the commands of others.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use ogent_runtime::Secret;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use super::users::{ADMIN, User};
use crate::limits::{LOGINS_AT_ONCE, LOGINS_QUEUED};

/// OWASP's baseline for argon2id: 19 MiB, two passes, one lane.
pub(super) const MEMORY_KIB: u32 = 19_456;
pub(super) const PASSES: u32 = 2;
pub(super) const LANES: u32 = 1;

/// A password that cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// The library refuses its parameters.
    #[error("argon2 refuses its parameters")]
    Params(#[source] argon2::Error),
    /// The password or the system's randomness is not usable.
    #[error("the password cannot be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// The thread that computed it is gone.
    #[error("the hash was not computed")]
    Gone(#[source] JoinError),
}

/// Why a login has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// Too many logins are under way.
    #[error("too many logins at once")]
    Busy,
    /// The check itself failed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The users and their password hashes.
pub(crate) struct Passwords {
    users: RwLock<HashMap<String, Arc<PasswordHash>>>,
    admin: Arc<PasswordHash>,
    queue: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    memories: Memories,
}

/// What hashes are computed in, kept for the next ones: there are as many as turns. Allocated anew in a thread of its
/// own each time, it would stay in the allocator's arena of that thread for good, and there are many threads.
#[derive(Clone, Default)]
struct Memories(Arc<Mutex<Vec<Vec<Block>>>>);

// === impl Passwords ===

impl Passwords {
    /// `admin`, who may do everything and has this password, and others.
    ///
    /// # Errors
    /// When the password cannot be hashed.
    pub(crate) async fn of(password: Secret, others: Vec<User>) -> Result<Self, HashError> {
        let hash = spawn_blocking(move || hash(&password)).await.map_err(HashError::Gone)??;
        let passwords = Self {
            users: RwLock::default(),
            admin: Arc::new(hash),
            queue: Arc::new(Semaphore::new(LOGINS_QUEUED)),
            turns: Arc::new(Semaphore::new(LOGINS_AT_ONCE)),
            memories: Memories::default(),
        };
        passwords.replace(others);
        Ok(passwords)
    }

    /// Others take the place of those who were there beside `admin`.
    pub(crate) fn replace(&self, others: Vec<User>) {
        let others = others.into_iter().map(|user| (user.name, Arc::new(user.hash)));
        let users = others.chain([(ADMIN.to_owned(), Arc::clone(&self.admin))]).collect();
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
    }

    /// Whether there is that user, and that is its password. Takes the same time for those that do not exist.
    ///
    /// # Errors
    /// When too many logins are under way, or the check fails.
    pub(crate) async fn check(&self, username: &str, password: Secret) -> Result<bool, LoginError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| LoginError::Busy)?;
        // A closed semaphore does not occur: nobody closes it.
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| LoginError::Busy)?;
        let memories = self.memories.clone();
        let user = self.users.read().unwrap_or_else(PoisonError::into_inner).get(username).cloned();
        // The admin's hash stands in for users that do not exist.
        let is_known = user.is_some();
        let hash = user.unwrap_or_else(|| Arc::clone(&self.admin));
        let is_right = spawn_blocking(move || {
            // The permits end with the work, not with the request: a client that hangs up frees no processor.
            let _held = (place, turn);
            let mut memory = memories.take();
            let is_right = verify(&password, &hash, &mut memory);
            memories.give_back(memory);
            is_right
        })
        .await
        .map_err(HashError::Gone)?;
        Ok(is_known && is_right)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

// === impl Memories ===

impl Memories {
    fn take(&self) -> Vec<Block> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, memory: Vec<Block>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

/// Whether the password has this hash; the comparison takes the same time wherever they differ.
fn verify(password: &Secret, hash: &PasswordHash, memory: &mut Vec<Block>) -> bool {
    let (Some(salt), Some(wanted)) = (&hash.salt, &hash.hash) else { return false };
    let Ok(params) = Params::try_from(hash) else { return false };
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let password = password.expose().as_bytes();
    let mut found = vec![0; wanted.len()];
    let computed = argon2.hash_password_into_with_memory(password, salt, &mut found, &mut memory[..]);
    computed.is_ok() && Output::new(&found).is_ok_and(|found| found == *wanted)
}

pub(super) fn hash(password: &Secret) -> Result<PasswordHash, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(HashError::Params)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(password.expose().as_bytes()).map_err(HashError::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_taken() {
        let passwords = Passwords::of(secret("correct horse"), Vec::new()).await.unwrap();
        let right = passwords.check("admin", secret("correct horse")).await.unwrap();
        assert!(right);
        assert!(!passwords.check("admin", secret("correct hors")).await.unwrap());
        // The stand-in hash is the admin's: its password must still open no other account.
        assert!(!passwords.check("root", secret("correct horse")).await.unwrap());
    }

    #[tokio::test]
    async fn others_have_their_own_passwords() {
        let line = crate::auth::user_line("bob", &["approver"], &secret("battery staple")).unwrap();
        let folder = std::env::temp_dir().join(format!("ogent-users-{}", std::process::id()));
        std::fs::write(&folder, line).unwrap();
        let users = crate::auth::read_users(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let passwords = Passwords::of(secret("correct horse"), users).await.unwrap();
        assert!(passwords.check("bob", secret("battery staple")).await.unwrap());
        assert!(!passwords.check("bob", secret("correct horse")).await.unwrap());
        assert!(passwords.check("admin", secret("correct horse")).await.unwrap());
        passwords.replace(Vec::new());
        assert!(!passwords.check("bob", secret("battery staple")).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_have_the_parameters_that_were_asked_for() {
        let text = hash(&secret("correct horse")).unwrap().to_string();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    }

    #[tokio::test]
    async fn a_flood_of_logins_is_refused() {
        let passwords = Passwords::of(secret("correct horse"), Vec::new()).await.unwrap();
        let _all = passwords.queue.acquire_many(u32::try_from(LOGINS_QUEUED).unwrap()).await.unwrap();
        let refused = passwords.check("admin", secret("correct horse")).await;
        assert!(matches!(refused, Err(LoginError::Busy)));
    }
}
