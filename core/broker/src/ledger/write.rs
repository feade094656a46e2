//! Receives intents from gateways and events from agents, appends each of them exactly once.

use std::time::Duration;

use jiff::Timestamp;
use ogent_protocol::claim::{Answer, Chain, Found, Next};
use ogent_protocol::subject::{self, RESULTS};
use ogent_protocol::{AgentId, Cancel, CommandId, Encoding, Event, EventKind, Intent, Run, limits};
use rand::Rng as _;
use tokio::time::Instant;

use super::Ledger;
use super::record::{CommandRecord, INSTANCE};
use crate::append::{AppendError, Entry, Stored};
use crate::connect::Broker;
use crate::direct::ReadError;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the broker has to say that the ledger was set back before it is believed: a server of a cluster that has
/// just become the leader, or does not know yet that it is none any more, may not have read all of it.
const SET_BACK_AFTER: Duration = Duration::from_secs(10);

/// What became of a submitted command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    /// It is in the ledger now.
    New {
        /// Under this sequence.
        sequence: u64,
    },
    /// A command with this id was there before, for this agent or for another.
    Existing,
}

/// Why a command is not in the ledger, or may not be.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The ledger is full.
    #[error("the history is full and takes no new commands: {0}")]
    Full(String),
    /// Whether it is in the ledger is not known; asking again with the same id is safe.
    #[error("the NATS server does not answer: {0}")]
    Unavailable(String),
    /// The intent is larger than a message may be.
    #[error("the command is too large for one message")]
    TooLarge,
    /// The broker refuses it.
    #[error("the NATS server refuses the command: {0}")]
    Refused(String),
}

/// Who has a command after somebody tried to claim it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a command, taken apart at once")]
pub enum Claim {
    /// This agent process, which now writes its events.
    Won(EventWriter),
    /// Somebody else, or an earlier life of this agent.
    Taken,
}

/// Writes the events of one command, each one behind the one before it: there is one event in flight at most, so
/// their order in the ledger is the order in which they happened, without gaps and doubles.
#[derive(Debug)]
pub struct EventWriter {
    broker: Broker,
    agent: AgentId,
    command: CommandId,
    instance: String,
    chain: Chain,
}

// === impl Ledger ===

