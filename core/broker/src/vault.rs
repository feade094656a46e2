//! Receives small values that end by themselves, keeps each under its key, gives back what is still there.
//!
//! Keys end with what nobody can guess (hashes of secrets), and every change says what it believes to stand there: two
//! gateways never both use up the same thing.

use std::time::Duration;

use futures::{Stream, StreamExt as _};
use ogent_protocol::Encoding;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::append::{AppendError, Entry};
use crate::connect::{Broker, BrokerError};
use crate::direct::{ReadError, Record};
use crate::presence;

/// How long the end of a value is remembered, so that those who follow the bucket hear of it.
const MARKER_TTL: Duration = Duration::from_secs(60);

/// A key-value bucket whose values each have a time to live.
#[derive(Debug, Clone)]
pub struct Vault {
    broker: Broker,
    bucket: &'static str,
}

/// A value, and which of those under its key it is.
#[derive(Debug, Clone)]
pub struct Kept<T> {
    /// The value.
    pub value: T,
    /// Its number, for whoever changes it.
    pub revision: u64,
}

// === impl Vault ===

impl Vault {
    /// The bucket of that name.
    #[must_use]
    pub fn new(broker: &Broker, bucket: &'static str) -> Self {
        Self { broker: broker.clone(), bucket }
    }

    /// What is kept under `key`; `None` when there is nothing, nothing any more, or nothing of this form.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Kept<T>>, ReadError> {
        let Some(subject) = self.subject(key) else { return Ok(None) };
        match self.broker.last(&presence::stream(self.bucket), &subject).await {
            Ok(Some(record)) => Ok(presence::value(&record).map(|value| Kept { value, revision: record.sequence })),
            // What cannot be read lets nobody in.
            Ok(None) | Err(ReadError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps `value` for `ttl`, if what stands there is `revision`; 0: if nothing does. Gives its own revision.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when something else stands there; when the broker does not take it.
    pub async fn put<T: Serialize + Sync>(
        &self,
        key: &str,
        value: &T,
        revision: u64,
        ttl: Duration,
    ) -> Result<u64, AppendError> {
        let payload = Encoding::Json.encode(value).map_err(|_| AppendError::TooLarge)?;
        let entry = self.entry(key, payload, revision, ttl)?;
        self.broker.append(entry).await.map(|stored| stored.sequence)
    }

    /// Takes away what is kept under `key`, if that is `revision`. Of several who try, one succeeds.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when something else stands there; when the broker does not take it.
    pub async fn remove(&self, key: &str, revision: u64) -> Result<(), AppendError> {
        let entry = self.entry(key, Vec::new(), revision, MARKER_TTL)?.header("KV-Operation", "DEL");
        self.broker.append(entry).await.map(drop)
    }

    /// What is kept under keys of one more token than `prefix`, in which `*` stands for any token. What cannot be read is
    /// left out.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn list<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<(String, T)>, ReadError> {
        let head = format!("$KV.{}.", self.bucket);
        let (records, _) = self.broker.read_all(&presence::stream(self.bucket), &format!("{head}{prefix}.*")).await?;
        let kept = |record: &Record| {
            let key = record.subject.strip_prefix(head.as_str())?.to_owned();
            Some((key, presence::value(record)?))
        };
        Ok(records.iter().filter_map(kept).collect())
    }

    /// The keys below `prefix` whose values were taken away, as that happens. What happens while the broker is away is not
    /// heard, nor is what ends by itself.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn removed(
        &self,
        prefix: &str,
    ) -> Result<impl Stream<Item = String> + Send + Unpin + use<>, BrokerError> {
        let subject = format!("$KV.{}.{prefix}.*", self.bucket);
        let head = format!("$KV.{}.", self.bucket);
        let messages = self.broker.listen(subject).await?;
        Ok(Box::pin(messages.filter_map(move |message| {
            let is_end = message.headers.as_ref().is_some_and(|headers| headers.get("KV-Operation").is_some());
            let key = message.subject.strip_prefix(head.as_str()).filter(|_| is_end).map(str::to_owned);
            std::future::ready(key)
        })))
    }

    fn entry(&self, key: &str, payload: Vec<u8>, revision: u64, ttl: Duration) -> Result<Entry, AppendError> {
        let subject = self.subject(key).ok_or_else(|| AppendError::Refused("a key is not one".to_owned()))?;
        let ttl = format!("{}s", ttl.as_secs().max(1));
        Ok(Entry::new(subject, payload).expect_last(revision).header("Nats-TTL", &ttl))
    }

    /// Keys have one form, so that none can name another subject than its own.
    fn subject(&self, key: &str) -> Option<String> {
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_key = key.len() <= 128 && key.split('.').all(is_token);
        is_key.then(|| format!("$KV.{}.{key}", self.bucket))
    }
}
