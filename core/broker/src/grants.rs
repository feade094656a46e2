//! Receives sessions and API tokens from gateways, keeps them in a bucket, and gives each gateway a picture of them that
//! is asked without waiting.
//!
//! Ids are never given twice, so what has ended stays ended, in whatever order its messages come. That a grant is there is
//! only believed from the bucket itself; that it is gone, from a live message too. While the broker cannot be heard, the
//! picture grows old, and says so ([`Grants::is_fresh`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use async_nats::Message;
use futures::StreamExt as _;
use jiff::Timestamp;
use ogent_protocol::subject::SESSIONS_BUCKET;
use ogent_protocol::{Encoding, Grant, GrantId};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::append::{AppendError, Entry, Stored};
use crate::connect::{Broker, BrokerError};
use crate::direct::{ReadError, Record, was_given_out};
use crate::listen::Published;
use crate::presence;

/// How often the bucket is read again, in case a live message was lost.
const REFRESH: Duration = Duration::from_secs(60);
/// How often the broker is asked for a sign of life: an answer proves that everything sent before it was heard.
const PROVE_EVERY: Duration = Duration::from_secs(2);
/// How old the picture may be before it does not count: longer than a restart of the broker.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// What has ended is remembered so long: longer than any access token is good for.
const REMEMBER_ENDED: Duration = Duration::from_secs(25 * 60 * 60);
/// And so many of it. The oldest are forgotten: whoever asks then reads the bucket.
const MAX_ENDED: usize = 65_536;

/// All sessions and API tokens, as far as this process has heard.
#[derive(Clone)]
pub struct Grants {
    shared: Arc<Shared>,
}

struct Shared {
    broker: Broker,
    picture: RwLock<Picture>,
}

struct Picture {
    live: BTreeMap<GrantId, Known>,
    ended: HashMap<GrantId, Instant>,
    /// Up to when everything was heard.
    heard_until: Instant,
    /// Whether the bucket was read since the connection came about.
    is_loaded: bool,
}

struct Known {
    grant: Arc<Grant>,
    since: Instant,
}

// === impl Grants ===

impl Grants {
    /// Reads the bucket and follows it until `shutdown`.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn follow(broker: &Broker, shutdown: CancellationToken) -> Result<Self, BrokerError> {
        let unavailable = |error: String| BrokerError::Unavailable(error);
        let picture =
            Picture { live: BTreeMap::new(), ended: HashMap::new(), heard_until: Instant::now(), is_loaded: false };
        let shared = Arc::new(Shared { broker: broker.clone(), picture: RwLock::new(picture) });
        // First listen, then read: what ends in between is heard.
        let feed = broker.listen(format!("$KV.{SESSIONS_BUCKET}.*")).await?;
        shared.load().await.map_err(|error| unavailable(error.to_string()))?;
        tokio::spawn(hear(shared.clone(), feed, shutdown.clone()));
        tokio::spawn(keep_fresh(shared.clone(), shutdown));
        Ok(Self { shared })
    }

    /// The grant with this id, if it is known here and has not ended.
    #[must_use]
    pub fn get(&self, id: &GrantId) -> Option<Arc<Grant>> {
        let known = self.shared.read().live.get(id).map(|known| known.grant.clone())?;
        (known.expires_at() > Timestamp::now()).then_some(known)
    }

    /// The same, and where it is not known here, as the bucket has it.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn find(&self, id: &GrantId) -> Result<Option<Arc<Grant>>, ReadError> {
        if let Some(known) = self.get(id) {
            return Ok(Some(known));
        }
        if self.shared.read().ended.contains_key(id) {
            return Ok(None);
        }
        match self.read(id).await? {
            Some((grant, _)) => Ok(Some(self.shared.learn(grant)).filter(|_| self.get(id).is_some())),
            None => Ok(None),
        }
    }

    /// A grant as the bucket has it, with its revision for [`Grants::replace`].
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn read(&self, id: &GrantId) -> Result<Option<(Grant, u64)>, ReadError> {
        let key = key(id);
        let found = self.shared.broker.last(&presence::stream(SESSIONS_BUCKET), &key).await?;
        let found = found.filter(|record| record.subject == key);
        Ok(found.and_then(|record| {
            let grant = presence::value::<Grant>(&record).filter(|grant| grant.id() == id)?;
            Some((grant, record.sequence))
        }))
    }

    /// Stores a new grant.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub async fn create(&self, grant: Grant) -> Result<(), AppendError> {
        self.replace(grant, 0).await
    }

    /// Stores a grant in place of that with this revision.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when there is another one now; otherwise when the broker does not take it.
    pub async fn replace(&self, grant: Grant, revision: u64) -> Result<(), AppendError> {
        let payload = Encoding::Json.encode(&grant).map_err(|_| AppendError::TooLarge)?;
        let left = grant.expires_at().duration_since(Timestamp::now()).as_secs().max(1);
        let entry = Entry::new(key(grant.id()), payload).header("Nats-TTL", &format!("{left}s")).expect_last(revision);
        let Stored { .. } = self.shared.broker.append(entry).await?;
        self.shared.learn(grant);
        Ok(())
    }

    /// Ends a grant, here at once and on the other gateways as they hear it.
    ///
    /// # Errors
    /// When the broker does not take it: then it has not ended.
    pub async fn end(&self, id: &GrantId) -> Result<(), AppendError> {
        let marker = Entry::new(key(id), Vec::new()).header("KV-Operation", "DEL").header("Nats-TTL", "1h");
        self.shared.broker.append(marker).await?;
        self.shared.write().end(id);
        Ok(())
    }

    /// All grants for which `keep` says so.
    #[must_use]
    pub fn list(&self, keep: impl Fn(&Grant) -> bool) -> Vec<Arc<Grant>> {
        let now = Timestamp::now();
        let picture = self.shared.read();
        let live = picture.live.values().map(|known| &known.grant);
        live.filter(|grant| grant.expires_at() > now && keep(grant)).cloned().collect()
    }

    /// Whether everything that has ended until a few seconds ago is known to have.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.shared.read().heard_until.elapsed() < STALE_AFTER
    }
}

