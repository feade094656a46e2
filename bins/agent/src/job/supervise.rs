//! Receives a running process, gives its end; on the way its output goes into the ledger as it comes.
//!
//! ```text
//!             time-out, cancel, agent stops           grace is over
//!   running ───────────────────────────────▶ asked ────────────────▶ killed
//!      │               SIGTERM to the group    │  SIGKILL to the group │
//!      └── exits ──────────────────────────────┴──────────────────────┴──▶ exited ──▶ done
//! ```
//! A process that SIGKILL does not end within two seconds (another account's, or stuck in the kernel) is given up and
//! named. Exited is not done: others may still hold the pipes. After a normal end they get a moment to finish what they
//! print and are then left alone, as a shell would do; after a time-out or a cancellation the whole group has to go.

use std::os::unix::process::ExitStatusExt as _;
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::AppendError;
use ogent_broker::ledger::EventWriter;
use ogent_protocol::event::{Finished, Started};
use ogent_protocol::rest::ResultFold;
use ogent_protocol::{Cancel, Cause, EventKind, Outcome, Run, limits};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Context, cancelled_by};
use crate::outbox::Outbox;
use crate::process::{Happening, Process, Tree};

/// A command that is over sooner is not announced as started: its end says everything, one synced message cheaper.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(100);
/// How long output may wait for more, so that many small writes become one event.
const FLUSH_AFTER: Duration = Duration::from_millis(20);
/// How long those whom the command left behind may hold its output open.
const DRAIN: Duration = Duration::from_secs(1);
/// How often to look whether all are gone.
const POLL: Duration = Duration::from_millis(25);
/// How long SIGKILL may take. Whoever is there then waits inside the kernel, or is another account's.
const GIVE_UP_AFTER: Duration = Duration::from_secs(2);

type Sending = Pin<Box<dyn Future<Output = (EventWriter, Result<u64, AppendError>)> + Send>>;

/// Watches over one process.
pub(super) struct Supervisor {
    process: Process,
    tree: Tree,
    outbox: Outbox,
    fold: Option<ResultFold>,
    started: Instant,
    started_at: Timestamp,
    announced: bool,
    /// When the oldest byte in the outbox has waited long enough.
    flush_at: Option<Instant>,
    times_out: Instant,
    kill_grace: Duration,
    stop_now: CancellationToken,
    stop: Option<Stop>,
    /// Whether a wish to stop was heard; it may have come when nothing was left to be stopped.
    heard_wish: bool,
    exit: Option<Exit>,
}

/// Why a process is ended, and how far that is.
struct Stop {
    why: Why,
    kill_at: Instant,
    /// When whoever is still there after SIGKILL is given up.
    give_up_at: Option<Instant>,
}

enum Why {
    TimedOut,
    Cancelled(Cancel),
    AgentStops,
}

struct Exit {
    status: std::io::Result<ExitStatus>,
    at: Instant,
    /// When the pipes are given up.
    drained_at: Instant,
}

// === impl Supervisor ===

impl Supervisor {
    pub(super) fn new(process: Process, run: &Run, context: &Context, fold: Option<ResultFold>) -> Self {
        let started = Instant::now();
        Self {
            tree: process.tree(&context.agent, &run.id, context.cgroups.as_ref()),
            process,
            outbox: Outbox::new(run.max_output_bytes),
            fold,
            started,
            started_at: Timestamp::now(),
            announced: false,
            flush_at: None,
            times_out: started + run.timeout,
            kill_grace: context.kill_grace,
            stop_now: context.stop_now.clone(),
            stop: None,
            heard_wish: false,
            exit: None,
        }
    }

