//! Receives people who have proved who they are in a browser, gives each a secret for its cookie; and receives the secret, gives
//! back who that is.
//!
//! The secret is kept nowhere but in the browser: the bucket has its hash as the key, so whoever can read the bucket can
//! be nobody. Every gateway asks the bucket anew, so a session that was ended anywhere is ended everywhere.

use std::time::Duration;

use data_encoding::HEXLOWER;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use ogent_broker::{AppendError, Broker, BrokerError, Kept, ReadError, Vault};
use ogent_protocol::subject::SESSIONS_BUCKET;
use ogent_runtime::{Secret, random_secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::access::Role;
use crate::limits::{SESSION_AGE, SESSION_CHECK_EVERY, SESSION_IDLE, SESSION_TOUCH_AFTER, SSO_SESSION_AGE};

/// The first token of the keys.
const PREFIX: &str = "browser";
/// Bytes of randomness in a secret.
pub(super) const SECRET_BYTES: usize = 32;
/// Ends of sessions that one connection may leave unread. One that misses some asks the bucket.
const ENDS: usize = 256;

/// The sessions of browsers.
#[derive(Clone)]
pub(crate) struct BrowserSessions {
    vault: Vault,
    ended: broadcast::Sender<SessionKey>,
}

/// What names a session, to those who may not use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionKey(String);

/// Somebody's session.
#[derive(Debug, Clone)]
pub(crate) struct BrowserSession {
    /// Which.
    pub(crate) key: SessionKey,
    /// Whose.
    pub(crate) user: String,
    /// The epoch that the user had when it began; `None` where somebody else has vouched.
    pub(crate) epoch: Option<u64>,
    /// The roles that somebody else has vouched for; `None` for the gateway's own users, whose roles are looked up.
    pub(crate) granted: Option<Vec<Role>>,
    /// When it ends, if nobody uses it before.
    pub(crate) ends_at: Timestamp,
}

/// What the bucket keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<Vec<Role>>,
    begun: Timestamp,
    seen: Timestamp,
}

