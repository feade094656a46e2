//! Receives intents from gateways and events from agents, appends each of them exactly once.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use ogent_protocol::claim::{Answer, Chain, Found, Next};
use ogent_protocol::subject::{self, COMMANDS, RESULTS};
use ogent_protocol::{
    AgentId, Cancel, CommandId, Encoding, Event, EventKind, Intent, Link, Purpose, Run, Seal, limits,
};
use rand::Rng as _;
use tokio::time::Instant;

use super::Ledger;
use super::record::{self, CommandRecord, INSTANCE, LastEvent};
use crate::append::{AppendError, Entry, Stored};
use crate::connect::Broker;
use crate::direct::ReadError;
use crate::sign::{Original, Signer};

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
    /// What the next event follows.
    previous: Option<Link>,
    signer: Option<Signer>,
    /// The certificate that stands beside an event already.
    certified: Option<String>,
}

// === impl Ledger ===

impl Ledger {
    /// Puts a command into the ledger, unless one with this id is there.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, agent: &AgentId, run: &Run) -> Result<Submission, SubmitError> {
        let original = self.write_down(&Intent::Run(Box::new(run.clone())))?;
        self.submit_original(agent, &run.id, &original).await
    }

    /// The same for a command as somebody else has written it: byte by byte, with their signature.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_original(
        &self,
        agent: &AgentId,
        id: &CommandId,
        original: &Original,
    ) -> Result<Submission, SubmitError> {
        let entry = intent_entry(agent, id, original).expect_last(0).message_id(id.as_str());
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
        // What is signed says itself for whom it is.
        let cancel = Cancel { agent: Some(record.agent.clone()), ..cancel.clone() };
        let original = self.write_down(&Intent::Cancel(cancel.clone()))?;
        let entry = intent_entry(&record.agent, &cancel.id, &original).expect_last(record.last_sequence);
        match self.append_again(entry).await {
            Ok(_) | Err(AppendError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the wish to cancel a command that came straight to its agent, byte by byte: the history shows who wanted it. A
    /// second wish changes nothing.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn keep_cancel(&self, agent: &AgentId, id: &CommandId, original: &Original) -> Result<(), SubmitError> {
        let last = self.broker.last(COMMANDS, &subject::command(agent, id)).await;
        let Some(last) = last.map_err(|error| SubmitError::Unavailable(error.to_string()))? else { return Ok(()) };
        if matches!(record::intent(&last), Ok((_, Intent::Cancel(_)))) {
            return Ok(());
        }
        let entry = intent_entry(agent, id, original).expect_last(last.sequence);
        match self.append_again(entry).await {
            Ok(_) | Err(AppendError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Rings the bell of an agent once more: the intent again, as a plain message. What the agent has, it knows.
    pub async fn ring(&self, agent: &AgentId, intent: &Intent) {
        let mut intent = intent.clone();
        if let Intent::Cancel(cancel) = &mut intent {
            cancel.agent.get_or_insert_with(|| agent.clone());
        }
        let Ok(original) = self.write_down(&intent) else { return };
        let Entry { headers, payload, .. } = intent_entry(agent, intent.id(), &original);
        // Lost rings do not matter: the agent reads the ledger by itself every so often.
        let _ = self.broker.client().publish_with_headers(subject::exec(agent), headers, payload).await;
    }

    /// An intent of this process's own: written once, signed where somebody signs here.
    fn write_down(&self, intent: &Intent) -> Result<Original, SubmitError> {
        let payload = encode(intent)?;
        let seal = self.seal(Purpose::Intent, &payload)?;
        Ok(Original::written(payload.into(), seal))
    }

    /// Claims a command by its first event, which follows `previous`, its intent. Asks until the answer is known.
    ///
    /// # Errors
    /// When the event is too large, or the broker refuses it for good.
    pub async fn claim(
        &self,
        agent: &AgentId,
        command: &CommandId,
        instance: &str,
        previous: Option<Link>,
        first: EventKind,
    ) -> Result<Claim, AppendError> {
        let mut writer = self.writer(agent, command, instance, Chain::default(), previous);
        match writer.append(first).await {
            Ok(_) => Ok(Claim::Won(writer)),
            Err(AppendError::Conflict(_)) => Ok(Claim::Taken),
            Err(error) => Err(error),
        }
    }

    /// Goes on where an earlier life of this agent stopped: behind its last event.
    #[must_use]
    pub fn resume(&self, agent: &AgentId, command: &CommandId, instance: &str, last: &LastEvent) -> EventWriter {
        let chain = Chain::behind(last.stored.event.n, last.stored.sequence);
        self.writer(agent, command, instance, chain, last.link)
    }

    fn writer(
        &self,
        agent: &AgentId,
        command: &CommandId,
        instance: &str,
        chain: Chain,
        previous: Option<Link>,
    ) -> EventWriter {
        EventWriter {
            broker: self.broker.clone(),
            agent: agent.clone(),
            command: command.clone(),
            instance: instance.to_owned(),
            chain,
            previous,
            signer: self.signer.clone(),
            certified: None,
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

fn intent_entry(agent: &AgentId, id: &CommandId, original: &Original) -> Entry {
    let entry = Entry::new(subject::command(agent, id), original.payload());
    let entry = entry.header("Content-Type", original.content_type());
    original.sealing().into_iter().fold(entry, Entry::sealed)
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
        // Once: however often it has to be sent, it stays the same, byte by byte.
        let (payload, seal) = self.write_down(kind)?;
        let mut pause = FIRST_PAUSE;
        let mut set_back_since: Option<Instant> = None;
        loop {
            let entry = self.entry(&payload, seal.as_ref());
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
                Next::Done(sequence) => {
                    self.previous = Some(Link::to(&payload));
                    self.certified = seal.and_then(|seal| seal.certificate).or(self.certified.take());
                    return Ok(sequence);
                }
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

    fn write_down(&self, kind: EventKind) -> Result<(Bytes, Option<Seal>), AppendError> {
        let (agent, command) = (self.agent.clone(), self.command.clone());
        let (n, time, previous) = (self.chain.n(), Timestamp::now(), self.previous);
        let event = Event { agent, command, n, time, previous, kind };
        let payload: Bytes = Encoding::Json.encode(&event).map_err(|_| AppendError::TooLarge)?.into();
        let seal = |signer: &Signer| signer.seal(Purpose::Event, &payload, self.certified.as_deref());
        let seal = self.signer.as_ref().map(seal).transpose();
        let seal = seal.map_err(|error| AppendError::Refused(error.to_string()))?;
        Ok((payload, seal))
    }

    fn entry(&self, payload: &Bytes, seal: Option<&Seal>) -> Entry {
        let entry = Entry::new(subject::result(&self.agent, &self.command), payload.clone())
            .header("Content-Type", "application/cloudevents+json")
            .header(INSTANCE, &self.instance)
            .expect_last(self.chain.last());
        seal.into_iter().fold(entry, Entry::sealed)
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