    /// Stays with the process until it is over. Gives back the writer, for the last event.
    pub(super) async fn watch(
        mut self,
        writer: EventWriter,
        cancel: &mut watch::Receiver<Option<Cancel>>,
    ) -> Result<(Finished, Option<ResultFold>, EventWriter), AppendError> {
        let mut idle = Some(writer);
        let mut sending: Option<Sending> = None;
        loop {
            if let Some(writer) = idle.take() {
                match self.next_event() {
                    Some(event) => sending = Some(send(writer, event)),
                    None if self.is_done() => return Ok((self.end(), self.fold, writer)),
                    None => idle = Some(writer),
                }
            }
            let (may_read, may_exit) = (self.outbox.has_room(), self.exit.is_none());
            let deadline = self.next_deadline(idle.is_some());
            tokio::select! {
                (writer, result) = in_flight(&mut sending) => {
                    // Without a record, nothing may go on.
                    result.inspect_err(|_| self.tree.kill())?;
                    sending = None;
                    idle = Some(writer);
                }
                happening = self.process.next(may_read, may_exit) => match happening {
                    // The end of a pipe.
                    Happening::Output(_, []) => {}
                    Happening::Output(stream, printed) => {
                        self.outbox.push(stream, printed);
                        self.flush_at.get_or_insert_with(|| Instant::now() + FLUSH_AFTER);
                    }
                    Happening::Exited(status) => self.exited(status),
                },
                () = sleep_until(deadline) => self.on_time(),
                wish = cancelled(cancel), if !self.heard_wish => self.stop(Why::Cancelled(wish)),
                () = self.stop_now.cancelled(), if !self.heard_wish => self.stop(Why::AgentStops),
            }
        }
    }

    /// The next event that is due, apart from the last one.
    fn next_event(&mut self) -> Option<EventKind> {
        let has_exited = self.exit.is_some();
        let now = Instant::now();
        let all_is_read = has_exited && self.process.is_silent();
        let is_due = match self.outbox.len() {
            0 => false,
            // What is left at the end travels with the last event.
            len if all_is_read => len > limits::MAX_CHUNK_BYTES,
            len => len >= limits::MAX_CHUNK_BYTES / 2 || self.flush_at.is_some_and(|at| at <= now),
        };
        let is_long = !has_exited && now >= self.started + ANNOUNCE_AFTER;
        if !self.announced && (is_due || is_long) {
            self.announced = true;
            if !has_exited {
                self.tree.enclose();
            }
            return Some(EventKind::Started(Started { pid: self.process.pid() }));
        }
        let chunk = if is_due { self.outbox.take(all_is_read) } else { None };
        if is_due {
            self.flush_at = (self.outbox.len() > 0).then(|| now + FLUSH_AFTER);
        }
        let event = EventKind::Output(chunk?);
        if let Some(fold) = &mut self.fold {
            fold.see(&event);
        }
        Some(event)
    }

    fn is_done(&self) -> bool {
        if self.outbox.len() > limits::MAX_CHUNK_BYTES {
            return false;
        }
        let now = Instant::now();
        let has_given_up = self.stop.as_ref().and_then(|stop| stop.give_up_at).is_some_and(|at| now >= at);
        let Some(exit) = &self.exit else { return has_given_up };
        let is_drained = self.process.is_silent() || now >= exit.drained_at;
        is_drained && (self.stop.is_none() || has_given_up || self.tree.survivors().is_empty())
    }

    fn exited(&mut self, status: std::io::Result<ExitStatus>) {
        let at = Instant::now();
        self.exit = Some(Exit { status, at, drained_at: at + DRAIN });
    }

    /// Begins to end the process and all that it has started.
    fn stop(&mut self, why: Why) {
        self.heard_wish = true;
        if self.stop.is_some() || (self.exit.is_some() && self.tree.survivors().is_empty()) {
            return;
        }
        self.tree.terminate();
        self.stop = Some(Stop { why, kill_at: Instant::now() + self.kill_grace, give_up_at: None });
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.stop.is_none() && self.exit.is_none() && now >= self.times_out {
            self.stop(Why::TimedOut);
        }
        let Some(stop) = self.stop.as_mut().filter(|stop| now >= stop.kill_at) else { return };
        // Again at each look, as long as anybody is left.
        self.tree.kill();
        if stop.give_up_at.is_none() {
            stop.give_up_at = Some(now + GIVE_UP_AFTER);
            if let Some(exit) = &mut self.exit {
                exit.drained_at = now + DRAIN;
            }
        }
    }

