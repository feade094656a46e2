//! Receives how far an agent has read, gives what the ledger holds for it beyond.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use bytes::Bytes;
use futures::StreamExt as _;
use ogent_protocol::subject::{self, COMMANDS};
use ogent_protocol::{AgentId, CommandId, Intent};

use super::Ledger;
use super::record::read_intent;
use crate::connect::REQUEST_TIMEOUT;
use crate::direct::{ReadError, was_given_out};

/// How long one reading may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Some of what the ledger holds for an agent.
#[derive(Debug, Default)]
pub struct CaughtUp {
    /// Sequence and intent, oldest first.
    pub intents: Vec<(u64, Intent)>,
    /// Commands whose intent cannot be read, and what is wrong with it.
    pub unreadable: Vec<(CommandId, String)>,
    /// The last sequence that was looked at, readable or not.
    pub through: u64,
    /// Whether there is more behind it.
    pub more: bool,
    /// The ledger ends before the sequence from which was to be read: it was restored from an older copy.
    pub is_set_back: bool,
}

// === impl Ledger ===

impl Ledger {
    /// What the ledger holds for this agent under this id: the last intent.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn held(&self, agent: &AgentId, command: &CommandId) -> Result<Option<Intent>, ReadError> {
        match self.broker.last(COMMANDS, &subject::command(agent, command)).await? {
            Some(record) => super::record::intent(&record).map(|(_, intent)| Some(intent)),
            None => Ok(None),
        }
    }

    /// What the ledger holds for an agent behind sequence `after`, `limit` intents at most.
    ///
    /// An agent may not read ranges, because the broker could not hold it to its own commands. It makes a consumer
    /// for the moment instead, whose filter stands in the subject of the request.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn catch_up(&self, agent: &AgentId, after: u64, limit: usize) -> Result<CaughtUp, ReadError> {
        let consumer = match self.consumer(agent, after).await {
            Ok(consumer) => consumer,
            // One from before is still there, with another beginning.
            Err(_) => {
                self.forget_consumer(agent).await;
                self.consumer(agent, after).await?
            }
        };
        // The broker puts a beginning that lies beyond the end of the stream to its end.
        if consumer.cached_info().delivered.stream_sequence < after {
            self.forget_consumer(agent).await;
            return Ok(CaughtUp { is_set_back: true, ..CaughtUp::default() });
        }
        // The messages of a connection that breaks never come, and nobody says so.
        let caught = tokio::time::timeout(PATIENCE, fetch(&consumer, agent, limit)).await;
        self.forget_consumer(agent).await;
        caught.unwrap_or_else(|_| Err(ReadError::Unavailable("no answer in time".to_owned())))
    }

    async fn consumer(&self, agent: &AgentId, after: u64) -> Result<PullConsumer, ReadError> {
        let config = pull::Config {
            name: Some(agent.to_string()),
            description: Some("an agent that catches up".to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            ack_policy: AckPolicy::None,
            filter_subject: subject::commands_of(agent),
            inactive_threshold: Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        self.broker
            .jetstream()
            .create_consumer_on_stream(config, COMMANDS)
            .await
            .map_err(|error| ReadError::Unavailable(error.to_string()))
    }

    async fn forget_consumer(&self, agent: &AgentId) {
        let request = self.broker.api(&format!("CONSUMER.DELETE.{COMMANDS}.{agent}"));
        let _ = self.broker.client().request(request, Bytes::new()).await;
    }
}

async fn fetch(consumer: &PullConsumer, agent: &AgentId, limit: usize) -> Result<CaughtUp, ReadError> {
    let unavailable = |error: String| ReadError::Unavailable(error);
    let mut messages =
        consumer.fetch().max_messages(limit).messages().await.map_err(|error| unavailable(error.to_string()))?;
    let mut caught = CaughtUp::default();
    loop {
        let message = match tokio::time::timeout(REQUEST_TIMEOUT, messages.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            // A message that could not be received counts for the broker: what came is a page.
            Err(_) if caught.through > 0 => {
                caught.more = true;
                break;
            }
            Err(_) => return Err(unavailable("no answer in time".to_owned())),
        };
        let message = message.map_err(|error| unavailable(error.to_string()))?;
        let (sequence, pending) = match message.info() {
            Ok(info) => (info.stream_sequence, info.pending),
            Err(error) => return Err(unavailable(error.to_string())),
        };
        caught.more = pending > 0;
        caught.through = sequence;
        let headers = message.headers.as_ref();
        // A consumer adds no headers: one that a stream gave out before was led here.
        if headers.is_some_and(was_given_out) {
            tracing::warn!(sequence, "somebody led an answer of the broker into the ledger");
            continue;
        }
        match read_intent(&message.subject, sequence, headers, &message.payload) {
            Ok((for_agent, intent)) if for_agent == *agent => caught.intents.push((sequence, intent)),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read a record of the ledger");
                let named = subject::parse_ledger(&message.subject);
                caught.unreadable.extend(named.map(|(_, command)| (command, error.to_string())));
            }
        }
    }
    Ok(caught)
}
