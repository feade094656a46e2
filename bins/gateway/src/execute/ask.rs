//! Receives a command that policy asks about or refuses, writes that down, and waits for the decision where somebody wants
//! to.

use ogent_broker::{ProposalRecord, Submission, SubmitError};
use ogent_protocol::rest::PendingCommand;
use ogent_protocol::{ProposalEvent, ProposalState};
use tokio::time::{Instant, timeout_at};

use super::order::Prepared;
use super::{Answer, ExecuteError, Executor, Refused};
use crate::gate::{self, Gate, Judged};
use crate::history::Found;
use crate::metrics;

// === impl Executor ===

impl Executor {
    /// Lets a command wait until somebody else has approved it.
    pub(super) async fn ask(
        &self,
        prepared: &Prepared,
        judged: Judged,
        started: Instant,
    ) -> Result<Answer, ExecuteError> {
        let Prepared { agent, run, start_within, .. } = prepared;
        let opening = self.gate.proposal(agent, run, *start_within, judged);
        self.open(prepared, &opening).await?;
        let found = self.ledger.proposal_of(agent, &run.id).await?;
        let record = found.ok_or_else(|| ExecuteError::Vanished(run.id.clone()))?;
        self.join_proposal(prepared, record, started).await
    }

    /// Writes down that policy refuses a command.
    pub(super) async fn refuse(
        &self,
        prepared: &Prepared,
        judged: Judged,
        started: Instant,
    ) -> Result<Answer, ExecuteError> {
        let Prepared { agent, run, .. } = prepared;
        let Judged { verdict, ruling } = judged.clone();
        tracing::info!(command = %run.id, %agent, because = ruling.because, "policy refuses a command");
        match self.open(prepared, &Gate::block(agent, run, judged)).await {
            Ok(Submission::New { .. }) => {
                Err(ExecuteError::Blocked(Box::new(Refused { id: Some(run.id.clone()), verdict, ruling })))
            }
            // Somebody was faster with the same key.
            Ok(Submission::Existing) => match self.ledger.proposal(&run.id).await? {
                Some(record) => self.join_proposal(prepared, record, started).await,
                None => Err(ExecuteError::Blocked(Box::new(Refused { id: None, verdict, ruling }))),
            },
            // It is refused all the same.
            Err(error) => {
                tracing::warn!(command = %run.id, %error, "a refusal could not be put into the history");
                Err(ExecuteError::Blocked(Box::new(Refused { id: None, verdict, ruling })))
            }
        }
    }

    async fn open(&self, prepared: &Prepared, opening: &ProposalEvent) -> Result<Submission, ExecuteError> {
        if !self.headroom.has_room_to_ask() {
            let source = SubmitError::Full("the stream of approvals is nine tenths full".to_owned());
            return Err(ExecuteError::Submit { id: prepared.run.id.clone(), source });
        }
        let submission = self.ledger.propose(opening).await.map_err(|source| {
            metrics::publish_failed();
            ExecuteError::Submit { id: prepared.run.id.clone(), source }
        })?;
        if let Submission::New { .. } = submission {
            metrics::decided(opening.kind.name());
        }
        Ok(submission)
    }

    /// Takes part in a proposal that is in the ledger.
    pub(super) async fn join_proposal(
        &self,
        prepared: &Prepared,
        record: ProposalRecord,
        started: Instant,
    ) -> Result<Answer, ExecuteError> {
        let Prepared { agent, run, .. } = prepared;
        let is_blocked = matches!(record.state, ProposalState::Blocked);
        let is_same = record.run.asks_the_same(run) || (is_blocked && gate::is_refused_as(run, &record.run));
        if record.agent != *agent || !is_same {
            return Err(ExecuteError::Mismatch(run.id.clone()));
        }
        if is_blocked {
            let (id, verdict, ruling) = (Some(run.id.clone()), Some(record.verdict), record.ruling);
            return Err(ExecuteError::Blocked(Box::new(Refused { id, verdict, ruling })));
        }
        let deadline = started + prepared.wait_for_decision;
        let place = if prepared.wait_for_decision.is_zero() { None } else { self.place() };
        let record = match &place {
            Some(_) => self.decision(record, deadline).await?,
            None => record,
        };
        drop(place);
        match &record.state {
            ProposalState::Approved(_) => self.approved(prepared, record, started).await,
            _ => Ok(standing(&record)),
        }
    }

    /// The proposal once it is decided, or as it stands at the deadline.
    async fn decision(&self, record: ProposalRecord, deadline: Instant) -> Result<ProposalRecord, ExecuteError> {
        let mut watch = self.ledger.watch_proposal(&record.agent, &record.run.id).await?;
        tokio::select! {
            decided = timeout_at(deadline, self.history.decided(&mut watch, &record)) => match decided {
                Ok(decided) => Ok(decided?),
                Err(_) => Ok(record),
            },
            () = self.stopping.cancelled() => Ok(record),
        }
    }

    /// Goes on with an approved command as with any other that is in the ledger.
    async fn approved(
        &self,
        prepared: &Prepared,
        record: ProposalRecord,
        started: Instant,
    ) -> Result<Answer, ExecuteError> {
        let id = &prepared.run.id;
        match self.history.look(id).await? {
            Found::Command(command) => {
                let wait = prepared.wait_for_decision;
                let prepared = Prepared { wait, ..prepared.clone() };
                self.join(&prepared, *command, started).await
            }
            Found::Proposal(_) => Ok(standing(&record)),
        }
    }
}

/// Where a proposal stands that is no command.
fn standing(record: &ProposalRecord) -> Answer {
    if let Some(result) = gate::result(record) {
        return Answer::Finished(Box::new(result));
    }
    let view = gate::view(record);
    Answer::Pending(Box::new(PendingCommand {
        id: view.id,
        agent_id: view.agent_id,
        status: view.status,
        verdict: view.verdict,
        ruling: view.ruling,
        approval: view.approval,
    }))
}
