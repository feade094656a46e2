//! Receives names and passwords from `http`, gives persons with their roles to `auth` and `access`: from memory, kept fresh
//! from the bucket `users`, and from the users file, whose people cannot be changed here.

mod admin;
mod change;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use ogent_access::PersonName;
use ogent_broker::{Broker, BrokerError, Shelf};
use ogent_protocol::subject::USERS_BUCKET;
use ogent_runtime::Secret;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use change::{ChangeError, Wish};
use record::UserRecord;
pub(crate) use record::{Account, Person};

use crate::auth::{HashError, LoginError, Passwords, User};

/// Changes that wait for one listener.
const CHANGES: usize = 1024;

/// Why there are no people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    /// The bucket cannot be read.
    #[error("the users cannot be read")]
    Broker(#[from] BrokerError),
    /// The admin's password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The admin cannot be written down.
    #[error("the user admin cannot be set up")]
    Admin(#[source] ChangeError),
}

/// Everybody who may log in.
#[derive(Clone)]
pub(crate) struct People {
    shared: Arc<Shared>,
}

struct Shared {
    shelf: Shelf<UserRecord>,
    passwords: Passwords,
    /// Those of the users file, by the key of their name. The bucket goes before it.
    file: BTreeMap<String, Account>,
    changes: broadcast::Sender<Arc<Person>>,
    changed: watch::Sender<u64>,
    /// One change at a time in this process; between processes the bucket decides.
    writing: tokio::sync::Mutex<()>,
}

// === impl People ===

impl People {
    /// Reads the people, follows them until `shutdown`, and sees to it that there is an admin: who is in the bucket, or
    /// gets `admin_password`.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub(crate) async fn open(
        broker: &Broker,
        admin_password: Secret,
        file: Vec<User>,
        shutdown: CancellationToken,
    ) -> Result<Self, PeopleError> {
        let shelf = Shelf::follow(broker, USERS_BUCKET, shutdown.clone()).await?;
        let file = file.into_iter().filter_map(|user| Some((key(&user.name)?, Account::from_file(user)))).collect();
        let (changes, _) = broadcast::channel(CHANGES);
        let (changed, _) = watch::channel(0);
        let (passwords, writing) = (Passwords::new().await?, tokio::sync::Mutex::default());
        let people = Self { shared: Arc::new(Shared { shelf, passwords, file, changes, changed, writing }) };
        let heard = people.shared.shelf.subscribe();
        people.set_up_admin(admin_password).await.map_err(PeopleError::Admin)?;
        tokio::spawn(people.clone().tell(heard, shutdown));
        Ok(people)
    }

    /// The person of that name, if that is their password and they may log in. Takes as long for everybody.
    ///
    /// # Errors
    /// When too many logins are under way, or the check fails.
    pub(crate) async fn check(&self, name: &str, password: Secret) -> Result<Option<Arc<Person>>, LoginError> {
        let account = self.account(name);
        let hash = account.as_ref().and_then(|account| PasswordHash::new(account.hash.as_deref()?).ok()).map(Arc::new);
        let is_right = self.shared.passwords.is_right(hash, password).await?;
        let person = account.map(|account| account.person).filter(|person| is_right && !person.disabled);
        Ok(person.map(Arc::new))
    }

    /// The person of that name as they are now: from memory. Those who were removed are disabled.
    #[must_use]
    pub(crate) fn current(&self, name: &str) -> Option<Arc<Person>> {
        self.account(name).map(|account| Arc::new(account.person))
    }

    /// Everybody who is changed from now on, as they are then. Who has missed some looks at all of them again.
    #[must_use]
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<Person>> {
        self.shared.changes.subscribe()
    }

    /// Tells when anybody was changed.
    #[must_use]
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Everybody, by name; without those who were removed.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<Account> {
        let mut found = self.shared.file.clone();
        for shelved in self.shared.shelf.list() {
            match shelved.value.removed {
                true => drop(found.remove(&shelved.key)),
                false => drop(found.insert(shelved.key.clone(), Account::from(&shelved.value))),
            }
        }
        found.into_values().collect()
    }

    /// The account of that name, removed ones as well.
    #[must_use]
    pub(crate) fn account(&self, name: &str) -> Option<Account> {
        let key = key(name)?;
        match self.shared.shelf.get(&key) {
            Some(shelved) if !(shelved.value.removed && self.shared.file.contains_key(&key)) => {
                Some(Account::from(&shelved.value))
            }
            _ => self.shared.file.get(&key).cloned(),
        }
    }

    /// The same without those who were removed.
    #[must_use]
    pub(crate) fn list_one(&self, name: &str) -> Option<Account> {
        self.account(name).filter(|account| !account.is_removed)
    }

    async fn tell(
        self,
        mut heard: broadcast::Receiver<Arc<ogent_broker::Shelved<UserRecord>>>,
        stop: CancellationToken,
    ) {
        loop {
            let name = tokio::select! {
                () = stop.cancelled() => return,
                heard = heard.recv() => match heard {
                    Ok(shelved) => Some(shelved.value.name.clone()),
                    Err(broadcast::error::RecvError::Lagged(_)) => None,
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            };
            let all = || self.list().into_iter().map(|account| Arc::new(account.person)).collect::<Vec<_>>();
            let changed = name.map_or_else(all, |name| self.current(&name).into_iter().collect());
            changed.into_iter().for_each(|person| drop(self.shared.changes.send(person)));
            self.shared.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// The key of a name; `None` where it is no name, and so nobody's.
fn key(name: &str) -> Option<String> {
    name.parse::<PersonName>().ok().map(|name| name.key())
}
