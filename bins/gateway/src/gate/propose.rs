//! Receives a command that policy does not let run, gives what the history says of it from then on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::approval::{self, Blocked, Proposed};
use ogent_protocol::{AgentId, ProposalEvent, ProposalKind, Run};

use super::{Gate, Judged};

// === impl Gate ===

impl Gate {
    /// The opening of a proposal: somebody else has to approve `run`. It waits no longer than this gateway lets
    /// proposals wait, and no longer than its own `not_after`; without one, it has `start_within` from its approval.
    pub(crate) fn proposal(
        &self,
        agent: &AgentId,
        run: &Run,
        start_within: Option<Duration>,
        judged: Judged,
    ) -> ProposalEvent {
        let now = Timestamp::now();
        let mut intent = run.clone();
        if start_within.is_some() {
            intent.not_after = None;
        }
        let end = SignedDuration::try_from(self.shared.window).ok().and_then(|window| now.checked_add(window).ok());
        let end = end.unwrap_or(Timestamp::MAX);
        let proposed = Proposed {
            hash: approval::hash(agent, &intent),
            expires_at: intent.not_after.map_or(end, |not_after| not_after.min(end)),
            verdict: judged.verdict.unwrap_or_default().bounded(),
            ruling: judged.ruling,
            start_within_s: start_within.map(|within| within.as_secs_f64()),
            intent,
        };
        opening(agent, run, now, ProposalKind::Proposed(Box::new(proposed)))
    }

    /// What the history says of a command that policy refuses.
    pub(crate) fn block(agent: &AgentId, run: &Run, judged: Judged) -> ProposalEvent {
        let (intent, verdict) = (run.clone(), judged.verdict.unwrap_or_default().bounded());
        let blocked = Blocked { intent, verdict, ruling: judged.ruling };
        opening(agent, run, Timestamp::now(), ProposalKind::Blocked(Box::new(blocked)))
    }
}

fn opening(agent: &AgentId, run: &Run, time: Timestamp, kind: ProposalKind) -> ProposalEvent {
    ProposalEvent { agent: agent.clone(), command: run.id.clone(), n: 0, time, kind }
}
