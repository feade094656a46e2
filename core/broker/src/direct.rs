//! Receives which stored messages somebody wants, gives them, by JetStream's Direct Get.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt as _;
use jiff::Timestamp;
use serde::Serialize;

use crate::connect::{Broker, REQUEST_TIMEOUT};

/// Most bytes in one batch: bounds what a reader holds, and what the broker puts in flight at once (its own default
/// is 64 MB).
const MAX_BATCH_BYTES: u64 = 4 * 1024 * 1024;
/// Most messages in one batch.
pub(crate) const MAX_BATCH: u64 = 1024;

/// A message as a stream keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    pub(crate) stored_at: Timestamp,
    /// Whether it is an answer of the broker's that somebody led here, and not what it seems to be.
    pub(crate) is_led_here: bool,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// Some messages of a stream, and whether there are more.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// The last sequence that was looked at. Where records cannot even be received, it lies behind the last of them.
    pub(crate) through: u64,
    pub(crate) more: bool,
}

/// Which messages.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Query {
    /// From this sequence on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    /// From this time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<Timestamp>,
    /// Of these subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_by_subj: Option<String>,
    /// Instead: the last message of each of these subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) multi_last: Vec<String>,
    /// At most so many.
    pub(crate) batch: u64,
    /// Whether what is no record of the stream is passed over, instead of stopping the read of all.
    #[serde(skip)]
    pub(crate) is_lenient: bool,
}

#[derive(Serialize)]
struct Bounded<'a> {
    #[serde(flatten)]
    query: &'a Query,
    max_bytes: u64,
}

/// Why history cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// No answer; try again.
    #[error("the NATS server does not answer: {0}")]
    Unavailable(String),
    /// A stored message is not what it should be.
    #[error("the message {sequence} in the ledger cannot be read: {problem}")]
    Corrupt {
        /// Its sequence.
        sequence: u64,
        /// What is wrong with it.
        problem: String,
    },
}

fn unavailable(problem: impl ToString) -> ReadError {
    ReadError::Unavailable(problem.to_string())
}

// === impl Broker ===

impl Broker {
    /// The last message on one subject. The subject stands in the request's own subject, so that the broker can hold
    /// an agent to its own.
    pub(crate) async fn last(&self, stream: &str, subject: &str) -> Result<Option<Record>, ReadError> {
        let request = self.api(&format!("DIRECT.GET.{stream}.{subject}"));
        let answer = self.client().request(request, Bytes::new()).await.map_err(|error| match error.kind() {
            // An answer has come, and its headers cannot be read: it will not be another one the next time.
            RequestErrorKind::Other => ReadError::Corrupt { sequence: 0, problem: error.to_string() },
            _ => unavailable(error),
        })?;
        match status(&answer) {
            404 => Ok(None),
            0 => parse(answer).map(Some),
            other => Err(unavailable(format!("Direct Get answers {other}"))),
        }
    }

    /// Several messages, in the order of the stream.
    pub(crate) async fn read(&self, stream: &str, query: &Query) -> Result<Batch, ReadError> {
        let client = self.client();
        let body = serde_json::to_vec(&Bounded { query, max_bytes: MAX_BATCH_BYTES }).map_err(unavailable)?;
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.map_err(unavailable)?;
        let request = self.api(&format!("DIRECT.GET.{stream}"));
        client.publish_with_reply(request, inbox, body.into()).await.map_err(unavailable)?;
        let mut batch = Batch::default();
        loop {
            let answer = within(REQUEST_TIMEOUT, answers.next()).await?;
            match status(&answer) {
                0 => match parse(answer) {
                    Ok(record) => {
                        batch.through = record.sequence;
                        batch.records.push(record);
                    }
                    Err(ReadError::Corrupt { sequence, problem }) if query.is_lenient => {
                        tracing::warn!(stream, sequence, problem, "skipped a message");
                        batch.through = batch.through.max(sequence);
                    }
                    Err(error) => return Err(error),
                },
                // The end of the batch.
                204 => {
                    let number = |name| header_number(answer.headers.as_ref(), name).unwrap_or(0);
                    batch.more = number("Nats-Num-Pending") > 0;
                    batch.through = batch.through.max(number("Nats-Last-Sequence"));
                    return Ok(batch);
                }
                404 => return Ok(batch),
                other => {
                    let problem = answer.description.unwrap_or_default();
                    return Err(unavailable(format!("Direct Get answers {other} {problem}")));
                }
            }
        }
    }

    /// Every message under these subjects, in the order of the stream, and the last sequence that was looked at. What is
    /// no record is passed over.
    pub(crate) async fn read_all(&self, stream: &str, subjects: &str) -> Result<(Vec<Record>, u64), ReadError> {
        let (mut records, mut seq) = (Vec::<Record>::new(), 1);
        loop {
            let next_by_subj = Some(subjects.to_owned());
            let query = Query { seq: Some(seq), next_by_subj, batch: MAX_BATCH, is_lenient: true, ..Query::default() };
            let batch = self.read(stream, &query).await?;
            records.extend(batch.records);
            if !batch.more || batch.through < seq {
                let latest = records.last().map_or(0, |last| last.sequence);
                return Ok((records, latest.max(batch.through)));
            }
            seq = batch.through + 1;
        }
    }
}

async fn within(limit: Duration, next: impl Future<Output = Option<Message>>) -> Result<Message, ReadError> {
    match tokio::time::timeout(limit, next).await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(unavailable("the connection is closed")),
        Err(_) => Err(unavailable("no answer in time")),
    }
}

fn status(message: &Message) -> u16 {
    message.status.map_or(0, |status| status.as_u16())
}

fn parse(message: Message) -> Result<Record, ReadError> {
    let headers = message.headers.unwrap_or_default();
    // The broker writes its own headers behind those that were stored.
    let own = |name: &str| headers.get_all(name).last().map(ToString::to_string);
    let sequence = own("Nats-Sequence").and_then(|sequence| sequence.parse().ok()).unwrap_or(0);
    let corrupt = |problem: &str| ReadError::Corrupt { sequence, problem: problem.to_owned() };
    let subject = own("Nats-Subject").ok_or_else(|| corrupt("it has no subject"))?;
    let stored_at =
        own("Nats-Time-Stamp").and_then(|time| time.parse().ok()).ok_or_else(|| corrupt("it has no time"))?;
    let is_led_here = !was_stored_once(&headers);
    Ok(Record { subject, sequence, stored_at, is_led_here, headers, payload: message.payload })
}

/// Whether a message that a stream gives out was put there by its writer.
///
/// A client may name any subject for the broker's answers, also one that a stream listens on: the broker then stores
/// its own answer, as if the owner of that subject had written it. Such a message was given out by a stream before, so
/// it carries these headers once more than others do.
pub(crate) fn was_stored_once(headers: &HeaderMap) -> bool {
    headers.get_all("Nats-Stream").count() <= 1 && headers.get_all("Nats-Subject").count() <= 1
}

/// Whether a live message says that a stream gave it out. Not by one header alone: the broker writes its own behind
/// those that were stored, and where these do not end as they should, its first one becomes part of them.
pub(crate) fn was_given_out(headers: &HeaderMap) -> bool {
    ["Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp"].iter().any(|name| headers.get(*name).is_some())
}

pub(crate) fn header_number(headers: Option<&HeaderMap>, name: &str) -> Option<u64> {
    headers?.get(name)?.as_str().parse().ok()
}
