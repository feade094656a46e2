//! Receives a command from the desk, claims it, has it run, and writes its end.

mod provenance;
mod supervise;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::intake::ReplyTo;
use ogent_broker::ledger::{Claim, EventWriter};
use ogent_broker::sign::Original;
use ogent_broker::{AppendError, Ledger};
use ogent_protocol::event::{Accepted, Finished, Origin};
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{AgentId, Cancel, Cause, EventKind, ExecutionTarget, Outcome, Run, SignedBy, limits};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::ceiling::{Ceiling, Judged};
use crate::journal::Journal;
use crate::process::{self, Cgroups};
use crate::settle;
use crate::trust::Trusting;
use provenance::{HELD_PAUSE, Signature};
use supervise::Supervisor;

/// How soon to look again at a command whose end could not be written.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long the end of what another process with this agent's id runs may take to reach the ledger.
const FOREIGN_MARGIN: Duration = Duration::from_secs(20);

/// What all jobs of an agent share.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) ledger: Ledger,
    pub(crate) agent: AgentId,
    pub(crate) instance: String,
    pub(crate) kill_grace: Duration,
    /// What may run here.
    pub(crate) ceiling: Arc<Ceiling>,
    /// Whose word counts.
    pub(crate) trust: Arc<Trusting>,
    /// What this agent has started.
    pub(crate) journal: Journal,
    /// Where commands get control groups, if this agent may make them.
    pub(crate) cgroups: Option<Cgroups>,
    /// Told when the ledger turns out to have been restored from an older copy.
    pub(crate) set_back: Arc<Notify>,
    /// Commands that run have to end now.
    pub(crate) stop_now: CancellationToken,
}

/// One command.
pub(crate) struct Job {
    pub(crate) run: Run,
    /// The same as it came.
    pub(crate) original: Original,
    /// Whether it was read from the ledger itself.
    pub(crate) was_read: bool,
    /// Who has signed it, once that was looked at.
    pub(crate) signed_by: Option<SignedBy>,
    /// What this agent makes of it, once it has looked.
    pub(crate) judged: Option<Judged>,
    pub(crate) origin: Origin,
    /// Somebody who waits for the outcome.
    pub(crate) reply: Option<ReplyTo>,
    /// Filled when somebody cancels it.
    pub(crate) cancel: watch::Receiver<Option<Cancel>>,
    /// Whether a claim that is found without an end comes from an earlier life of this agent.
    pub(crate) may_settle: bool,
    /// Whether it was stored before others that this agent has seen, so that it should have seen it, too.
    pub(crate) is_old: bool,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// The command has its one end in the ledger.
    Ended,
    /// It has none, and somebody has to look again.
    Open(Later),
    /// There is no such command: somebody has rung the bell for what nobody has signed.
    MadeUp,
}

/// When to look again at a command without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) after: Duration,
    /// Whether whoever has claimed it can be taken for dead then.
    pub(crate) may_settle: bool,
    /// How long another process may be at work on it.
    pub(crate) patience: Duration,
}

// === impl Job ===

impl Job {
    /// Takes the command from its claim to its end.
    pub(crate) async fn go(mut self, context: Context) -> JobEnd {
        let was_started = context.journal.has(&self.run.id);
        let unsigned = match self.check_signature(&context).await {
            Signature::Counts => None,
            Signature::Refused(end) => Some(*end),
            Signature::MadeUp => return JobEnd::MadeUp,
        };
        self.judged = context.ceiling.judge(&self.run);
        // What was started, in whatever past, is neither too late nor cancelled nor refused before its start.
        let refusal = match was_started {
            true => None,
            false => unsigned.or_else(|| self.refusal()).or_else(|| self.risk(&context)).map(|end| self.rated(end)),
        };
        let first = match &refusal {
            Some(end) => EventKind::Finished(Box::new(end.clone())),
            None => self.accepted(&context.instance),
        };
        let Context { ledger, agent, instance, .. } = &context;
        // The claim, and meanwhile a look at what the ledger really holds.
        let (claim, held) = tokio::join!(
            ledger.claim(agent, &self.run.id, instance, Some(self.original.link()), first),
            ledger.held(agent, &self.run.id)
        );
        match (claim, refusal) {
            (Ok(Claim::Won(_)), Some(end)) => {
                self.answer(&context, ResultFold::new(0), &end).await;
                JobEnd::Ended
            }
            (Ok(Claim::Won(writer)), None) => {
                let is_in_ledger = matches!(held, Ok(Some(_)));
                let stop = match self.forgery(&context, held).await {
                    None => self.second_start(&context, is_in_ledger),
                    forged => forged,
                };
                match stop {
                    Some(end) => self.end(&context, writer, None, end).await,
                    None => self.run_claimed(context, writer).await,
                }
            }
            (Ok(Claim::Taken), _) => {
                settle::taken(&context, &self.run.id, self.may_settle, self.patience(&context)).await
            }
            (Err(error), _) => {
                tracing::error!(command = %self.run.id, %error, "a claim was refused");
                self.too_large(&context).await
            }
        }
    }

