//! Receives intents from the broker, lets commands wait their turn, gives each to a job, and sees it end.
//!
//! There is one way in: the ledger. What somebody publishes straight to the agent is put into the ledger first, and
//! comes back with its bell. The bell may be lost; the ledger is read again after every reconnect, after messages
//! were dropped, and once in a while.

mod doubt;
mod open;
mod reading;
mod refusals;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use ogent_broker::intake::{Heard, Intake, ReplyTo};
use ogent_broker::sign::{Asked, Original};
use ogent_broker::{Broker, Submission, SubmitError};
use ogent_protocol::event::Origin;
use ogent_protocol::rest::Problem;
use ogent_protocol::{Cancel, Cause, CommandId, Intent, Run, SignatureFault, SignerRole, limits};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::job::{Context, Job, JobEnd};
use crate::pulse::Load;
use crate::queue::{Cancelled, Offer, Order, Queue};
use doubt::Doubt;
use open::Open;
use reading::{Catching, in_flight};
use refusals::Refusals;

/// Commands that come straight to the agent and are on their way into the ledger. More are refused.
const MAX_RECORDING: usize = 256;
/// Cancellations that come straight to the agent and are on their way into the ledger. More are not kept.
const MAX_CANCELS: usize = 64;

/// The agent's desk.
pub(crate) struct Desk {
    context: Context,
    intake: Intake,
    queue: Queue,
    load: watch::Sender<Load>,
    connection: watch::Receiver<ogent_broker::ConnectionState>,
    jobs: JoinSet<(CommandId, JobEnd)>,
    open: Open,
    recording: JoinSet<Recorded>,
    /// Cancellations that came straight to the agent and are on their way into the ledger.
    cancels: JoinSet<()>,
    /// Commands that came straight to the agent, and who waits for their outcome.
    direct: HashMap<CommandId, Option<ReplyTo>>,
    catching: Option<Catching>,
    catch_up_at: Instant,
    /// Until the ledger has been read to its end once, claims without an end are those of an earlier life.
    is_settling: bool,
    doubt: Doubt,
    refusals: Refusals,
}

/// What became of a command on its way into the ledger.
struct Recorded {
    id: CommandId,
    result: Result<Submission, SubmitError>,
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(
        context: Context,
        broker: &Broker,
        intake: Intake,
        queue: Queue,
        load: watch::Sender<Load>,
    ) -> Self {
        let doubt = Doubt::after(context.journal.latest());
        Self {
            context,
            intake,
            queue,
            load,
            connection: broker.state(),
            jobs: JoinSet::new(),
            open: Open::default(),
            recording: JoinSet::new(),
            cancels: JoinSet::new(),
            direct: HashMap::new(),
            catching: None,
            catch_up_at: Instant::now(),
            is_settling: true,
            doubt,
            refusals: Refusals::default(),
        }
    }

