//! Receives names and passwords from `auth`, gives who that is; receives the users file as it changes, gives every change.
//!
//! Everything is answered from memory. A person who is not in the file any more is nobody from then on.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use ogent_runtime::Secret;
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::access::Role;
use crate::auth::{ADMIN, HashError, LoginError, Passwords, User, read_users};

/// How often the users file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Changes that wait for one listener; one that is slower looks at everybody.
const CHANGES: usize = 256;

/// Somebody who may log in, or could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The name.
    pub(crate) name: String,
    /// What that person may be.
    pub(crate) roles: Vec<Role>,
    /// Whether that person may do nothing at all.
    pub(crate) disabled: bool,
    /// Another one after each change of what the person may do or is known by.
    pub(crate) epoch: u64,
}

/// All people.
#[derive(Clone)]
pub(crate) struct People {
    shared: Arc<Shared>,
}

struct Shared {
    passwords: Passwords,
    people: RwLock<HashMap<String, Arc<Person>>>,
    changes: broadcast::Sender<Arc<Person>>,
}

// === impl People ===

impl People {
    /// `admin` with this password, and others.
    ///
    /// # Errors
    /// When the password cannot be hashed.
    pub(crate) async fn of(admin: Secret, others: Vec<User>) -> Result<Self, HashError> {
        let people = RwLock::new(persons(&others));
        let passwords = Passwords::of(admin, others).await?;
        let (changes, _) = broadcast::channel(CHANGES);
        Ok(Self { shared: Arc::new(Shared { passwords, people, changes }) })
    }

    /// Takes over what changes in the users file, until `shutdown`.
    pub(crate) fn watch(&self, file: PathBuf, shutdown: CancellationToken) {
        let people = self.clone();
        tokio::spawn(async move {
            let (mut seen, mut tick) = (mark(&file), tokio::time::interval(LOOK_EVERY));
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = tick.tick() => {}
                }
                let now = mark(&file);
                if now == seen {
                    continue;
                }
                match read_users(&file) {
                    Ok(users) => {
                        people.replace(users);
                        seen = now;
                    }
                    // Somebody may be writing it just now, or has made a mistake: what was, stays.
                    Err(error) => tracing::warn!(%error, "the users file has changed and cannot be used"),
                }
            }
        });
    }

    /// Who that is, if the password is right and the person may log in.
    ///
    /// # Errors
    /// When too many logins are under way, or the check fails.
    pub(crate) async fn check(&self, name: &str, password: Secret) -> Result<Option<Arc<Person>>, LoginError> {
        let is_right = self.shared.passwords.check(name, password).await?;
        Ok(self.current(name).filter(|person| is_right && !person.disabled))
    }

    /// The person of that name as things stand.
    pub(crate) fn current(&self, name: &str) -> Option<Arc<Person>> {
        self.shared.people.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every change from now on. Somebody who is gone comes as disabled.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<Person>> {
        self.shared.changes.subscribe()
    }

    fn replace(&self, users: Vec<User>) {
        let now = persons(&users);
        self.shared.passwords.replace(users);
        let before = {
            let mut people = self.shared.people.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *people, now.clone())
        };
        let gone = before.values().filter(|person| !now.contains_key(&person.name));
        let gone = gone.map(|person| Arc::new(Person { disabled: true, ..Person::clone(person) }));
        let changed = now.values().filter(|person| before.get(&person.name) != Some(person)).cloned();
        for person in gone.chain(changed) {
            tracing::info!(user = person.name, gone = person.disabled, "the users file has changed somebody");
            // Nobody may listen.
            let _ = self.shared.changes.send(person);
        }
    }
}

fn persons(users: &[User]) -> HashMap<String, Arc<Person>> {
    // The admin changes with the gateway's own configuration only.
    let admin = Person { name: ADMIN.to_owned(), roles: vec![Role::Admin], disabled: false, epoch: 0 };
    let others = users.iter().map(|user| Person {
        name: user.name().to_owned(),
        roles: user.roles().to_vec(),
        disabled: false,
        epoch: epoch(user),
    });
    others.chain([admin]).map(|person| (person.name.clone(), Arc::new(person))).collect()
}

/// A file has no counter, but what it says of somebody has a hash: the same on every gateway that has the same file.
fn epoch(user: &User) -> u64 {
    let digest = Sha256::digest(format!("{:?}\n{}", user.roles(), user.hash()).as_bytes());
    // 48 bits: whole in any JSON number.
    digest.iter().take(6).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn mark(file: &std::path::Path) -> Option<(SystemTime, u64)> {
    let facts = std::fs::metadata(file).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}
