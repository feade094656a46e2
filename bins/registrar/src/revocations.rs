//! Receives which keys may not connect, sees to it that the broker knows: it then cuts their connections at once.
//!
//! The account's token is made anew from what the broker has and from all identities. Whoever gives the broker one looks
//! again afterwards, so that of two registrars who do so at once the last one sees what the other has written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::credentials::{AccountClaims, Claims, JwtError, jwt};
use ogent_broker::enroll::{AccountClaimsError, Accounts, Book};
use ogent_broker::{Broker, ReadError};
use ogent_protocol::{Identity, UserKey};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;

/// A revoked key never comes back, whatever the clock of the registrar says that issued its last token: 9999-12-31.
const FOR_EVER: i64 = 253_402_300_799;
/// How often the broker is looked at when nothing has changed: it may have been restored from a copy.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// How soon again after a failure.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Two registrars who write at once need two rounds; more than a few mean that something else writes, too.
const ROUNDS: usize = 6;

/// Keeps the broker's account in step with the identities.
#[derive(Debug, Clone)]
pub(crate) struct Revocations(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keys: Arc<Keys>,
    identities: Book<Identity>,
    accounts: Accounts,
    system: Broker,
    /// Keys that the broker is known to refuse.
    told: RwLock<BTreeSet<String>>,
    /// One round at a time.
    turn: Mutex<()>,
    wake: Notify,
}

/// The broker may not know yet who is revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevokeError {
    /// The identities cannot be read.
    #[error("the identities cannot be read")]
    Read(#[from] ReadError),
    /// The broker does not take the account's token.
    #[error("the broker does not take it")]
    Accounts(#[from] AccountClaimsError),
    /// The account's token cannot be made.
    #[error("the account's token cannot be made")]
    Token(#[from] JwtError),
    /// Others write at the same time.
    #[error("the account is changed by others all the time")]
    Contested,
}

// === impl Revocations ===

impl Revocations {
    /// For the account that `keys` name, over a connection of the system account.
    pub(crate) fn new(keys: Arc<Keys>, identities: Book<Identity>, system: &Broker) -> Self {
        let (accounts, system) = (Accounts::new(system), system.clone());
        let (told, turn, wake) = (RwLock::default(), Mutex::default(), Notify::new());
        Self(Arc::new(Shared { keys, identities, accounts, system, told, turn, wake }))
    }

    /// Returns when the broker refuses every key that this identity bars. Without such keys it costs nothing.
    pub(crate) async fn settle(&self, identity: &Identity) -> Result<(), RevokeError> {
        let barred: BTreeSet<String> = identity.barred(Timestamp::now()).map(ToString::to_string).collect();
        if barred.is_empty() || barred.is_subset(&self.told()) {
            return Ok(());
        }
        let told = self.bring_up_to_date(&barred).await;
        if told.is_err() {
            self.0.wake.notify_one();
        }
        told
    }

    /// Whether this key is one that the broker was told to refuse, under whatever id it was.
    pub(crate) fn has_barred(&self, key: &UserKey) -> bool {
        self.0.told.read().unwrap_or_else(PoisonError::into_inner).contains(key.as_str())
    }

    /// Keeps the broker up to date, until `stop`.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let mut connection = self.0.system.state();
        loop {
            let pause = match self.bring_up_to_date(&BTreeSet::new()).await {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the broker may not know yet who is revoked");
                    RETRY_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.0.wake.notified() => tokio::time::sleep(RETRY_EVERY).await,
                // A broker that comes back may have forgotten.
                Ok(()) = connection.changed() => {}
            }
        }
    }

    fn told(&self) -> BTreeSet<String> {
        self.0.told.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `also` are keys that have just been written down: a copy of the bucket in a cluster may lag behind.
    async fn bring_up_to_date(&self, also: &BTreeSet<String>) -> Result<(), RevokeError> {
        let _turn = self.0.turn.lock().await;
        for _ in 0..ROUNDS {
            let now = Timestamp::now();
            let (identities, unreadable) = self.0.identities.all().await?;
            let mut barred: BTreeSet<String> =
                identities.iter().flat_map(|one| one.barred(now)).map(ToString::to_string).collect();
            barred.extend(also.iter().cloned());
            let has = self.current().await?;
            // Somebody may have led an answer of the broker over a record: who is shut out by what cannot be read stays out.
            if unreadable > 0 {
                let kept = has.claims.nats.revocations.iter().filter(|(_, until)| **until == FOR_EVER);
                barred.extend(kept.map(|(key, _)| key.clone()));
            }
            let wanted = wanted(&has.claims.nats.revocations, &barred);
            if has.is_known && wanted == has.claims.nats.revocations {
                *self.0.told.write().unwrap_or_else(PoisonError::into_inner) = barred;
                return Ok(());
            }
            let count = barred.len();
            let mut claims = has.claims;
            // The broker keeps the later one of two.
            claims.iat = now.as_second().max(claims.iat.saturating_add(1));
            claims.nats.revocations = wanted;
            self.0.accounts.update(jwt::encode(&self.0.keys.operator, claims)?).await?;
            tracing::info!(revoked = count, "the broker was told who is revoked");
        }
        Err(RevokeError::Contested)
    }

    /// The account's token: the broker's, where the operator has vouched for it, or the one that `ogent init` has made,
    /// if it is newer.
    async fn current(&self) -> Result<Current, RevokeError> {
        let operators = self.0.keys.operators();
        let own: Claims<AccountClaims> = jwt::decode(&self.0.keys.account_token, &operators)?;
        let published = self.0.accounts.lookup(&self.0.keys.account).await?;
        let published = published.and_then(|token| jwt::decode::<AccountClaims>(&token, &operators).ok());
        Ok(match published.filter(|published| published.sub == own.sub) {
            Some(published) if published.iat >= own.iat => Current { claims: published, is_known: true },
            // Keys that were revoked by other means stay so.
            Some(published) => {
                let mut claims = own;
                claims.nats.revocations.extend(published.nats.revocations);
                Current { claims, is_known: false }
            }
            None => Current { claims: own, is_known: false },
        })
    }
}

struct Current {
    claims: Claims<AccountClaims>,
    /// Whether the broker has it.
    is_known: bool,
}

/// What is revoked by other means stays; what was revoked here and has ended by itself goes.
fn wanted(has: &BTreeMap<String, i64>, barred: &BTreeSet<String>) -> BTreeMap<String, i64> {
    let others = has.iter().filter(|(_, until)| **until != FOR_EVER).map(|(key, until)| (key.clone(), *until));
    others.chain(barred.iter().map(|key| (key.clone(), FOR_EVER))).collect()
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_revoked_stays() {
        let has = BTreeMap::from([("*".to_owned(), 5), ("UOLD".to_owned(), FOR_EVER), ("UA".to_owned(), 7)]);
        let barred = BTreeSet::from(["UA".to_owned(), "UB".to_owned()]);
        let expected = [("*", 5), ("UA", FOR_EVER), ("UB", FOR_EVER)].map(|(key, until)| (key.to_owned(), until));
        assert_eq!(wanted(&has, &barred), BTreeMap::from(expected));
    }
}
