//! Receives the events of all proposals from the ledger, sees to it that each proposal gets its end: what nobody approved
//! in time expires, and what was approved is sent, also where the gateway that took the approval has died.
//!
//! Every gateway does this; the ledger takes what the first one writes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_broker::{ApprovalStart, Ledger, ReadError, StoredApproval};
use ogent_protocol::{AgentId, CommandId, ProposalKind, ProposalState, limits};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Decider, SendError, is_too_late};
use crate::limits::{MAX_SWEPT, SWEEP_APPROVALS_EVERY};
use crate::metrics;

/// How long an approval is left to the gateway that took it, which sends the command in the next moment.
const LEAVE_FOR: SignedDuration = SignedDuration::from_secs(5);
/// When a proposal is looked at again that could not be ended.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// After so many failures one behind the other the round ends: it is the broker, and each of them waits for it. The next
/// round goes on with the others, because these are due later.
const MAX_FAILURES: u32 = 3;
/// Proposals are open for [`limits::MAX_APPROVAL`] at most; clocks may differ by so much.
const MARGIN: Duration = Duration::from_secs(10 * 60);

/// Sees to it that proposals end.
pub(crate) struct Sweeper {
    ledger: Ledger,
    decider: Decider,
    /// Where the ledger has not been read yet.
    next: Option<u64>,
    /// Proposals without an end, as far as they were read.
    open: BTreeMap<CommandId, Open>,
}

/// A proposal that somebody has to look at again.
struct Open {
    agent: AgentId,
    /// When.
    due: Timestamp,
    is_approved: bool,
    /// Whether somebody was told that it cannot be ended.
    is_told: bool,
}

// === impl Sweeper ===

impl Sweeper {
    #[must_use]
    pub(crate) fn new(ledger: Ledger, decider: Decider) -> Self {
        Self { ledger, decider, next: None, open: BTreeMap::new() }
    }

    /// Looks again and again until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tick = interval(SWEEP_APPROVALS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let swept = tokio::select! {
                () = stop.cancelled() => return,
                swept = self.sweep() => swept,
            };
            if let Err(error) = swept {
                tracing::debug!(%error, "the approvals cannot be read now");
            }
        }
    }

    async fn sweep(&mut self) -> Result<(), ReadError> {
        self.read().await?;
        metrics::open_proposals(self.open.values().filter(|one| !one.is_approved).count());
        let now = Timestamp::now();
        let due: Vec<(CommandId, AgentId)> = self
            .open
            .iter()
            .filter(|(_, one)| one.due <= now)
            .map(|(id, one)| (id.clone(), one.agent.clone()))
            .collect();
        let mut failures = 0;
        for (id, agent) in due {
            match self.end(&agent, &id).await {
                Ok(None) => drop(self.open.remove(&id)),
                Ok(Some(later)) => self.open.get_mut(&id).into_iter().for_each(|one| one.due = later),
                Err(error) => {
                    self.put_off(&id, &error);
                    failures += 1;
                    if failures == MAX_FAILURES {
                        return Ok(());
                    }
                    continue;
                }
            }
            failures = 0;
        }
        Ok(())
    }

    /// What cannot be ended now must not keep the others from it.
    fn put_off(&mut self, id: &CommandId, error: &SendError) {
        let Some(one) = self.open.get_mut(id) else { return };
        match std::mem::replace(&mut one.is_told, true) {
            false => tracing::warn!(command = %id, %error, "a proposal cannot be ended or sent now"),
            true => tracing::debug!(command = %id, %error, "a proposal still cannot be ended or sent"),
        }
        one.due = Timestamp::now().checked_add(AGAIN_AFTER).unwrap_or(Timestamp::MAX);
    }

    /// Takes in what was stored since the last time.
    async fn read(&mut self) -> Result<(), ReadError> {
        loop {
            let start = match self.next {
                Some(next) => ApprovalStart::Sequence(next),
                None => ApprovalStart::Time(earliest()),
            };
            let page = self.ledger.approval_events(start).await?;
            page.events.into_iter().for_each(|stored| self.take(stored));
            self.next = page.next.or(self.next);
            if !page.more {
                return Ok(());
            }
        }
    }

    fn take(&mut self, StoredApproval { event, .. }: StoredApproval) {
        let (due, is_approved) = match event.kind {
            ProposalKind::Proposed(proposed) => (proposed.expires_at, false),
            ProposalKind::Approved(approval) => (approval.at.checked_add(LEAVE_FOR).unwrap_or(approval.at), true),
            ProposalKind::Blocked(_) => return,
            // Not every event counts: what has become of the proposal is looked up.
            ProposalKind::Denied(_) | ProposalKind::Expired(_) | ProposalKind::Withdrawn(_) => {
                self.open.get_mut(&event.command).into_iter().for_each(|one| one.due = Timestamp::MIN);
                return;
            }
        };
        if self.open.len() >= MAX_SWEPT && !self.open.contains_key(&event.command) {
            // It is shown as expired all the same, and an approved one is sent when somebody looks at it.
            return tracing::warn!(command = %event.command, "too many open proposals to look after this one");
        }
        self.open.insert(event.command, Open { agent: event.agent, due, is_approved, is_told: false });
    }

    /// Does what is due. Gives the time to look again; `None` where nothing is left to do.
    async fn end(&self, agent: &AgentId, id: &CommandId) -> Result<Option<Timestamp>, SendError> {
        let Some(record) = self.ledger.proposal_of(agent, id).await? else { return Ok(None) };
        // What the broker does not take now is tried at the next look.
        let again = |done: bool| (!done).then_some(Timestamp::MIN);
        match &record.state {
            ProposalState::Awaiting(terms) if record.is_open(Timestamp::now()) => Ok(Some(terms.expires_at)),
            ProposalState::Awaiting(_) => Ok(again(self.decider.expire(&record).await.is_ok())),
            ProposalState::Approved(_) => {
                if is_too_late(&record, Timestamp::now()) || self.ledger.held(agent, id).await?.is_some() {
                    return Ok(None);
                }
                match self.decider.carry_out(&record).await {
                    Ok(()) => tracing::warn!(command = %id, "sent an approved command that had not been sent"),
                    // It will be so the next time, too.
                    Err(error @ SendError::Taken(_)) => tracing::warn!(command = %id, %error, "given up"),
                    Err(error) => return Err(error),
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// What was stored before cannot be open any more.
fn earliest() -> Timestamp {
    let back = SignedDuration::try_from(limits::MAX_APPROVAL + MARGIN).unwrap_or(SignedDuration::ZERO);
    Timestamp::now().checked_sub(back).unwrap_or(Timestamp::MIN)
}
