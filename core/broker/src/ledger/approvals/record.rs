//! Receives the stored events of one proposal, gives what they come to.

use jiff::Timestamp;
use ogent_protocol::approval::{self, Blocked, Proposed};
use ogent_protocol::{AgentId, ProposalEvent, ProposalKind, ProposalState, Ruling, Run, Verdict};

use super::read;
use crate::direct::Record;
use crate::sign::Verifier;

/// A proposal as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalRecord {
    /// The agent that the command is for.
    pub agent: AgentId,
    /// What was asked for.
    pub run: Run,
    /// What the rules made of it.
    pub verdict: Verdict,
    /// What policy said to that.
    pub ruling: Ruling,
    /// What an approval has to name; `None` where policy has refused it.
    pub hash: Option<String>,
    /// When it is too late to approve it.
    pub expires_at: Option<Timestamp>,
    /// Seconds from its approval in which it has to be started.
    pub start_within_s: Option<f64>,
    /// Where it stands.
    pub state: ProposalState,
    /// When it was opened, by the gateway's clock.
    pub opened_at: Timestamp,
    /// What was decided, once something was.
    pub decision: Option<ProposalEvent>,
    /// Its sequence in the stream of approvals.
    pub sequence: u64,
    /// The sequence of the last message about it.
    pub last_sequence: u64,
    /// When the broker stored it.
    pub stored_at: Timestamp,
}

// === impl ProposalRecord ===

impl ProposalRecord {
    /// The events that it was read from, in order.
    #[must_use]
    pub fn events(&self) -> Vec<ProposalEvent> {
        let (intent, verdict, ruling) = (self.run.clone(), self.verdict.clone(), self.ruling.clone());
        let kind = match (&self.hash, self.expires_at) {
            (Some(hash), Some(expires_at)) => {
                let (hash, start_within_s) = (hash.clone(), self.start_within_s);
                let proposed = Proposed { intent, verdict, ruling, hash, expires_at, start_within_s };
                ProposalKind::Proposed(Box::new(proposed))
            }
            _ => ProposalKind::Blocked(Box::new(Blocked { intent, verdict, ruling })),
        };
        let (agent, command) = (self.agent.clone(), self.run.id.clone());
        let opening = ProposalEvent { agent, command, n: 0, time: self.opened_at, kind };
        [opening].into_iter().chain(self.decision.clone()).collect()
    }

    /// Whether it waits for a decision that can still be made.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(&self.state, ProposalState::Awaiting(terms) if now < terms.expires_at)
    }

    fn opened_by(event: ProposalEvent, stored: &Record) -> Option<Self> {
        let state = ProposalState::default().apply(&event.kind).ok()?;
        let (opened_at, agent) = (event.time, event.agent);
        let (intent, verdict, ruling, waits) = match event.kind {
            ProposalKind::Proposed(proposed) => {
                let Proposed { intent, verdict, ruling, hash, expires_at, start_within_s } = *proposed;
                (intent, verdict, ruling, Some((hash, expires_at, start_within_s)))
            }
            ProposalKind::Blocked(blocked) => (blocked.intent, blocked.verdict, blocked.ruling, None),
            _ => return None,
        };
        let is_itself = intent.id == event.command && intent.agent.as_ref().is_none_or(|named| *named == agent);
        // What people are shown is what they approve, or nothing is.
        let is_named = waits.as_ref().is_none_or(|(hash, ..)| *hash == approval::hash(&agent, &intent));
        if !is_itself || !is_named {
            return None;
        }
        let (hash, expires_at, start_within_s) = match waits {
            Some((hash, expires_at, within)) => (Some(hash), Some(expires_at), within),
            None => (None, None, None),
        };
        Some(Self {
            agent,
            run: intent,
            verdict,
            ruling,
            hash,
            expires_at,
            start_within_s,
            state,
            opened_at,
            decision: None,
            sequence: stored.sequence,
            last_sequence: stored.sequence,
            stored_at: stored.stored_at,
        })
    }

    /// Takes what stands behind it. What may not come here counts for nothing; but what is written next has to come
    /// behind it.
    pub(super) fn take(&mut self, stored: &Record, verifier: Option<&Verifier>) {
        self.last_sequence = self.last_sequence.max(stored.sequence);
        let event = match read(stored, verifier) {
            Ok(event) => event,
            Err(error) => return tracing::warn!(%error, "skipped a record of the approvals"),
        };
        match self.state.clone().apply(&event.kind) {
            Ok(state) => {
                self.state = state;
                self.decision = Some(event);
            }
            Err(error) => {
                tracing::warn!(command = %self.run.id, sequence = stored.sequence, %error, "skipped a decision");
            }
        }
    }
}

/// A proposal after one more of its messages.
pub(super) fn fold(
    found: Option<ProposalRecord>,
    stored: &Record,
    verifier: Option<&Verifier>,
) -> Option<ProposalRecord> {
    match found {
        Some(mut found) => {
            found.take(stored, verifier);
            Some(found)
        }
        None => opening(stored, verifier),
    }
}

/// The proposal that a message opens, if it opens one.
pub(super) fn opening(stored: &Record, verifier: Option<&Verifier>) -> Option<ProposalRecord> {
    match read(stored, verifier) {
        Ok(event) => ProposalRecord::opened_by(event, stored),
        Err(error) => {
            tracing::warn!(%error, "skipped a record of the approvals");
            None
        }
    }
}
