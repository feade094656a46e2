//! Receives records of people and policies from gateways, keeps each under its key, gives them to every gateway without
//! waiting: from memory, a moment after anybody has changed one.
//!
//! What is heard on the subjects of a bucket is only a bell, because the broker delivers a message also where the bucket
//! refuses it. What counts is what the bucket has: it is read when the bell rings, and once more a moment later.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use ogent_protocol::{Encoding, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::append::{AppendError, Entry};
use crate::connect::{Broker, BrokerError};
use crate::direct::{ReadError, Record};
use crate::listen::Published;
use crate::presence;

/// How often the bucket is read again, in case a bell was not heard.
const REFRESH: Duration = Duration::from_secs(60);
/// The bell may ring before the bucket has what it rings for.
const SECOND_LOOK: Duration = Duration::from_millis(300);
/// Changes that wait for one subscriber; one that is slower is told that it has missed some.
const CHANGES: usize = 1024;

/// A bucket whose records are few and asked for often.
pub struct Shelf<T> {
    shared: Arc<Shared<T>>,
}

/// A record as the bucket keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelved<T> {
    /// Its key.
    pub key: String,
    /// What it says.
    pub value: T,
    /// Its sequence in the bucket: what a change has to name.
    pub revision: u64,
    /// When the broker stored it.
    pub stored_at: Timestamp,
}

/// Why a record was not stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShelfError {
    /// Somebody else has changed it: read it again.
    #[error("somebody else has changed it at the same moment")]
    Conflict,
    /// It is not known whether it was stored, or it was refused.
    #[error(transparent)]
    Append(AppendError),
    /// The bucket cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

struct Shared<T> {
    broker: Broker,
    bucket: &'static str,
    records: RwLock<BTreeMap<String, Arc<Shelved<T>>>>,
    changes: broadcast::Sender<Arc<Shelved<T>>>,
}

// === impl Shelf ===

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Shelf<T> {
    /// Reads the bucket and follows it until `shutdown`.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn follow(
        broker: &Broker,
        bucket: &'static str,
        shutdown: CancellationToken,
    ) -> Result<Self, BrokerError> {
        let unavailable = |error: &dyn std::fmt::Display| BrokerError::Unavailable(error.to_string());
        let (changes, _) = broadcast::channel(CHANGES);
        let shared = Arc::new(Shared { broker: broker.clone(), bucket, records: RwLock::default(), changes });
        // First listen, then read: what is written in between is heard.
        let subject = shared.subject("*");
        let bell = broker.listen(subject).await?;
        shared.load().await.map_err(|error| unavailable(&error))?;
        tokio::spawn(follow(Arc::clone(&shared), bell, shutdown));
        Ok(Self { shared })
    }

    /// The record under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Arc<Shelved<T>>> {
        self.shared.read().get(key).cloned()
    }

    /// Whether there is a record with this key, readable or not.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn has_any(&self, key: &str) -> Result<bool, ReadError> {
        self.shared.has_any(key).await
    }

    /// All records, by key.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Shelved<T>>> {
        self.shared.read().values().cloned().collect()
    }

    /// Every change from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Shelved<T>>> {
        self.shared.changes.subscribe()
    }

    /// Reads everything anew. Gives the sequence of the latest record of all.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn refresh(&self) -> Result<u64, ReadError> {
        self.shared.load().await
    }

    /// Stores a record where the one before has this revision; 0: where there is none.
    ///
    /// # Errors
    /// See [`ShelfError`].
    pub async fn put(&self, key: &str, value: T, revision: u64) -> Result<Arc<Shelved<T>>, ShelfError> {
        self.store(key, value, |entry| entry.expect_last(revision)).await
    }

    /// Stores a record where nothing at all was stored in the bucket since `latest`, which [`Shelf::refresh`] gives: for what
    /// must hold for all records together.
    ///
    /// # Errors
    /// See [`ShelfError`].
    pub async fn put_after(&self, key: &str, value: T, latest: u64) -> Result<Arc<Shelved<T>>, ShelfError> {
        self.store(key, value, |entry| entry.header("Nats-Expected-Last-Sequence", &latest.to_string())).await
    }

    /// What the bucket still has of a key, the oldest first.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn history(&self, key: &str) -> Result<Vec<Shelved<T>>, ReadError> {
        let stream = presence::stream(self.shared.bucket);
        let (records, _) = self.shared.broker.read_all(&stream, &self.shared.subject(key)).await?;
        Ok(records.iter().filter_map(|record| self.shared.decode(record)).collect())
    }

    async fn store(
        &self,
        key: &str,
        value: T,
        expecting: impl Fn(Entry) -> Entry,
    ) -> Result<Arc<Shelved<T>>, ShelfError> {
        let payload = Encoding::Json.encode(&value).map_err(|_| ShelfError::Append(AppendError::TooLarge))?;
        let entry = expecting(Entry::new(self.shared.subject(key), payload));
        match self.shared.broker.append(entry).await {
            Ok(stored) => {
                let (key, revision, stored_at) = (key.to_owned(), stored.sequence, Timestamp::now());
                let shelved = Arc::new(Shelved { key, value, revision, stored_at });
                self.shared.take(Arc::clone(&shelved));
                Ok(shelved)
            }
            Err(AppendError::Conflict(_)) => Err(ShelfError::Conflict),
            Err(error) => Err(ShelfError::Append(error)),
        }
    }
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