    fn accepted(&self, instance: &str) -> EventKind {
        let (intent, instance) = (self.run.clone(), instance.to_owned());
        let (verdict, ruling) = self.judged.clone().map(|judged| (judged.verdict, judged.ruling)).unzip();
        EventKind::Accepted(Box::new(Accepted {
            intent,
            origin: self.origin,
            instance,
            signed_by: self.signed_by.clone(),
            verdict,
            ruling,
        }))
    }

    /// Why this agent does not let the command run, if there is a reason.
    fn risk(&self, context: &Context) -> Option<Finished> {
        let judged = self.judged.as_ref();
        let problem = context.ceiling.refusal(&self.run, judged)?;
        tracing::info!(command = %self.run.id, problem, "refused a command");
        let end = Finished::without_process(Outcome::Rejected, Cause::Risk, problem);
        Some(Finished {
            verdict: judged.map(|judged| Box::new(judged.verdict.clone())),
            ruling: judged.map(|judged| judged.ruling.clone()),
            ..end
        })
    }

    /// The end says how bad it could have been: lists of commands show no more of them than their ends.
    fn rated(&self, end: Finished) -> Finished {
        Finished { risk: self.judged.as_ref().map(|judged| judged.verdict.level), ..end }
    }

    /// Why the command must not run although nobody had claimed it: the ledger was restored from an older copy, and has
    /// forgotten that it was started.
    fn second_start(&self, context: &Context, is_in_ledger: bool) -> Option<Finished> {
        let was_started = context.journal.has(&self.run.id);
        if was_started || (self.is_old && is_in_ledger) {
            context.set_back.notify_one();
        }
        let message = "this agent had started it before the history was set back; how it ended is not known any more";
        was_started.then(|| Finished::without_process(Outcome::Lost, Cause::AgentLost, message))
    }