impl Ledger {
    /// Puts a command into the ledger, unless one with this id is there.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, agent: &AgentId, run: &Run) -> Result<Submission, SubmitError> {
        let entry = Entry::new(subject::command(agent, &run.id), encode(&Intent::Run(Box::new(run.clone())))?)
            .header("Content-Type", Encoding::Json.content_type())
            .expect_last(0)
            .message_id(run.id.as_str());
        match self.append_again(entry).await {
            Ok(Stored { duplicate: true, .. }) | Err(AppendError::Conflict(_)) => Ok(Submission::Existing),
            Ok(Stored { sequence, .. }) => Ok(Submission::New { sequence }),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the wish to cancel a command into the ledger. A second wish changes nothing.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn cancel(&self, record: &CommandRecord, cancel: &Cancel) -> Result<(), SubmitError> {
        if record.cancel.is_some() {
            return Ok(());
        }
        let entry = Entry::new(subject::command(&record.agent, &cancel.id), encode(&Intent::Cancel(cancel.clone()))?)
            .header("Content-Type", Encoding::Json.content_type())
            .expect_last(record.last_sequence);
        match self.append_again(entry).await {
            Ok(_) | Err(AppendError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Rings the bell of an agent once more: the intent again, as a plain message. What the agent has, it knows.
    pub async fn ring(&self, agent: &AgentId, intent: &Intent) {
        let Ok(payload) = Encoding::Json.encode(&intent.to_wire()) else { return };
        // Lost rings do not matter: the agent reads the ledger by itself every so often.
        let _ = self.broker.client().publish(subject::exec(agent), payload.into()).await;
    }

    /// Claims a command by its first event. Asks until the answer is known.
    ///
    /// # Errors
    /// When the event is too large, or the broker refuses it for good.
    pub async fn claim(
        &self,
        agent: &AgentId,
        command: &CommandId,
        instance: &str,
        first: EventKind,
    ) -> Result<Claim, AppendError> {
        let mut writer = EventWriter {
            broker: self.broker.clone(),
            agent: agent.clone(),
            command: command.clone(),
            instance: instance.to_owned(),
            chain: Chain::default(),
        };
        match writer.append(first).await {
            Ok(_) => Ok(Claim::Won(writer)),
            Err(AppendError::Conflict(_)) => Ok(Claim::Taken),
            Err(error) => Err(error),
        }
    }

    /// Goes on where an earlier life of this agent stopped: behind its last event, number `n` at `sequence`.
    #[must_use]
    pub fn resume(&self, agent: &AgentId, command: &CommandId, instance: &str, n: u64, sequence: u64) -> EventWriter {
        EventWriter {
            broker: self.broker.clone(),
            agent: agent.clone(),
            command: command.clone(),
            instance: instance.to_owned(),
            chain: Chain::behind(n, sequence),
        }
    }

    /// One more try when the broker was away for a moment: the id makes it safe.
    pub(super) async fn append_again(&self, entry: Entry) -> Result<Stored, AppendError> {
        self.broker
            .connected_within(LONGEST_PAUSE)
            .await
            .map_err(|error| AppendError::Unavailable(error.to_string()))?;
        match self.broker.append(entry.clone()).await {
            Err(AppendError::Unavailable(problem)) => {
                tokio::time::sleep(LONGEST_PAUSE / 4).await;
                match self.broker.append(entry).await {
                    // The first one may have been stored: that the second one was not says nothing.
                    Err(AppendError::Full(_) | AppendError::TooLarge | AppendError::Refused(_)) => {
                        Err(AppendError::Unavailable(problem))
                    }
                    answer => answer,
                }
            }
            answer => answer,
        }
    }
}

/// What the ledger takes must be what an agent takes.
fn encode(intent: &Intent) -> Result<Vec<u8>, SubmitError> {
    let payload = Encoding::Json.encode(&intent.to_wire()).map_err(|_| SubmitError::TooLarge)?;
    if payload.len() > limits::MAX_INTENT_BYTES { Err(SubmitError::TooLarge) } else { Ok(payload) }
}

impl From<AppendError> for SubmitError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full(problem) => Self::Full(problem),
            AppendError::Unavailable(problem) => Self::Unavailable(problem),
            AppendError::TooLarge => Self::TooLarge,
            AppendError::Refused(problem) => Self::Refused(problem),
            AppendError::Conflict(_) | AppendError::SetBack => Self::Refused(error.to_string()),
        }
    }
}

// === impl EventWriter ===

impl EventWriter {
    /// Appends an event and returns its sequence. Tries until the broker has it: while the broker is away or full,
    /// this waits. A writer whose call was dropped cannot be used any more: what became of the event is not known.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when somebody else writes about this command, [`AppendError::SetBack`] when the ledger
    /// has forgotten the events before this one; also when the event is too large or refused for good.
    pub async fn append(&mut self, kind: EventKind) -> Result<u64, AppendError> {
        let time = Timestamp::now();
        let mut pause = FIRST_PAUSE;
        let mut set_back_since: Option<Instant> = None;
        loop {
            let entry = self.entry(&kind, time)?;
            let answer = match self.broker.append(entry.clone()).await {
                Ok(stored) => Answer::Stored(stored.sequence),
                Err(AppendError::Conflict(at)) => Answer::Conflict(at),
                Err(error @ (AppendError::TooLarge | AppendError::Refused(_))) => return Err(error),
                Err(error) => {
                    tracing::debug!(command = %self.command, %error, "event not stored yet");
                    Answer::Unknown
                }
            };
            let mut next = self.chain.answered(answer);
            if let Next::LookBack(least) = next {
                next = self.chain.looked_back(least, self.look_back(&entry, least).await);
            }
            match next {
                Next::Done(sequence) => return Ok(sequence),
                Next::Again => continue,
                Next::Taken => return Err(AppendError::Conflict(None)),
                Next::SetBack => {
                    let since = *set_back_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= SET_BACK_AFTER {
                        return Err(AppendError::SetBack);
                    }
                }
                Next::Pause | Next::LookBack(_) => {}
            }
            let jitter = rand::rng().random_range(0.5..1.0);
            tokio::time::sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn entry(&self, kind: &EventKind, time: Timestamp) -> Result<Entry, AppendError> {
        let (agent, command) = (self.agent.clone(), self.command.clone());
        let event = Event { agent, command, n: self.chain.n(), time, kind: kind.clone() };
        let payload = Encoding::Json.encode(&event).map_err(|_| AppendError::TooLarge)?;
        Ok(Entry::new(subject::result(&self.agent, &self.command), payload)
            .header("Content-Type", "application/cloudevents+json")
            .header(INSTANCE, &self.instance)
            .expect_last(self.chain.last()))
    }

    /// What stands at the end of this command's events, which is at `least` or behind it.
    async fn look_back(&self, entry: &Entry, least: u64) -> Found {
        let found = match self.broker.last(RESULTS, &entry.subject).await {
            Ok(Some(found)) => found,
            // It cannot even be received, so nobody wrote it as an event.
            Err(ReadError::Corrupt { .. }) => return Found::Stray { sequence: least },
            Ok(None) | Err(ReadError::Unavailable(_)) => return Found::Nothing,
        };
        let sequence = found.sequence;
        // Every agent process puts its name on its events; what has none was led there.
        match found.headers.get(INSTANCE).filter(|_| !found.is_led_here) {
            None => Found::Stray { sequence },
            Some(instance) if instance.as_str() == self.instance => {
                Found::Own { sequence, same: found.payload == entry.payload }
            }
            Some(_) => Found::Other { sequence },
        }
    }
}
