//! Receives records from registrars, keeps each under its name by compare-and-set: of two who decide at once, one has to
//! look again.

use std::marker::PhantomData;
use std::time::Duration;

use ogent_protocol::enroll::invite::Invite;
use ogent_protocol::subject::{IDENTITIES_BUCKET, INVITES_BUCKET};
use ogent_protocol::{AgentId, Encoding, Identity, limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::append::{AppendError, Entry};
use crate::connect::Broker;
use crate::direct::{ReadError, Record};
use crate::presence;

/// The records of one bucket.
#[derive(Debug)]
pub struct Book<T> {
    broker: Broker,
    bucket: &'static str,
    kind: PhantomData<fn() -> T>,
}

/// What stands under a name, and where: what is written next has to name the place.
#[derive(Debug, Clone)]
pub struct Noted<T> {
    /// The record; `None` where there is none.
    pub value: Option<T>,
    /// Its sequence; 0 where there never was one.
    pub revision: u64,
}

// === impl Book ===

impl Book<Invite> {
    /// The invitations.
    #[must_use]
    pub fn invites(broker: &Broker) -> Self {
        Self::new(broker, INVITES_BUCKET)
    }
}

impl Book<Identity> {
    /// The identities.
    #[must_use]
    pub fn identities(broker: &Broker) -> Self {
        Self::new(broker, IDENTITIES_BUCKET)
    }
}

impl<T> Clone for Book<T> {
    fn clone(&self) -> Self {
        Self { broker: self.broker.clone(), bucket: self.bucket, kind: PhantomData }
    }
}

impl<T: Serialize + DeserializeOwned> Book<T> {
    fn new(broker: &Broker, bucket: &'static str) -> Self {
        Self { broker: broker.clone(), bucket, kind: PhantomData }
    }

    /// What stands under the name. What cannot be read is an error and never nothing: whoever takes it for nothing would
    /// give the name away.
    ///
    /// # Errors
    /// When the broker does not answer, or the record is none.
    pub async fn get(&self, name: &AgentId) -> Result<Noted<T>, ReadError> {
        let found = self.broker.last(&presence::stream(self.bucket), &presence::key(self.bucket, name)).await?;
        let Some(record) = found else { return Ok(Noted { value: None, revision: 0 }) };
        Ok(Noted { value: read(&record)?, revision: record.sequence })
    }

    /// Writes the record where `revision` still stands, and gives its own. With `keep`, it goes by itself after that time.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when somebody else was faster; otherwise when the broker does not take it.
    pub async fn put(
        &self,
        name: &AgentId,
        value: &T,
        revision: u64,
        keep: Option<Duration>,
    ) -> Result<u64, AppendError> {
        let payload = Encoding::Json.encode(value).map_err(|_| AppendError::TooLarge)?;
        let entry = Entry::new(presence::key(self.bucket, name), payload).expect_last(revision);
        let entry = match keep {
            Some(keep) => entry.header("Nats-TTL", &format!("{}s", keep.as_secs().max(1))),
            None => entry,
        };
        self.broker.append(entry).await.map(|stored| stored.sequence)
    }

    /// Every record. Those that cannot be read are left out and said.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn all(&self) -> Result<(Vec<T>, usize), ReadError> {
        let (stream, subjects) = (presence::stream(self.bucket), format!("$KV.{}.*", self.bucket));
        let (records, _) = self.broker.read_all(&stream, &subjects).await?;
        let (mut found, mut unreadable) = (Vec::new(), 0);
        for record in &records {
            match read(record) {
                Ok(value) => found.extend(value),
                Err(error) => {
                    unreadable += 1;
                    tracing::error!(%error, bucket = self.bucket, "a record cannot be read");
                }
            }
        }
        Ok((found, unreadable))
    }
}

fn read<T: DeserializeOwned>(record: &Record) -> Result<Option<T>, ReadError> {
    let corrupt = |problem: String| ReadError::Corrupt { sequence: record.sequence, problem };
    if record.is_led_here {
        return Err(corrupt("it was led here".to_owned()));
    }
    let is_marker = ["KV-Operation", "Nats-Marker-Reason"].iter().any(|header| record.headers.get(*header).is_some());
    if is_marker {
        return Ok(None);
    }
    Encoding::Json
        .decode(&record.payload, limits::MAX_PAYLOAD_BYTES)
        .map(Some)
        .map_err(|error| corrupt(error.to_string()))
}