    fn next_deadline(&self, may_send: bool) -> Instant {
        let now = Instant::now();
        let mut next = now + Duration::from_secs(3600);
        let mut at = |moment: Instant| next = next.min(moment);
        match (&self.exit, &self.stop) {
            (None, None) => at(self.times_out),
            (Some(exit), None) => at(exit.drained_at),
            (exit, Some(stop)) => {
                if stop.give_up_at.is_none() {
                    at(stop.kill_at);
                }
                if exit.is_some() || stop.give_up_at.is_some() {
                    at(now + POLL);
                }
            }
        }
        if may_send && !self.announced && self.exit.is_none() {
            at(self.started + ANNOUNCE_AFTER);
        }
        if let Some(flush_at) = self.flush_at.filter(|_| may_send) {
            at(flush_at);
        }
        // A moment that has passed must not make this spin.
        next.max(now + Duration::from_millis(1))
    }

    fn end(&mut self) -> Finished {
        let (stdout, stderr) = self.outbox.totals();
        let ended = self.exit.as_ref().map_or_else(Instant::now, |exit| exit.at);
        let (outcome, exit_code, signal) = self.outcome();
        let (cause, mut message) = self.why().unzip();
        if let (Some(message), Some(_)) = (&mut message, &self.stop) {
            let left = self.tree.survivors();
            if !left.is_empty() {
                message.push_str(&format!("; these of its processes could not be ended: {left:?}"));
            }
        }
        Finished {
            outcome,
            exit_code,
            signal,
            pid: Some(self.process.pid()),
            started_at: Some(self.started_at),
            duration_ms: Some(ended.duration_since(self.started).as_secs_f64() * 1000.0),
            cause,
            message,
            tail: self.outbox.take_all(),
            stdout,
            stderr,
            left_running: !self.process.is_silent(),
            risk: None,
            verdict: None,
            ruling: None,
        }
    }

    fn outcome(&self) -> (Outcome, Option<i32>, Option<i32>) {
        let status = self.exit.as_ref().and_then(|exit| exit.status.as_ref().ok());
        let outcome = match (self.stop.as_ref().map(|stop| &stop.why), status.map(|status| status.code())) {
            (Some(Why::TimedOut), _) => Outcome::TimedOut,
            (Some(Why::Cancelled(_) | Why::AgentStops), _) => Outcome::Cancelled,
            (None, None) => Outcome::Lost,
            (None, Some(Some(0))) => Outcome::Succeeded,
            (None, Some(Some(_))) => Outcome::Failed,
            (None, Some(None)) => Outcome::Signaled,
        };
        (outcome, status.and_then(ExitStatus::code), status.and_then(|status| status.signal()))
    }

    /// Why it did not end by itself, if it did not.
    fn why(&self) -> Option<(Cause, String)> {
        if let Some(Err(error)) = self.exit.as_ref().map(|exit| &exit.status) {
            return Some((Cause::System, format!("the system does not tell how it ended: {error}")));
        }
        Some(match &self.stop.as_ref()?.why {
            Why::TimedOut => (Cause::TimedOut, "it ran longer than it was allowed to".to_owned()),
            Why::Cancelled(cancel) => (Cause::Cancelled, cancelled_by(cancel)),
            Why::AgentStops => (Cause::AgentStopped, "it was ended because the agent stops".to_owned()),
        })
    }
}

fn send(mut writer: EventWriter, event: EventKind) -> Sending {
    Box::pin(async move {
        let result = writer.append(event).await;
        (writer, result)
    })
}

async fn in_flight(sending: &mut Option<Sending>) -> (EventWriter, Result<u64, AppendError>) {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

async fn cancelled(cancel: &mut watch::Receiver<Option<Cancel>>) -> Cancel {
    let wish = cancel.wait_for(Option::is_some).await.ok().and_then(|wish| wish.clone());
    match wish {
        Some(wish) => wish,
        // The desk is gone, and with it whoever could cancel.
        None => std::future::pending().await,
    }
}