    /// Why the command is not even claimed for running, if there is a reason.
    fn refusal(&self) -> Option<Finished> {
        if let Some(cancel) = &*self.cancel.borrow() {
            return Some(cancelled(cancel));
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
        let fold = self.reply.as_ref().map(|_| {
            let mut fold = ResultFold::new(limits::MAX_REPLY_BYTES);
            fold.see(&self.accepted(&context.instance));
            fold
        });
        // Time has passed since the claim was sent.
        let (end, fold) = if let Some(end) = self.refusal().filter(|end| end.outcome != Outcome::Rejected) {
            (end, fold)
        } else {
            context.journal.note(&self.run.id, self.run.not_after);
            context.ceiling.remember(&self.run);
            match process::spawn(&context.agent, &self.run) {
                Err(error) => (Finished::without_process(Outcome::Unspawnable, error.cause(), error.to_string()), fold),
                Ok(process) => {
                    let supervisor = Supervisor::new(process, &self.run, &context, fold);
                    match supervisor.watch(writer, &mut self.cancel).await {
                        Ok((end, fold, back)) => {
                            writer = back;
                            (end, fold)
                        }
                        Err(AppendError::SetBack) => {
                            let message = "it was ended because the history was set back while it ran";
                            let end = Finished::without_process(Outcome::Lost, Cause::AgentLost, message);
                            return self.end_anew(&context, end).await;
                        }
                        Err(error) => return self.unsettled(&context, &error),
                    }
                }
            }
        };
        self.end(&context, writer, fold, end).await
    }

    /// Writes the last event, and tells whoever waits.
    async fn end(&self, context: &Context, mut writer: EventWriter, fold: Option<ResultFold>, end: Finished) -> JobEnd {
        let end = self.rated(end);
        match writer.append(EventKind::Finished(Box::new(end.clone()))).await {
            Ok(_) => {}
            Err(AppendError::SetBack) => return self.end_anew(context, end).await,
            Err(error) => return self.unsettled(context, &error),
        }
        self.answer(context, fold.unwrap_or_else(|| ResultFold::new(0)), &end).await;
        JobEnd::Ended
    }

    /// The ledger was restored from an older copy, and has forgotten this command or some of its events: puts back that
    /// it was asked for and claimed, so that it gets its end.
    async fn end_anew(&self, context: &Context, end: Finished) -> JobEnd {
        context.set_back.notify_one();
        let mut written = self.write_anew(context, &end).await;
        // Nobody else knows this end: it waits for the broker as every end does.
        while let Err(AppendError::Unavailable(_)) = written {
            tokio::time::sleep(HELD_PAUSE).await;
            written = self.write_anew(context, &end).await;
        }
        match written {
            Ok(()) => {
                tracing::warn!(command = %self.run.id, "wrote the end of a command that the ledger had forgotten");
                self.answer(context, ResultFold::new(0), &end).await;
                JobEnd::Ended
            }
            Err(error) => self.unsettled(context, &error),
        }
    }

    async fn write_anew(&self, context: &Context, end: &Finished) -> Result<(), AppendError> {
        let Context { ledger, agent, instance, .. } = context;
        let unavailable = |error: &dyn std::fmt::Display| AppendError::Unavailable(error.to_string());
        self.put_back(context).await.map_err(|error| AppendError::Refused(error.to_string()))?;
        let mut writer = match ledger.last_of(agent, &self.run.id).await.map_err(|error| unavailable(&error))? {
            Some(last) if matches!(last.stored.event.kind, EventKind::Finished(_)) => return Ok(()),
            Some(last) => ledger.resume(agent, &self.run.id, instance, &last),
            None => match ledger
                .claim(agent, &self.run.id, instance, Some(self.original.link()), self.accepted(instance))
                .await?
            {
                Claim::Won(writer) => writer,
                Claim::Taken => return Err(AppendError::Conflict(None)),
            },
        };
        writer.append(EventKind::Finished(Box::new(end.clone()))).await.map(drop)
    }

    /// An intent that fits a message but, with what an event adds, no longer does.
    async fn too_large(&self, context: &Context) -> JobEnd {
        let end =
            Finished::without_process(Outcome::Rejected, Cause::TooLarge, "the command is too large to be recorded");
        let first = EventKind::Finished(Box::new(end.clone()));
        let link = Some(self.original.link());
        match context.ledger.claim(&context.agent, &self.run.id, &context.instance, link, first).await {
            Ok(Claim::Won(_)) => {
                self.answer(context, ResultFold::new(0), &end).await;
                JobEnd::Ended
            }
            Ok(Claim::Taken) => settle::taken(context, &self.run.id, self.may_settle, self.patience(context)).await,
            Err(error) => self.unsettled(context, &error),
        }
    }

    fn unsettled(&self, context: &Context, error: &AppendError) -> JobEnd {
        tracing::error!(command = %self.run.id, %error, "the end of a command could not be written");
        JobEnd::Open(self.later(context))
    }

    /// When nothing of it runs here any more: whoever looks next may end it.
    pub(crate) fn later(&self, context: &Context) -> Later {
        Later { after: LOOK_AGAIN, may_settle: true, patience: self.patience(context) }
    }

    /// How long a process that has claimed this command may be at work on it.
    fn patience(&self, context: &Context) -> Duration {
        self.run.timeout + context.kill_grace + FOREIGN_MARGIN
    }

    async fn answer(&self, context: &Context, mut fold: ResultFold, end: &Finished) {
        let Some(reply) = &self.reply else { return };
        fold.see(&EventKind::Finished(Box::new(end.clone())));
        reply.send(&fold.finish(&context.agent, &self.run.id, end)).await;
    }
}

fn is_late(run: &Run) -> bool {
    run.not_after.is_some_and(|not_after| Timestamp::now() > not_after)
}

fn cancelled(cancel: &Cancel) -> Finished {
    Finished::without_process(Outcome::Cancelled, Cause::Cancelled, cancelled_by(cancel))
}

/// Who cancelled, and why, as one line.
fn cancelled_by(cancel: &Cancel) -> String {
    let by = cancel.requested_by.as_deref().unwrap_or("an unnamed operator");
    match &cancel.reason {
        Some(reason) => format!("cancelled by {by}: {reason}"),
        None => format!("cancelled by {by}"),
    }
}
