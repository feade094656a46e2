//! Receives attempts to log in, gives those through that may be made now, and tells the others how long to wait.
//!
//! After some failures each further one doubles the wait, up to a minute: for the account, and for the network that it
//! came from. Nobody is locked out for good. Whoever fails on somebody else's account does not keep its owner out: from a
//! network where the owner is logged in, only the failures from there count. An attempt counts as failed until it is
//! known to be right, so that many at once gain nothing. What other gateways have seen counts as one's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ogent_broker::LoginOutcome;
use tokio::time::Instant;

use super::account::account;
use crate::limits::MAX_THROTTLED;

/// Failures of one account that cost no wait: people mistype, and forget which password it was.
const FREE_ACCOUNT: u32 = 5;
/// The same of one network: an office behind one address.
const FREE_NETWORK: u32 = 40;
/// Longest wait.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Failures are forgotten after such a time without another one.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);

/// Counts failed log-ins.
#[derive(Clone, Default)]
pub(super) struct Throttle {
    table: Arc<Mutex<HashMap<Key, Failures>>>,
}

/// One attempt that may be made. Without a word it has failed.
pub(super) struct Attempt {
    throttle: Throttle,
    keys: Vec<Key>,
    account: String,
    network: String,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(String),
    Network(String),
    Both(String, String),
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    /// The one before that.
    before: Instant,
}

// === impl Throttle ===