async fn follow<T: DeserializeOwned>(shared: Arc<Shared<T>>, mut bell: Published, shutdown: CancellationToken) {
    let mut state = shared.broker.state();
    let mut refresh = interval_at(Instant::now() + REFRESH, REFRESH);
    let mut second_look: Option<Instant> = None;
    loop {
        let again = second_look.unwrap_or_else(Instant::now);
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some(message) = bell.next() => {
                shared.reload(Some(&message.subject)).await;
                second_look.get_or_insert_with(|| Instant::now() + SECOND_LOOK);
            }
            () = sleep_until(again), if second_look.is_some() => {
                second_look = None;
                shared.reload(None).await;
            }
            Ok(()) = state.changed() => shared.reload(None).await,
            _ = refresh.tick() => shared.reload(None).await,
        }
    }
}

// === impl Shared ===

impl<T> Shared<T> {
    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.bucket)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Shelved<T>>>> {
        // Nothing panics while it holds this lock; if something did, the map would still be whole.
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is newer than what was known.
    fn take(&self, shelved: Arc<Shelved<T>>) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if records.get(&shelved.key).is_some_and(|known| known.revision >= shelved.revision) {
            return;
        }
        records.insert(shelved.key.clone(), Arc::clone(&shelved));
        let _ = self.changes.send(shelved);
    }
}

impl<T: DeserializeOwned> Shared<T> {
    async fn reload(&self, subject: Option<&str>) {
        if !self.broker.is_connected() {
            return;
        }
        let read = match subject {
            Some(subject) => self.load_one(subject).await,
            None => self.load().await.map(drop),
        };
        if let Err(error) = read {
            tracing::debug!(bucket = self.bucket, %error, "records cannot be read now");
        }
    }

    async fn has_any(&self, key: &str) -> Result<bool, ReadError> {
        match self.broker.last(&presence::stream(self.bucket), &self.subject(key)).await {
            Ok(found) => Ok(found.is_some()),
            Err(ReadError::Corrupt { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn load_one(&self, subject: &str) -> Result<(), ReadError> {
        let found = self.broker.last(&presence::stream(self.bucket), subject).await?;
        found.and_then(|record| self.decode(&record)).into_iter().for_each(|shelved| self.take(Arc::new(shelved)));
        Ok(())
    }

    async fn load(&self) -> Result<u64, ReadError> {
        let (records, latest) = self.broker.read_all(&presence::stream(self.bucket), &self.subject("*")).await?;
        records.iter().filter_map(|record| self.decode(record)).for_each(|shelved| self.take(Arc::new(shelved)));
        Ok(latest)
    }

    /// What is not of this form is passed over: what was known before goes on to hold.
    fn decode(&self, record: &Record) -> Option<Shelved<T>> {
        let key = record.subject.rsplit('.').next()?.to_owned();
        if record.is_led_here {
            tracing::warn!(bucket = self.bucket, key, "a record that nobody has written is not believed");
            return None;
        }
        let value = Encoding::Json.decode(&record.payload, limits::MAX_PAYLOAD_BYTES);
        let value =
            value.inspect_err(|error| tracing::warn!(bucket = self.bucket, key, %error, "a record cannot be read"));
        Some(Shelved { key, value: value.ok()?, revision: record.sequence, stored_at: record.stored_at })
    }
}