    /// Works until `shutdown`; then takes nothing new, gives what runs `drain` to finish, and ends the rest. Says whether
    /// it was told to stop: the connection may also be gone for good.
    pub(crate) async fn work(mut self, shutdown: CancellationToken, drain: Duration) -> bool {
        let set_back = self.context.set_back.clone();
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => {}
                heard = self.intake.next() => match heard {
                    Some(heard) => self.hear(heard),
                    // The connection is closed for good.
                    None => break,
                },
                Some(done) = self.jobs.join_next() => self.ended(done),
                (id, end) = self.open.next() => self.looked_at(id, end),
                Some(recorded) = self.recording.join_next() => self.recorded(recorded),
                caught = in_flight(&mut self.catching) => self.caught_up(caught),
                () = sleep_until(self.catch_up_at), if self.catching.is_none() => self.catch_up(),
                () = set_back.notified() => self.set_back(),
                // A reconnect, or messages that were dropped here: live messages may be missing.
                Ok(()) = self.connection.changed() => {
                    self.doubt.connection_changed(self.connection.borrow().connected);
                    self.catch_up_within(Duration::from_millis(200));
                }
            }
            self.start_jobs();
        }
        self.close(drain).await;
        shutdown.is_cancelled()
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Stored { sequence, intent: Intent::Run(run), original } => {
                self.offer(sequence, Order { run: *run, original, was_read: false });
            }
            Heard::Stored { intent: Intent::Cancel(cancel), original, .. } => {
                if self.counts(&cancel, &original) && self.queue.cancel(cancel) == Cancelled::Unknown {
                    self.catch_up_within(Duration::ZERO);
                }
            }
            Heard::Direct { intent: Intent::Run(run), original, reply } => self.record(*run, original, reply),
            Heard::Direct { intent: Intent::Cancel(cancel), original, reply } => {
                self.cancel_directly(cancel, original, reply);
            }
            // The headers that name the command may be made up: what the ledger has, it shows when it is read.
            Heard::Refused { command: Some(_), problem, .. } if self.context.trust.is_strict() => {
                tracing::warn!(problem, "a bell rang for something that cannot be read");
                self.catch_up_within(Duration::from_millis(500));
            }
            Heard::Refused { code, problem, command, link, reply } => {
                answer(reply, code, 422, &problem);
                let about = command.map(|command| (command, link));
                self.refusals.record(&self.context, about, Cause::NotAnIntent, &format!("{code}: {problem}"));
            }
        }
    }

    fn offer(&mut self, sequence: u64, order: Order) {
        let is_old = self.queue.is_old(sequence, &order.run.id);
        // A bell that comes late.
        if is_old && self.context.journal.has(&order.run.id) {
            return;
        }
        let offer = self.queue.offer(sequence, order, self.is_settling && !is_old);
        if offer == Offer::Full {
            // It stays in the ledger, and is read again when there is room.
            tracing::debug!(sequence, "no room for another waiting command");
        }
    }

    /// Puts a command that came straight to the agent into the ledger; its bell brings it back.
    fn record(&mut self, mut run: Run, original: Original, reply: Option<ReplyTo>) {
        if self.queue.knows(&run.id) || self.direct.contains_key(&run.id) {
            // A gateway rings twice. A person who waits is told.
            return answer(reply, "command_exists", 409, "a command with this id was there before");
        }
        let signed_by = match self.context.trust.check(Asked::Run(&run), &original, true) {
            Ok(signed_by) => signed_by,
            Err(fault) => return self.refuse(reply, &fault),
        };
        let is_gateway_s = signed_by.is_some_and(|by| by.role == SignerRole::Gateway);
        if run.approval.is_some() && !is_gateway_s {
            // Whoever may publish here could write anybody's name into it.
            return answer(
                reply,
                "approval_not_taken",
                403,
                "an approval counts only where a gateway put it into the ledger",
            );
        }
        if self.recording.len() >= MAX_RECORDING || self.direct.len() >= MAX_RECORDING * 8 {
            return answer(reply, "busy", 503, "too many commands at once; try again in a moment");
        }
        self.direct.insert(run.id.clone(), reply);
        let Context { ledger, agent, .. } = self.context.clone();
        let is_complete = run.not_after.is_some() && run.agent.is_some() && original.names_command();
        if original.is_signed() && is_complete {
            // Byte by byte, or the signature would not fit any more.
            let id = run.id;
            self.recording
                .spawn(async move { Recorded { result: ledger.submit_original(&agent, &id, &original).await, id } });
            return;
        }
        let now = Timestamp::now();
        run.agent = Some(agent.clone());
        run.requested_at.get_or_insert(now);
        if run.not_after.is_none() {
            run.not_after = now.checked_add(limits::DEFAULT_START_WITHIN).ok();
        }
        let ledger = ledger.unsigned();
        self.recording.spawn(async move { Recorded { result: ledger.submit(&agent, &run).await, id: run.id } });
    }

    /// Tells whoever waits, and the history, that a signature does not count.
    fn refuse(&mut self, reply: Option<ReplyTo>, fault: &SignatureFault) {
        answer(reply, fault.code(), 403, &fault.to_string());
        self.refusals.record(&self.context, None, Cause::Signature, &format!("{}: {fault}", fault.code()));
    }

    /// Whether the wish to cancel counts. Where it does not, the command goes on.
    fn counts(&mut self, cancel: &Cancel, original: &Original) -> bool {
        match self.context.trust.check(Asked::Cancel(cancel), original, true) {
            Ok(_) => true,
            Err(fault) => {
                let problem = format!("{}: the cancellation of {}: {fault}", fault.code(), cancel.id);
                self.refusals.record(&self.context, None, Cause::Signature, &problem);
                false
            }
        }
    }

    fn recorded(&mut self, recorded: Result<Recorded, tokio::task::JoinError>) {
        let Ok(Recorded { id, result }) = recorded else { return };
        let problem = match result {
            // Its bell has rung, or will be missed and found in the ledger.
            Ok(Submission::New { .. }) => {
                if !self.queue.knows(&id) {
                    self.catch_up_within(Duration::from_millis(500));
                }
                return;
            }
            Ok(Submission::Existing) => {
                self.catch_up_within(Duration::ZERO);
                ("command_exists", 409, "a command with this id was there before".to_owned())
            }
            Err(error @ SubmitError::Full(_)) => ("history_full", 507, error.to_string()),
            Err(error @ SubmitError::Unavailable(_)) => ("broker_unavailable", 503, error.to_string()),
            Err(error) => ("malformed_intent", 422, error.to_string()),
        };
        let reply = self.direct.remove(&id).flatten();
        answer(reply, problem.0, problem.1, &problem.2);
    }

    fn cancel_directly(&mut self, cancel: Cancel, original: Original, reply: Option<ReplyTo>) {
        if let Err(fault) = self.context.trust.check(Asked::Cancel(&cancel), &original, true) {
            return self.refuse(reply, &fault);
        }
        let id = cancel.id.clone();
        match self.queue.cancel(cancel) {
            Cancelled::Found => {
                self.keep_cancel(id, original);
                answer_with(reply, &serde_json::json!({"cancelling": true}));
            }
            Cancelled::Ended => answer(reply, "command_ended", 409, "the command has ended"),
            Cancelled::Unknown => {
                self.catch_up_within(Duration::ZERO);
                answer(reply, "command_not_found", 404, "this agent does not have the command now");
            }
        }
    }

    /// The history shows who has wanted the end. The end does not wait for that.
    fn keep_cancel(&mut self, id: CommandId, original: Original) {
        while self.cancels.try_join_next().is_some() {}
        if self.cancels.len() >= MAX_CANCELS {
            return tracing::warn!(command = %id, "too many cancellations at once: this one is not kept");
        }
        let Context { ledger, agent, .. } = self.context.clone();
        self.cancels.spawn(async move {
            if let Err(error) = ledger.keep_cancel(&agent, &id, &original).await {
                tracing::warn!(command = %id, %error, "a cancellation could not be kept");
            }
        });
    }

    fn start_jobs(&mut self) {
        while let Some((waiting, cancel)) = self.queue.start() {
            let Order { run, original, was_read } = waiting.order;
            let (origin, reply) = match self.direct.remove(&run.id) {
                Some(reply) => (Origin::Direct, reply),
                None => (Origin::Ledger, None),
            };
            let id = run.id.clone();
            let (may_settle, is_old) = (waiting.may_settle, waiting.is_old);
            let job = Job {
                run,
                original,
                was_read,
                signed_by: None,
                judged: None,
                origin,
                reply,
                cancel,
                may_settle,
                is_old,
            };
            let context = self.context.clone();
            let broke = JobEnd::Open(job.later(&context));
            self.jobs.spawn(async move {
                // What broke keeps nobody's place, and gets its end.
                let end = AssertUnwindSafe(job.go(context)).catch_unwind().await;
                (id, end.unwrap_or(broke))
            });
        }
        self.tell_load();
    }

    fn tell_load(&self) {
        self.load.send_if_modified(|load| {
            let now = Load {
                running: self.queue.running(),
                queued: self.queue.waiting(),
                settled_through: self.queue.settled_through(),
            };
            std::mem::replace(load, now) != now
        });
    }

    fn ended(&mut self, done: Result<(CommandId, JobEnd), tokio::task::JoinError>) {
        match done {
            Ok((id, JobEnd::MadeUp)) => {
                self.queue.forget(&id);
                let problem = format!("a bell rang for {id}, which the ledger does not hold, and nobody has signed it");
                self.refusals.record(&self.context, None, Cause::Signature, &problem);
                // Meanwhile the real one may have come, and was taken for this.
                self.catch_up_within(Duration::from_millis(200));
            }
            Ok((id, end)) => {
                self.queue.finish(&id, end == JobEnd::Ended);
                match end {
                    JobEnd::Ended => self.doubt.ended(id),
                    JobEnd::Open(later) => self.open.keep(&self.context, id, later),
                    JobEnd::MadeUp => {}
                }
                if self.queue.remembers_much() || self.queue.has_room_again() {
                    self.catch_up_within(Duration::ZERO);
                }
            }
            Err(error) => tracing::error!(%error, "a job broke"),
        }
    }

    fn looked_at(&mut self, id: CommandId, end: JobEnd) {
        match end {
            JobEnd::Ended | JobEnd::MadeUp => self.queue.settled(&id),
            JobEnd::Open(later) => self.open.keep(&self.context, id, later),
        }
    }

    /// Takes nothing new, lets what runs end or ends it. What waits stays in the ledger for the next life.
    async fn close(mut self, drain: Duration) {
        self.intake.close().await;
        if !self.jobs.is_empty() {
            tracing::info!(running = self.jobs.len(), "waiting for running commands to end");
        }
        if tokio::time::timeout(drain, self.all_ended()).await.is_ok() {
            return;
        }
        self.context.stop_now.cancel();
        // TERM, grace, KILL, and a moment to tell the ledger; a broker that is away is not waited for.
        let telling = if self.connection.borrow().connected { Duration::from_secs(3) } else { Duration::ZERO };
        let limit = self.context.kill_grace + Duration::from_millis(500) + telling;
        if tokio::time::timeout(limit, self.all_ended()).await.is_err() {
            tracing::warn!(open = self.jobs.len(), "stopped before the ledger had the end of every command");
        }
    }

    async fn all_ended(&mut self) {
        while let Some(done) = self.jobs.join_next().await {
            self.ended(done);
            self.tell_load();
        }
    }
}

fn answer(reply: Option<ReplyTo>, code: &str, status: u16, detail: &str) {
    let Some(reply) = reply else { return };
    let problem = Problem::new(code, status, detail);
    tokio::spawn(async move { reply.refuse(&problem, status, &problem.detail).await });
}

fn answer_with(reply: Option<ReplyTo>, body: &serde_json::Value) {
    let Some(reply) = reply else { return };
    let body = body.clone();
    tokio::spawn(async move { reply.send(&body).await });
}