impl Throttle {
    /// An attempt on that account from that network. `is_familiar` where the account's owner is logged in from there.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn begin(&self, name: &str, network: &str, is_familiar: bool) -> Result<Attempt, Duration> {
        let (account, network) = (account(name), network.to_owned());
        let of_account = match is_familiar {
            true => Key::Both(account.clone(), network.clone()),
            false => Key::Account(account.clone()),
        };
        self.attempt(vec![of_account, Key::Network(network.clone())], account, network)
    }

    /// An attempt to guess a secret that names no account, from that network.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn begin_unnamed(&self, network: &str) -> Result<Attempt, Duration> {
        self.attempt(vec![Key::Network(network.to_owned())], String::new(), network.to_owned())
    }

    fn attempt(&self, keys: Vec<Key>, account: String, network: String) -> Result<Attempt, Duration> {
        let now = Instant::now();
        let mut table = self.table();
        let wait = keys.iter().filter_map(|key| table.get(key).map(|failures| failures.wait(key, now))).max();
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        keys.iter().for_each(|key| count(&mut table, key.clone(), now));
        drop(table);
        Ok(Attempt { throttle: self.clone(), keys, account, network })
    }

    /// What another gateway has seen.
    pub(super) fn hear(&self, outcome: LoginOutcome) {
        let LoginOutcome { account, network, is_right } = outcome;
        // Nothing but what gateways write: a hash and an address.
        if account.len() > 64 || network.len() > 64 {
            return;
        }
        let both = Key::Both(account.clone(), network.clone());
        let mut table = self.table();
        if is_right {
            table.remove(&Key::Account(account));
            table.remove(&both);
        } else {
            let now = Instant::now();
            [Key::Account(account), both, Key::Network(network)]
                .into_iter()
                .for_each(|key| count(&mut table, key, now));
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        // Nothing panics while it holds this lock; if something did, the map would still be whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Attempt ===

impl Attempt {
    /// The password was right: the account's failures are forgotten, those of the network are not, or one account of
    /// one's own would open the way to all others.
    pub(super) fn succeeded(self) -> LoginOutcome {
        self.undo();
        let mut table = self.throttle.table();
        self.keys.iter().filter(|key| !matches!(key, Key::Network(_))).for_each(|key| _ = table.remove(key));
        drop(table);
        self.outcome(true)
    }

    /// It was wrong.
    pub(super) fn failed(self) -> LoginOutcome {
        self.outcome(false)
    }

    /// Nothing was found out.
    pub(super) fn undo(&self) {
        let mut table = self.throttle.table();
        for key in &self.keys {
            if let Some(failures) = table.get_mut(key) {
                failures.count = failures.count.saturating_sub(1);
                // Or the failures would never age while somebody else succeeds.
                failures.last = failures.before;
            }
        }
    }

    fn outcome(&self, is_right: bool) -> LoginOutcome {
        LoginOutcome { account: self.account.clone(), network: self.network.clone(), is_right }
    }
}

// === impl Failures ===

impl Failures {
    fn wait(&self, key: &Key, now: Instant) -> Duration {
        let free = match key {
            Key::Network(_) => FREE_NETWORK,
            Key::Account(_) | Key::Both(..) => FREE_ACCOUNT,
        };
        let Some(beyond) = self.count.checked_sub(free).filter(|_| !self.is_forgotten(now)) else {
            return Duration::ZERO;
        };
        let wait = Duration::from_secs(1 << beyond.min(6)).min(MAX_WAIT);
        (self.last + wait).saturating_duration_since(now)
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= FORGET_AFTER
    }
}

fn count(table: &mut HashMap<Key, Failures>, key: Key, now: Instant) {
    if !table.contains_key(&key) && table.len() >= MAX_THROTTLED {
        table.retain(|_, failures| !failures.is_forgotten(now));
        // Those that wait longest stay longest: a flood of made-up names pushes out others like them first.
        if table.len() >= MAX_THROTTLED
            && let Some(least) = table.iter().min_by_key(|(key, it)| (it.wait(key, now), it.last)).map(|(key, _)| key)
        {
            let least = least.clone();
            table.remove(&least);
        }
    }
    let failures = table.entry(key).or_insert(Failures { count: 0, last: now, before: now });
    if failures.is_forgotten(now) {
        failures.count = 0;
    }
    failures.count = failures.count.saturating_add(1);
    failures.before = failures.last;
    failures.last = now;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle, name: &str, network: &str) -> Result<LoginOutcome, Duration> {
        throttle.begin(name, network, false).map(Attempt::failed)
    }

    #[tokio::test(start_paused = true)]
    async fn failures_cost_more_and_more_and_never_lock_for_good() {
        let throttle = Throttle::default();
        for _ in 0..FREE_ACCOUNT {
            assert!(fail(&throttle, "alice", "net").is_ok());
        }
        let mut waits = Vec::new();
        for _ in 0..9 {
            let wait = fail(&throttle, "Alice", "net").unwrap_err();
            waits.push(wait.as_secs());
            tokio::time::advance(wait).await;
            assert!(fail(&throttle, "alice", "net").is_ok());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        tokio::time::advance(FORGET_AFTER).await;
        assert!(fail(&throttle, "alice", "net").is_ok() && fail(&throttle, "alice", "net").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_gain_nothing() {
        let throttle = Throttle::default();
        let begun: Vec<_> = (0..100).filter_map(|_| throttle.begin("alice", "net", false).ok()).collect();
        assert_eq!(begun.len(), FREE_ACCOUNT as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attacker_does_not_keep_the_owner_out() {
        let throttle = Throttle::default();
        while fail(&throttle, "alice", "evil").is_ok() {}
        assert!(throttle.begin("alice", "office", false).is_err(), "nobody knows this network");
        let attempt = throttle.begin("alice", "home", true).ok().unwrap();
        attempt.succeeded();
        assert!(throttle.begin("alice", "home", true).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_s_own_account_does_not_open_the_others() {
        let throttle = Throttle::default();
        for n in 0..FREE_NETWORK {
            assert!(fail(&throttle, &format!("user{n}"), "net").is_ok());
        }
        let wait = fail(&throttle, "someone", "net").unwrap_err();
        tokio::time::advance(wait).await;
        throttle.begin("mallory", "net", false).ok().unwrap().succeeded();
        assert!(fail(&throttle, "another", "net").is_err() || fail(&throttle, "another", "net").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_other_gateways_have_seen_counts() {
        let (here, there) = (Throttle::default(), Throttle::default());
        for _ in 0..FREE_ACCOUNT {
            there.hear(fail(&here, "alice", "net").unwrap());
        }
        assert!(fail(&there, "alice", "other").is_err());
        tokio::time::advance(Duration::from_secs(1)).await;
        there.hear(here.begin("alice", "net", false).ok().unwrap().succeeded());
        assert!(fail(&there, "alice", "other").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..MAX_THROTTLED + 100 {
            let _ = fail(&throttle, &format!("user{n}"), &format!("net{n}"));
            if n % 64 == 0 && throttle.table().len() >= MAX_THROTTLED {
                break;
            }
        }
        assert!(throttle.table().len() <= MAX_THROTTLED);
    }
}
