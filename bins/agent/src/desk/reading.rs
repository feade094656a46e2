//! Receives occasions to read the ledger, gives the queue what the bell may not have told.

use std::pin::Pin;
use std::time::Duration;

use ogent_broker::ReadError;
use ogent_broker::ledger::{CaughtUp, Held, Unreadable};
use ogent_protocol::{Cause, EventKind, Intent};
use rand::Rng as _;
use tokio::time::Instant;

use super::Desk;
use super::doubt::{Question, Verdict};
use crate::job::Context;
use crate::queue::{Offer, Order};

/// How often the ledger is read even when nothing seems lost.
const CATCH_UP_EVERY: Duration = Duration::from_secs(60);
/// How soon to try again after the ledger could not be read.
const CATCH_UP_AGAIN: Duration = Duration::from_secs(2);
/// Intents that one reading of the ledger brings.
const PAGE: usize = 256;
/// How far the ledger is read again after it was set back, in its sequences: more than a fleet does between a backup's
/// last moment and the broker's, and not its whole history.
const SET_BACK_READS: u64 = 100_000;

pub(super) type Catching = Pin<Box<dyn Future<Output = Result<CaughtUp, ReadError>> + Send>>;

// === impl Desk ===

impl Desk {
    pub(super) fn catch_up_within(&mut self, time: Duration) {
        self.catch_up_at = self.catch_up_at.min(Instant::now() + time);
    }

    pub(super) fn catch_up(&mut self) {
        let Context { ledger, agent, .. } = self.context.clone();
        let (after, question) = (self.queue.caught_up(), self.doubt.question());
        self.catching = Some(Box::pin(async move {
            let mut caught = ledger.catch_up(&agent, after, PAGE).await?;
            if let Some(Question { command, has_ended }) = question {
                let last = ledger.last_event(&agent, &command).await?;
                let is_known = last.is_some_and(|last| !has_ended || matches!(last.event.kind, EventKind::Finished(_)));
                caught.is_set_back |= !is_known;
            }
            Ok(caught)
        }));
        // Asked for again while this one is on its way: it will be due at once.
        self.catch_up_at = Instant::now() + CATCH_UP_EVERY.mul_f64(rand::rng().random_range(0.5..1.0));
    }

    pub(super) fn caught_up(&mut self, caught: Result<CaughtUp, ReadError>) {
        self.catching = None;
        let caught = match caught {
            Ok(caught) => caught,
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot be read now");
                return self.catch_up_within(CATCH_UP_AGAIN);
            }
        };
        match self.doubt.judge(caught.is_set_back) {
            Verdict::Trust => {}
            Verdict::AskAgain => return self.catch_up_within(CATCH_UP_AGAIN),
            Verdict::SetBack => return self.set_back(),
        }
        for (sequence, Held { intent, original }) in caught.intents {
            match intent {
                Intent::Run(run) => {
                    let order = Order { run: *run, original, was_read: true };
                    if self.queue.offer_read(sequence, order, self.is_settling) == Offer::Full {
                        return;
                    }
                }
                Intent::Cancel(cancel) => {
                    if self.counts(&cancel, &original) {
                        self.queue.cancel(cancel);
                    }
                }
            }
            self.queue.caught_up_to(sequence);
        }
        self.queue.caught_up_to(caught.through);
        for Unreadable { command, problem, link } in caught.unreadable {
            self.refusals.record(&self.context, Some((command, link)), Cause::NotAnIntent, &problem);
        }
        if caught.more {
            return self.catch_up_within(Duration::ZERO);
        }
        self.is_settling = false;
        self.queue.caught_up_fully();
    }

    /// The ledger does not hold any more what it had acknowledged: it was restored from an older copy. What it holds is
    /// read again; claims without an end that are not at work here have lost theirs.
    pub(super) fn set_back(&mut self) {
        if !self.doubt.notice() {
            return;
        }
        tracing::error!("the ledger was set back to an older state: reading it again");
        self.queue.set_back(SET_BACK_READS);
        self.is_settling = true;
        // What is being read now was asked for with the old position.
        self.catching = None;
        self.catch_up_within(Duration::ZERO);
    }
}

/// The reading that is on its way, if there is one.
pub(super) async fn in_flight(catching: &mut Option<Catching>) -> Result<CaughtUp, ReadError> {
    match catching {
        Some(catching) => catching.await,
        None => std::future::pending().await,
    }
}
