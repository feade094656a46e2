//! Receives an order from `POST /agents/{id}/execute`, has it judged, puts it into the ledger, gives back its outcome or its
//! id.
//!
//! The way without trouble is one look into the directory and a judgement (no round trip), one acknowledged publish, and the
//! live events until the end. The live feed is joined before the publish, so that no event can slip through in between.
//! What policy asks about waits in the ledger until somebody else has approved it; what it refuses is history, too.

mod ask;
mod error;
mod key;
mod order;
mod wait;

use std::sync::Arc;

use jiff::Timestamp;
use ogent_broker::{AgentState, CommandRecord, Directory, Ledger, Submission, SubmitError, WatchStart};
use ogent_protocol::rest::{ApprovalView, CommandResult, DryRun, PendingCommand};
use ogent_protocol::{AgentId, CommandStatus, Decision, ExecutionTarget, Run, Verdict};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use error::{ExecuteError, Refused};
pub(crate) use key::IdempotencyKey;
pub(crate) use order::Order;
use order::Prepared;

use crate::access::{self, Access, Action, Resource};
use crate::gate::{Gate, Judged};
use crate::headroom::Headroom;
use crate::history::{self, History};
use crate::limits::{MAX_WAITERS, REPLAY_WITHIN};
use crate::metrics;

/// What an agent that can reach other machines names among its capabilities.
const SSH: &str = "ssh";

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The command has ended.
    Finished(Box<CommandResult>),
    /// It has not, or not as far as was heard in time.
    Pending(Box<PendingCommand>),
    /// It was only judged.
    Judged(Box<DryRun>),
}

/// Runs commands.
pub(crate) struct Executor {
    ledger: Ledger,
    history: History,
    gate: Gate,
    access: Access,
    headroom: Headroom,
    directory: Directory,
    waiters: Arc<Semaphore>,
    stopping: CancellationToken,
}

// === impl Executor ===

impl Executor {
    /// Waiting requests are answered with what is known when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(
        ledger: Ledger,
        history: History,
        gate: Gate,
        access: Access,
        headroom: Headroom,
        directory: Directory,
        stopping: CancellationToken,
    ) -> Self {
        let waiters = Arc::new(Semaphore::new(MAX_WAITERS));
        Self { ledger, history, gate, access, headroom, directory, waiters, stopping }
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// See [`ExecuteError`].
    pub(crate) async fn execute(&self, order: Order) -> Result<Answer, ExecuteError> {
        let started = Instant::now();
        let prepared = order.prepare()?;
        if prepared.dry_run {
            return self.judge_only(&prepared).await;
        }
        let answer = match prepared.has_key {
            // A retry finds its command even when the agent has gone since.
            true => match self.known(&prepared, started).await? {
                Some(answer) => answer,
                None => self.begin(&prepared, started).await?,
            },
            false => self.begin(&prepared, started).await?,
        };
        match &answer {
            Answer::Finished(result) => metrics::ended(result.status.as_str(), started.elapsed()),
            Answer::Pending(_) => metrics::left_pending(),
            Answer::Judged(_) => {}
        }
        Ok(answer)
    }

    /// What became of the command before, if it was there before.
    async fn known(&self, prepared: &Prepared, started: Instant) -> Result<Option<Answer>, ExecuteError> {
        let id = &prepared.run.id;
        if let Some(record) = self.ledger.find(id).await? {
            self.access.may(&prepared.principal, Action::ViewCommand, &Resource::command(&record))?;
            return self.join(prepared, record, started).await.map(Some);
        }
        match self.ledger.proposal(id).await? {
            Some(record) => {
                self.access.may(&prepared.principal, Action::ViewCommand, &Resource::proposal(&record))?;
                self.join_proposal(prepared, record, started).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Judges a command that was not there before, and does with it what policy says.
    async fn begin(&self, prepared: &Prepared, started: Instant) -> Result<Answer, ExecuteError> {
        let Prepared { agent, .. } = prepared;
        let state = self.directory.get(agent).ok_or_else(|| ExecuteError::UnknownAgent(agent.clone()))?;
        let judged = self.judge(&state, prepared).await?;
        self.admit(prepared, &state)?;
        match judged.ruling.decision {
            Decision::Run => self.submit(&state, prepared, started).await,
            Decision::Ask => self.ask(prepared, judged, started).await,
            Decision::Block => self.refuse(prepared, judged, started).await,
        }
    }

    async fn judge_only(&self, prepared: &Prepared) -> Result<Answer, ExecuteError> {
        let Prepared { agent, run, .. } = prepared;
        let state = self.directory.get(agent).ok_or_else(|| ExecuteError::UnknownAgent(agent.clone()))?;
        let judged = self.judge(&state, prepared).await?;
        Ok(Answer::Judged(Box::new(DryRun {
            dry_run: true,
            agent_id: agent.clone(),
            command: run.program.to_string(),
            verdict: judged.verdict,
            ruling: judged.ruling,
        })))
    }

    /// What the gate says of a command, where the one who wants it may run it: that is asked once more now, because it may
    /// depend on what the command would do. Whether the agent is there or not is nobody's business who may not.
    async fn judge(&self, state: &AgentState, prepared: &Prepared) -> Result<Judged, ExecuteError> {
        let Prepared { principal, agent, run, ask, .. } = prepared;
        let mut judged = self.gate.judge(&state.info, run, *ask).await;
        let verdict = match &judged.verdict {
            Some(verdict) => verdict.clone(),
            None if self.access.looks_at_verdicts() => self.gate.verdict(&state.info, run).await,
            None => Verdict::default(),
        };
        let doing = access::doing(Some(&state.info), run, &verdict, judged.ruling.decision);
        self.access.may(principal, Action::Execute, &Resource::Execution(agent, &doing))?;
        judged.verdict = judged.verdict.map(Verdict::bounded);
        Ok(judged)
    }

    async fn submit(&self, state: &AgentState, prepared: &Prepared, started: Instant) -> Result<Answer, ExecuteError> {
        let Prepared { agent, run, wait, .. } = prepared;
        let place = if wait.is_zero() { None } else { self.place() };
        let watch = match &place {
            Some(_) => Some(self.ledger.watch(agent, &run.id, WatchStart::Fresh).await?),
            None => None,
        };
        match self.ledger.submit(agent, run).await {
            Ok(Submission::New { .. }) => self.gate.sent(&state.info, run),
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
    fn admit(&self, prepared: &Prepared, state: &AgentState) -> Result<(), ExecuteError> {
        let Prepared { agent, run, .. } = prepared;
        if let Some(passed) = run.not_after.filter(|not_after| *not_after <= Timestamp::now()) {
            return Err(ExecuteError::TooLate(passed));
        }
        let wants_ssh = matches!(run.target, ExecutionTarget::Ssh | ExecutionTarget::SshNamed(_));
        if wants_ssh && !state.info.capabilities.iter().any(|capability| capability == SSH) {
            return Err(ExecuteError::NoSsh(agent.clone()));
        }
        if state.is_revoked {
            return Err(ExecuteError::Revoked(agent.clone()));
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
    Answer::Pending(Box::new(PendingCommand {
        id: run.id.clone(),
        agent_id: agent.clone(),
        status,
        verdict: None,
        ruling: None,
        approval: run.approval.as_ref().map(ApprovalView::from),
    }))
}
