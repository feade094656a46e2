//! Receives a command from the desk, claims it, has it run, and writes its end.

mod supervise;

use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::intake::ReplyTo;
use ogent_broker::ledger::{Claim, EventWriter};
use ogent_broker::{AppendError, Ledger, Submission};
use ogent_protocol::event::{Accepted, Finished, Origin};
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{AgentId, Cancel, Cause, EventKind, ExecutionTarget, Outcome, Run, limits};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::process;
use crate::settle;
use supervise::Supervisor;

/// What all jobs of an agent share.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) ledger: Ledger,
    pub(crate) agent: AgentId,
    pub(crate) instance: String,
    pub(crate) kill_grace: Duration,
    /// Commands that run have to end now.
    pub(crate) stop_now: CancellationToken,
}

/// One command.
pub(crate) struct Job {
    pub(crate) run: Run,
    pub(crate) origin: Origin,
    /// Somebody who waits for the outcome.
    pub(crate) reply: Option<ReplyTo>,
    /// Filled when somebody cancels it.
    pub(crate) cancel: watch::Receiver<Option<Cancel>>,
    /// Whether a claim that is found without an end comes from an earlier life of this agent.
    pub(crate) may_settle: bool,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// The command has its one end in the ledger.
    Ended,
    /// Somebody else has it.
    Foreign,
    /// Its end could not be written.
    Unsettled,
}

// === impl Job ===

impl Job {
    /// Takes the command from its claim to its end.
    pub(crate) async fn go(self, context: Context) -> JobEnd {
        let first = match self.refusal() {
            Some(end) => EventKind::Finished(Box::new(end)),
            None => EventKind::Accepted(Box::new(Accepted {
                intent: self.run.clone(),
                origin: self.origin,
                instance: context.instance.clone(),
            })),
        };
        let refused = match &first {
            EventKind::Finished(end) => Some((**end).clone()),
            _ => None,
        };
        match self.claim(&context, first).await {
            Ok(Claim::Won(writer)) => match refused {
                Some(end) => self.answer(&context, ResultFold::new(0), &end).await,
                None => return self.run_claimed(context, writer).await,
            },
            Ok(Claim::Taken) => return settle::taken(&context, &self.run.id, self.may_settle).await,
            Err(error) => {
                tracing::error!(command = %self.run.id, %error, "a claim was refused");
                return self.too_large(&context).await;
            }
        }
        JobEnd::Ended
    }

    /// The claim, and meanwhile a look whether the ledger really holds the command: the headers that say so can be
    /// forged by whoever may publish here. One that it does not hold is put there before anything starts.
    async fn claim(&self, context: &Context, first: EventKind) -> Result<Claim, AppendError> {
        let Context { ledger, agent, instance, .. } = context;
        let (claim, held) =
            tokio::join!(ledger.claim(agent, &self.run.id, instance, first), ledger.holds(agent, &self.run.id));
        if !matches!((&claim, held), (Ok(Claim::Won(_)), Ok(false))) {
            return claim;
        }
        tracing::warn!(command = %self.run.id, "a message claimed to come from the ledger, which did not hold it");
        match ledger.submit(agent, &self.run).await {
            Ok(Submission::New { .. } | Submission::Existing) => claim,
            Err(error) => Err(AppendError::Refused(error.to_string())),
        }
    }

    /// Why the command is not even claimed for running, if there is a reason.
    fn refusal(&self) -> Option<Finished> {
        if let Some(cancel) = &*self.cancel.borrow() {
            return Some(Finished::without_process(Outcome::Cancelled, Cause::Cancelled, cancelled_by(cancel)));
        }
        if is_late(&self.run) {
            return Some(Finished::without_process(
                Outcome::Expired,
                Cause::TooLate,
                "it was not started before its not_after",
            ));
        }
        match &self.run.target {
            ExecutionTarget::Auto | ExecutionTarget::Local => None,
            ExecutionTarget::Ssh | ExecutionTarget::SshNamed(_) => {
                Some(Finished::without_process(Outcome::Rejected, Cause::NoSshTarget, "this agent has no SSH targets"))
            }
        }
    }

    async fn run_claimed(mut self, context: Context, mut writer: EventWriter) -> JobEnd {
        let fold = self.reply.as_ref().map(|_| ResultFold::new(limits::MAX_REPLY_BYTES));
        // Time has passed since the claim was sent.
        let (end, fold) = if let Some(end) = self.refusal().filter(|end| end.outcome != Outcome::Rejected) {
            (end, fold)
        } else {
            match process::spawn(&context.agent, &self.run) {
                Err(error) => (Finished::without_process(Outcome::Unspawnable, error.cause(), error.to_string()), fold),
                Ok(process) => {
                    let supervisor = Supervisor::new(process, &self.run, &context, fold);
                    match supervisor.watch(writer, &mut self.cancel).await {
                        Ok((end, fold, back)) => {
                            writer = back;
                            (end, fold)
                        }
                        Err(error) => return unsettled(&self.run, &error),
                    }
                }
            }
        };
        if let Err(error) = writer.append(EventKind::Finished(Box::new(end.clone()))).await {
            return unsettled(&self.run, &error);
        }
        self.answer(&context, fold.unwrap_or_else(|| ResultFold::new(0)), &end).await;
        JobEnd::Ended
    }

    /// An intent that fits a message but, with what an event adds, no longer does.
    async fn too_large(&self, context: &Context) -> JobEnd {
        let end =
            Finished::without_process(Outcome::Rejected, Cause::TooLarge, "the command is too large to be recorded");
        let first = EventKind::Finished(Box::new(end.clone()));
        match context.ledger.claim(&context.agent, &self.run.id, &context.instance, first).await {
            Ok(Claim::Won(_)) => {
                self.answer(context, ResultFold::new(0), &end).await;
                JobEnd::Ended
            }
            Ok(Claim::Taken) => JobEnd::Foreign,
            Err(error) => unsettled(&self.run, &error),
        }
    }

    async fn answer(&self, context: &Context, mut fold: ResultFold, end: &Finished) {
        let Some(reply) = &self.reply else { return };
        fold.see(&EventKind::Finished(Box::new(end.clone())));
        reply.send(&fold.finish(&context.agent, &self.run.id, end)).await;
    }
}

fn unsettled(run: &Run, error: &AppendError) -> JobEnd {
    tracing::error!(command = %run.id, %error, "the end of a command could not be written");
    JobEnd::Unsettled
}

fn is_late(run: &Run) -> bool {
    run.not_after.is_some_and(|not_after| Timestamp::now() > not_after)
}

/// Who cancelled, and why, as one line.
fn cancelled_by(cancel: &Cancel) -> String {
    let by = cancel.requested_by.as_deref().unwrap_or("an unnamed operator");
    match &cancel.reason {
        Some(reason) => format!("cancelled by {by}: {reason}"),
        None => format!("cancelled by {by}"),
    }
}