/// Why nobody can be let in or out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The bucket cannot be read.
    #[error("sessions cannot be read")]
    Read(#[from] ReadError),
    /// The bucket cannot be written.
    #[error("sessions cannot be written")]
    Write(#[from] AppendError),
    /// There is no randomness.
    #[error("the system has no randomness")]
    Random(#[from] std::io::Error),
}

// === impl BrowserSessions ===

impl BrowserSessions {
    /// Follows what ends at any gateway, until `stop`.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn follow(broker: &Broker, stop: CancellationToken) -> Result<Self, BrokerError> {
        let vault = Vault::new(broker, SESSIONS_BUCKET);
        let (ended, _) = broadcast::channel(ENDS);
        let mut removed = vault.removed(PREFIX).await?;
        let tell = ended.clone();
        tokio::spawn(async move {
            let listen = async {
                while let Some(key) = removed.next().await {
                    // Nobody may be listening now.
                    let _ = tell.send(SessionKey(key));
                }
            };
            tokio::select! {
                () = listen => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Self { vault, ended })
    }

    /// Begins a session for somebody who has proved to be `user`.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) async fn begin(
        &self,
        user: &str,
        epoch: Option<u64>,
        granted: Option<Vec<Role>>,
    ) -> Result<Secret, SessionError> {
        let secret = random_secret(SECRET_BYTES)?;
        let now = Timestamp::now();
        let record = Record { user: user.to_owned(), epoch, granted, begun: now, seen: now };
        let SessionKey(key) = SessionKey::of(&secret);
        self.vault.put(&key, &record, 0, SESSION_IDLE).await?;
        Ok(secret)
    }

    /// The session of whoever knows that secret, which counts as a use of it.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn find(&self, secret: &Secret) -> Result<Option<BrowserSession>, SessionError> {
        let key = SessionKey::of(secret);
        let Some(kept) = self.kept(&key).await? else { return Ok(None) };
        let now = Timestamp::now();
        if now.duration_since(kept.value.seen) < signed(SESSION_TOUCH_AFTER) {
            return Ok(kept.value.session(key));
        }
        let record = Record { seen: now, ..kept.value };
        let ttl = Duration::try_from(record.ends_at().duration_since(now)).unwrap_or_default();
        match self.vault.put(&key.0, &record, kept.revision, ttl).await {
            Ok(_) => {}
            // Another request has done it, or has ended the session: that one is right.
            Err(AppendError::Conflict(_)) => return self.get(&key).await,
            // It stays usable as long as before.
            Err(error) => tracing::debug!(%error, "the use of a session cannot be noted"),
        }
        Ok(record.session(key))
    }

    /// The session of that name, if it goes on.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn get(&self, key: &SessionKey) -> Result<Option<BrowserSession>, SessionError> {
        Ok(self.kept(key).await?.and_then(|kept| kept.value.session(key.clone())))
    }

    /// Ends a session everywhere.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn end(&self, key: &SessionKey) -> Result<(), SessionError> {
        // A use that is noted at this moment may come between.
        for _ in 0..5 {
            let Some(kept) = self.vault.get::<Record>(&key.0).await? else { return Ok(()) };
            match self.vault.remove(&key.0, kept.revision).await {
                Ok(()) => return Ok(()),
                Err(AppendError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppendError::Conflict(None).into())
    }

    /// Resolves when that session has ended: soon after it is ended anywhere, and some time after it has run out.
    pub(crate) fn ended(&self, key: SessionKey) -> impl Future<Output = ()> + Send + use<> {
        let mut ends = self.ended.subscribe();
        let sessions = self.clone();
        async move {
            loop {
                let told = tokio::select! {
                    told = ends.recv() => told,
                    () = sleep(SESSION_CHECK_EVERY) => Err(broadcast::error::RecvError::Lagged(0)),
                };
                match told {
                    Ok(ended) if ended == key => return,
                    Ok(_) => {}
                    // Something may have been missed. A broker that is away ends nobody's session.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        if matches!(sessions.get(&key).await, Ok(None)) {
                            return;
                        }
                    }
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        }
    }

    async fn kept(&self, key: &SessionKey) -> Result<Option<Kept<Record>>, ReadError> {
        let kept = self.vault.get::<Record>(&key.0).await?;
        Ok(kept.filter(|kept| kept.value.ends_at() > Timestamp::now()))
    }
}

// === impl SessionKey ===

impl SessionKey {
    pub(crate) fn of(secret: &Secret) -> Self {
        Self(format!("{PREFIX}.{}", hash(secret)))
    }
}

// === impl Record ===

impl Record {
    fn ends_at(&self) -> Timestamp {
        let idle = self.seen.saturating_add(signed(SESSION_IDLE)).unwrap_or(self.seen);
        let age = if self.granted.is_some() { SSO_SESSION_AGE } else { SESSION_AGE };
        let old = self.begun.saturating_add(signed(age)).unwrap_or(self.begun);
        idle.min(old)
    }

    fn session(self, key: SessionKey) -> Option<BrowserSession> {
        let ends_at = self.ends_at();
        Some(BrowserSession { key, user: self.user, epoch: self.epoch, granted: self.granted, ends_at })
    }
}

/// What stands for a secret where others may read it. It is random and long, so a fast hash keeps it.
pub(super) fn hash(secret: &Secret) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.expose().as_bytes()))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_idleness_and_by_age() {
        let begun: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let record =
            |seen: &str| Record { user: "u".into(), epoch: Some(1), granted: None, begun, seen: seen.parse().unwrap() };
        let ends = |seen: &str| record(seen).ends_at().to_string();
        assert_eq!(ends("2026-05-01T00:00:00Z"), "2026-05-01T12:00:00Z");
        assert_eq!(ends("2026-05-05T03:00:00Z"), "2026-05-05T15:00:00Z");
        assert_eq!(ends("2026-05-07T23:00:00Z"), "2026-05-08T00:00:00Z");
        let vouched_for = Record { granted: Some(vec![Role::Viewer]), ..record("2026-05-01T11:00:00Z") };
        assert_eq!(vouched_for.ends_at().to_string(), "2026-05-01T12:00:00Z");
    }

    #[test]
    fn the_key_is_a_hash() {
        let key = SessionKey::of(&Secret::new("abc".to_owned()));
        let expected = "browser.ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(key, SessionKey(expected.to_owned()));
    }
}
