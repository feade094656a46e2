//! Receives what is not an intent, records that it was refused, so that it is seen; but nobody may fill the ledger by it.

use std::time::Duration;

use ogent_protocol::event::Finished;
use ogent_protocol::{Cause, CommandId, EventKind, Link, Outcome};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::job::Context;

/// Refusals that are recorded in any second; of more, a log line is all that is left.
const MAX_A_SECOND: u32 = 10;
/// Of these, those that may wait for a broker that is away.
const MAX_WAITING: usize = 64;

/// The refusals of this second.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    since: Option<Instant>,
    count: u32,
    recording: JoinSet<()>,
}

// === impl Refusals ===

impl Refusals {
    /// Records one, under its own name where the ledger has one for it.
    pub(super) fn record(&mut self, context: &Context, about: Option<(CommandId, Link)>, cause: Cause, problem: &str) {
        tracing::warn!(problem, "refused a message");
        if !self.has_room() {
            return;
        }
        let context = context.clone();
        let end = Finished::without_process(Outcome::Rejected, cause, problem);
        self.recording.spawn(async move {
            let (command, link) = about.map_or_else(|| (CommandId::generate(), None), |(id, link)| (id, Some(link)));
            let event = EventKind::Finished(Box::new(end));
            let recorded = context.ledger.claim(&context.agent, &command, &context.instance, link, event).await;
            if let Err(error) = recorded {
                tracing::warn!(%error, "a refusal could not be recorded");
            }
        });
    }

    fn has_room(&mut self) -> bool {
        let now = Instant::now();
        if self.since.is_none_or(|since| now.duration_since(since) > Duration::from_secs(1)) {
            self.since = Some(now);
            self.count = 0;
        }
        self.count += 1;
        while self.recording.try_join_next().is_some() {}
        self.count <= MAX_A_SECOND && self.recording.len() < MAX_WAITING
    }
}