/// Does nothing but hear, so that messages are taken as fast as they come.
async fn hear(shared: Arc<Shared>, mut feed: Published, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            message = feed.next() => match message {
                Some(message) => shared.hear(&message),
                None => return,
            },
        }
    }
}

/// Reads the bucket after each loss, and proves again and again that nothing is.
async fn keep_fresh(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut state = shared.broker.state();
    let mut refresh = tokio::time::interval_at(Instant::now() + REFRESH, REFRESH);
    let mut prove = tokio::time::interval(PROVE_EVERY);
    prove.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Ok(()) = state.changed() => {
                shared.write().is_loaded = false;
                shared.reload().await;
            }
            _ = refresh.tick() => shared.reload().await,
            _ = prove.tick() => shared.prove().await,
        }
    }
}

// === impl Shared ===

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Picture> {
        // Nothing panics while it holds this lock; if something did, the maps would still be whole.
        self.picture.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Picture> {
        self.picture.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, grant: Grant) -> Arc<Grant> {
        let grant = Arc::new(grant);
        self.write().learn(grant.clone());
        grant
    }

    fn hear(&self, message: &Message) {
        let headers = message.headers.clone().unwrap_or_default();
        let Some(id) = id_of(&message.subject) else { return };
        // An answer of the broker's that somebody led here says nothing.
        if was_given_out(&headers) {
            return;
        }
        if headers.get("KV-Operation").is_some() {
            self.write().end(&id);
            return;
        }
        // Whether the stream has taken it is not known yet: it may only change what is known to be there.
        if let Some(grant) = presence::decode::<Grant>(&headers, &message.payload)
            && *grant.id() == id
            && self.read().live.contains_key(&id)
        {
            self.learn(grant);
        }
    }

    async fn prove(&self) {
        let asked = Instant::now();
        // A read of the bucket, not a ping of the server: what was heard before its answer was heard, and a server that is cut off
        // from the bucket proves nothing.
        let none = format!("$KV.{SESSIONS_BUCKET}.none");
        if !self.broker.is_connected() || self.broker.last(&presence::stream(SESSIONS_BUCKET), &none).await.is_err() {
            return;
        }
        let is_loaded = self.read().is_loaded;
        if is_loaded {
            self.write().heard_until = asked;
        } else {
            self.reload().await;
        }
    }

    async fn reload(&self) {
        if self.broker.is_connected()
            && let Err(error) = self.load().await
        {
            tracing::debug!(%error, "the sessions cannot be read now");
        }
    }

    async fn load(&self) -> Result<(), ReadError> {
        let began = Instant::now();
        let subjects = format!("$KV.{SESSIONS_BUCKET}.*");
        let (records, _) = self.broker.read_all(&presence::stream(SESSIONS_BUCKET), &subjects).await?;
        let grant = |record: &Record| {
            let grant = presence::value::<Grant>(record)?;
            (id_of(&record.subject).as_ref() == Some(grant.id())).then(|| Arc::new(grant))
        };
        let found = records.iter().filter_map(grant).collect();
        self.write().replace(found, began);
        Ok(())
    }
}

// === impl Picture ===

impl Picture {
    fn learn(&mut self, grant: Arc<Grant>) {
        if self.ended.contains_key(grant.id()) {
            return;
        }
        self.live.insert(grant.id().clone(), Known { grant, since: Instant::now() });
    }

    fn end(&mut self, id: &GrantId) {
        self.live.remove(id);
        if self.ended.len() >= MAX_ENDED
            && let Some(oldest) = self.ended.iter().min_by_key(|(_, at)| **at).map(|(id, _)| id.clone())
        {
            self.ended.remove(&oldest);
        }
        self.ended.insert(id.clone(), Instant::now());
    }

    /// Takes what the bucket holds. What it does not, and what was known before it was read, has ended.
    fn replace(&mut self, found: Vec<Arc<Grant>>, began: Instant) {
        let newer: Vec<_> = std::mem::take(&mut self.live).into_values().filter(|known| known.since >= began).collect();
        self.ended.retain(|_, at| at.elapsed() < REMEMBER_ENDED);
        for grant in found {
            self.learn(grant);
        }
        for known in newer {
            self.learn(known.grant);
        }
        self.heard_until = self.heard_until.max(began);
        self.is_loaded = true;
    }
}

fn key(id: &GrantId) -> String {
    format!("$KV.{SESSIONS_BUCKET}.{id}")
}

fn id_of(subject: &str) -> Option<GrantId> {
    subject.rsplit('.').next()?.parse().ok()
}
