//! Receives an order from `POST /agents/{id}/execute`, puts it into the ledger, gives back its outcome or its id.
//!
//! The way without trouble is one look into the directory (no round trip), one acknowledged publish, and the live
//! events until the end. The live feed is joined before the publish, so that no event can slip through in between.

mod key;
mod order;
mod wait;

use std::sync::Arc;

use jiff::Timestamp;
use ogent_broker::{BrokerError, CommandRecord, Directory, Ledger, ReadError, Submission, SubmitError, WatchStart};
use ogent_protocol::rest::{CommandResult, PendingCommand};
use ogent_protocol::{AgentId, CommandId, CommandStatus, ExecutionTarget, InvalidIntent, Run};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use key::IdempotencyKey;
pub(crate) use order::Order;
use order::Prepared;

use crate::headroom::Headroom;
use crate::limits::{MAX_WAITERS, REPLAY_WITHIN};
use crate::{history, metrics};

/// What an agent that can reach other machines names among its capabilities.
const SSH: &str = "ssh";

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The command has ended.
    Finished(Box<CommandResult>),
    /// It has not, or not as far as was heard in time.
    Pending(PendingCommand),
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// The request is not a command.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// It asks for a start in the past.
    #[error("not_after: {0} has passed")]
    TooLate(Timestamp),
    /// No agent has that id.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
    /// The agent is offline, and the order may not wait for it.
    #[error("agent {0} is offline; \"queue\": true lets the command wait for it")]
    Offline(AgentId),
    /// The agent cannot reach other machines.
    #[error("execution_target: agent {0} has no ssh target")]
    NoSsh(AgentId),
    /// The idempotency key has named another command before.
    #[error("the Idempotency-Key was used before for another request, command {0}")]
    Mismatch(CommandId),
    /// The ledger did not take it, or did not say so.
    #[error("command {id} could not be put into the history")]
    Submit {
        /// The id that it has, or would have had.
        id: CommandId,
        /// Why.
        #[source]
        source: SubmitError,
    },
    /// The ledger cannot be read.
    #[error("the history cannot be read")]
    Read(#[from] ReadError),
    /// The live feed cannot be followed.
    #[error("the live feed cannot be followed")]
    Follow(#[from] BrokerError),
    /// The ledger says that the command is there, and does not have it.
    #[error("the history has and does not have command {0}")]
    Vanished(CommandId),
}

/// Runs commands.
pub(crate) struct Executor {
    ledger: Ledger,
    headroom: Headroom,
    directory: Directory,
    waiters: Arc<Semaphore>,
    stopping: CancellationToken,
}

// === impl Executor ===

impl Executor {
    /// Waiting requests are answered with what is known when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(ledger: Ledger, headroom: Headroom, directory: Directory, stopping: CancellationToken) -> Self {
        Self { ledger, headroom, directory, waiters: Arc::new(Semaphore::new(MAX_WAITERS)), stopping }
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// See [`ExecuteError`].
    pub(crate) async fn execute(&self, order: Order) -> Result<Answer, ExecuteError> {
        let started = Instant::now();
        let prepared = order.prepare()?;
        let known = if prepared.has_key { self.ledger.find(&prepared.run.id).await? } else { None };
        let answer = match known {
            // A retry finds its command even when the agent has gone since.
            Some(record) => self.join(&prepared, record, started).await?,
            None => self.submit(&prepared, started).await?,
        };
        match &answer {
            Answer::Finished(result) => metrics::ended(result.status.as_str(), started.elapsed()),
            Answer::Pending(_) => metrics::left_pending(),
        }
        Ok(answer)
    }

    async fn submit(&self, prepared: &Prepared, started: Instant) -> Result<Answer, ExecuteError> {
        self.admit(prepared)?;
        let Prepared { agent, run, wait, .. } = prepared;
        let place = if wait.is_zero() { None } else { self.place() };
        let watch = match &place {
            Some(_) => Some(self.ledger.watch(agent, &run.id, WatchStart::Fresh).await?),
            None => None,
        };
        match self.ledger.submit(agent, run).await {
            Ok(Submission::New { .. }) => {}
            Ok(Submission::Existing) => {
                let id = &run.id;
                let record = self.ledger.find(id).await?.ok_or_else(|| ExecuteError::Vanished(id.clone()))?;
                // Somebody was faster with the same key, so the watch may have begun too late: read from the start.
                drop((watch, place));
                return self.join(prepared, record, started).await;
            }
            Err(source) => {
                metrics::publish_failed();
                return Err(ExecuteError::Submit { id: run.id.clone(), source });
            }
        }
        Ok(match watch {
            Some(watch) => self.wait(watch, agent, run, started + *wait).await,
            None => pending(agent, run, CommandStatus::Queued),
        })
    }

    /// Takes part in a command that is in the ledger already.
    async fn join(&self, prepared: &Prepared, record: CommandRecord, started: Instant) -> Result<Answer, ExecuteError> {
        let Prepared { agent, run, wait, .. } = prepared;
        if record.agent != *agent || !record.run.asks_the_same(run) {
            return Err(ExecuteError::Mismatch(run.id.clone()));
        }
        let last = self.ledger.last_event(agent, &run.id).await?;
        let status = history::view(&record, last.as_ref()).status;
        let deadline = match status.is_final() {
            true => Instant::now() + REPLAY_WITHIN,
            false => started + *wait,
        };
        let Some(_place) = self.place().filter(|_| status.is_final() || !wait.is_zero()) else {
            return Ok(pending(agent, run, status));
        };
        let watch = self.ledger.watch(agent, &run.id, WatchStart::From(0)).await?;
        Ok(self.wait(watch, agent, run, deadline).await)
    }

    /// Whether a new command may be sent to that agent now.
    fn admit(&self, prepared: &Prepared) -> Result<(), ExecuteError> {
        let Prepared { agent, run, .. } = prepared;
        if let Some(passed) = run.not_after.filter(|not_after| *not_after <= Timestamp::now()) {
            return Err(ExecuteError::TooLate(passed));
        }
        let state = self.directory.get(agent).ok_or_else(|| ExecuteError::UnknownAgent(agent.clone()))?;
        let wants_ssh = matches!(run.target, ExecutionTarget::Ssh | ExecutionTarget::SshNamed(_));
        if wants_ssh && !state.info.capabilities.iter().any(|capability| capability == SSH) {
            return Err(ExecuteError::NoSsh(agent.clone()));
        }
        if !state.is_online() && !prepared.may_queue {
            return Err(ExecuteError::Offline(agent.clone()));
        }
        if !self.headroom.has_room() {
            let source = SubmitError::Full("the stream of results is nine tenths full".to_owned());
            return Err(ExecuteError::Submit { id: run.id.clone(), source });
        }
        Ok(())
    }

    fn place(&self) -> Option<wait::Place> {
        let permit = Arc::clone(&self.waiters).try_acquire_owned();
        if permit.is_err() {
            metrics::unwaited();
        }
        permit.ok().map(wait::Place::new)
    }
}

fn pending(agent: &AgentId, run: &Run, status: CommandStatus) -> Answer {
    Answer::Pending(PendingCommand { id: run.id.clone(), agent_id: agent.clone(), status })
}
