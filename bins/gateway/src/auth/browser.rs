//! Receives people who have proved who they are in a browser, gives each a secret for its cookie; and receives the secret, gives
//! back who that is.
//!
//! The secret is kept nowhere but in the browser: the bucket has its hash as the key, so whoever can read the bucket can
//! be nobody. Every gateway asks the bucket anew, so a session that was ended anywhere is ended everywhere.

mod record;

use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use ogent_broker::{AppendError, Broker, BrokerError, Kept, ReadError, Vault};
use ogent_protocol::GrantId;
use ogent_protocol::subject::SESSIONS_BUCKET;
use ogent_runtime::{Secret, random_secret};
use tokio::sync::broadcast;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::record::{Record, signed};
use super::authority::Origin;
use crate::access::Role;
use crate::limits::{MAX_GRANTS_EACH, SESSION_CHECK_EVERY, SESSION_IDLE, SESSION_TOUCH_AFTER};

pub(crate) use record::SessionKey;
pub(super) use record::hash;

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
    /// When it began.
    pub(crate) begun: Timestamp,
    /// When it was last used, to within [`SESSION_TOUCH_AFTER`].
    pub(crate) seen: Timestamp,
    /// From where its owner logged in.
    pub(crate) address: Option<String>,
    /// With which program.
    pub(crate) user_agent: Option<String>,
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
        let mut removed = vault.removed(&SessionKey::all()).await?;
        let tell = ended.clone();
        tokio::spawn(async move {
            let listen = async {
                while let Some(key) = removed.next().await {
                    // Nobody may be listening now.
                    let _ = tell.send(SessionKey::stored(key));
                }
            };
            tokio::select! {
                () = listen => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Self { vault, ended })
    }

    /// Begins a session for somebody who has proved to be `user`. Where there are [`MAX_GRANTS_EACH`], the one that was
    /// used longest ago makes room.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) async fn begin(
        &self,
        user: &str,
        epoch: Option<u64>,
        granted: Option<Vec<Role>>,
        from: &Origin,
    ) -> Result<Secret, SessionError> {
        let mut others = self.list(Some(user)).await?;
        while others.len() >= MAX_GRANTS_EACH {
            let Some(oldest) = others.pop() else { break };
            self.end(&oldest.key).await?;
        }
        let secret = SessionKey::secret_for(user, &random_secret(SECRET_BYTES)?);
        let now = Timestamp::now();
        let (address, user_agent) = (Some(from.address.to_string()), from.user_agent.clone());
        let record = Record { user: user.to_owned(), epoch, granted, begun: now, seen: now, address, user_agent };
        let key = SessionKey::of(&secret);
        self.vault.put(key.as_str(), &record, 0, SESSION_IDLE).await?;
        Ok(secret)
    }

    /// The sessions of one user, or of all; the one used last first.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn list(&self, user: Option<&str>) -> Result<Vec<BrowserSession>, SessionError> {
        let prefix = user.map_or_else(SessionKey::all, SessionKey::all_of);
        let now = Timestamp::now();
        let found = self.vault.list::<Record>(&prefix).await?.into_iter();
        let sessions = found.map(|(key, record)| record.session(SessionKey::stored(key)));
        let is_wanted = |one: &BrowserSession| one.ends_at > now && user.is_none_or(|user| one.user == user);
        let mut sessions: Vec<_> = sessions.filter(is_wanted).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen));
        Ok(sessions)
    }

    /// The session with this id: of one user, or of any.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn named(&self, id: &GrantId, user: Option<&str>) -> Result<Option<BrowserSession>, SessionError> {
        Ok(self.list(user).await?.into_iter().find(|session| session.key.id().as_ref() == Some(id)))
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
            return Ok(Some(kept.value.session(key)));
        }
        let record = Record { seen: now, ..kept.value };
        let ttl = Duration::try_from(record.ends_at().duration_since(now)).unwrap_or_default();
        match self.vault.put(key.as_str(), &record, kept.revision, ttl).await {
            Ok(_) => {}
            // Another request has done it, or has ended the session: that one is right.
            Err(AppendError::Conflict(_)) => return self.get(&key).await,
            // It stays usable as long as before.
            Err(error) => tracing::debug!(%error, "the use of a session cannot be noted"),
        }
        Ok(Some(record.session(key)))
    }

    /// The session of that name, if it goes on.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn get(&self, key: &SessionKey) -> Result<Option<BrowserSession>, SessionError> {
        Ok(self.kept(key).await?.map(|kept| kept.value.session(key.clone())))
    }

    /// Ends a session everywhere.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn end(&self, key: &SessionKey) -> Result<(), SessionError> {
        // A use that is noted at this moment may come between.
        for _ in 0..5 {
            let Some(kept) = self.vault.get::<Record>(key.as_str()).await? else { return Ok(()) };
            match self.vault.remove(key.as_str(), kept.revision).await {
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
        let kept = self.vault.get::<Record>(key.as_str()).await?;
        Ok(kept.filter(|kept| kept.value.ends_at() > Timestamp::now()))
    }
}
