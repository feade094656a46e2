//! Receives a command from the desk, claims it, has it run, and writes its end.

mod supervise;

use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::intake::ReplyTo;
use ogent_broker::ledger::{Claim, EventWriter};
use ogent_broker::{AppendError, Ledger, ReadError, Submission};
use ogent_protocol::event::{Accepted, Finished, Origin};
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{AgentId, Cancel, Cause, EventKind, ExecutionTarget, Intent, Outcome, Run, limits};
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
        let refusal = self.refusal();
        let first = match &refusal {
            Some(end) => EventKind::Finished(Box::new(end.clone())),
            None => EventKind::Accepted(Box::new(Accepted {
                intent: self.run.clone(),
                origin: self.origin,
                instance: context.instance.clone(),
            })),
        };
        let Context { ledger, agent, instance, .. } = &context;
        // The claim, and meanwhile a look at what the ledger really holds.
        let (claim, held) =
            tokio::join!(ledger.claim(agent, &self.run.id, instance, first), ledger.held(agent, &self.run.id));
        match (claim, refusal) {
            (Ok(Claim::Won(_)), Some(end)) => {
                self.answer(&context, ResultFold::new(0), &end).await;
                JobEnd::Ended
            }
            (Ok(Claim::Won(writer)), None) => match self.forgery(&context, held).await {
                Some(end) => self.end(&context, writer, None, end).await,
                None => self.run_claimed(context, writer).await,
            },
            (Ok(Claim::Taken), _) => settle::taken(&context, &self.run.id, self.may_settle).await,
            (Err(error), _) => {
                tracing::error!(command = %self.run.id, %error, "a claim was refused");
                self.too_large(&context).await
            }
        }
    }

    /// Why the command must not run although it was claimed: the headers of a message that say where it comes from can
    /// be forged by whoever may publish here. What the ledger does not hold is put there before anything starts; what
    /// it holds differently does not start.
    async fn forgery(&self, context: &Context, held: Result<Option<Intent>, ReadError>) -> Option<Finished> {
        let problem = match held {
            Ok(Some(Intent::Run(recorded))) if *recorded != self.run => {
                "it is not what the ledger holds under this id".to_owned()
            }
            Ok(Some(_)) | Err(_) => return None,
            Ok(None) => {
                tracing::warn!(command = %self.run.id, "the ledger does not hold what claims to come from it");
                match context.ledger.submit(&context.agent, &self.run).await {
                    Ok(Submission::New { .. }) => return None,
                    Ok(Submission::Existing) => "it is another agent's".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
        };
        Some(Finished::without_process(Outcome::Rejected, Cause::NotAnIntent, problem))
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
        self.end(&context, writer, fold, end).await
    }

    /// Writes the last event, and tells whoever waits.
    async fn end(&self, context: &Context, mut writer: EventWriter, fold: Option<ResultFold>, end: Finished) -> JobEnd {
        if let Err(error) = writer.append(EventKind::Finished(Box::new(end.clone()))).await {
            return unsettled(&self.run, &error);
        }
        self.answer(context, fold.unwrap_or_else(|| ResultFold::new(0)), &end).await;
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
