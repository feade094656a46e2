//! Receives the live feed of approvals, gives a proposal once it is decided.

use std::time::Duration;

use futures::StreamExt as _;
use ogent_protocol::{AgentId, CommandId, ProposalState, subject};

use super::super::Ledger;
use super::record::ProposalRecord;
use crate::connect::BrokerError;
use crate::direct::ReadError;
use crate::listen::Published;

/// How long to wait for the feed before the ledger is asked: republishing is at most once, so silence may be loss.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);
/// Times that the ledger is asked in vain before the one who waits is told.
const MAX_FAILURES: u32 = 5;

/// Waits for the decision about one proposal. Few do so at once, so each has a subscription of its own.
pub struct ProposalWatch {
    ledger: Ledger,
    agent: AgentId,
    id: CommandId,
    feed: Published,
    patience: Duration,
}

// === impl Ledger ===

impl Ledger {
    /// Waits for the decision about a proposal. None that is made after this returns is missed.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn watch_proposal(&self, agent: &AgentId, id: &CommandId) -> Result<ProposalWatch, BrokerError> {
        let feed = self.broker.listen(subject::approval_feed(agent)).await?;
        Ok(ProposalWatch { ledger: self.clone(), agent: agent.clone(), id: id.clone(), feed, patience: FIRST_PATIENCE })
    }
}

// === impl ProposalWatch ===

impl ProposalWatch {
    /// The proposal once it is decided; `None` where there is none. Waits as long as that takes.
    ///
    /// # Errors
    /// When the ledger cannot be read for a while; another call tries again.
    pub async fn decided(&mut self) -> Result<Option<ProposalRecord>, ReadError> {
        let mut failures = 0;
        loop {
            match self.ledger.proposal_of(&self.agent, &self.id).await {
                Ok(Some(record)) if matches!(record.state, ProposalState::Awaiting(_)) => failures = 0,
                Err(ReadError::Unavailable(_)) if failures < MAX_FAILURES => failures += 1,
                found => return found,
            }
            self.hear().await;
        }
    }

    /// Returns when the proposal may have been decided.
    async fn hear(&mut self) {
        let about = subject::approval(&self.agent, &self.id);
        let heard = async {
            while let Some(message) = self.feed.next().await {
                let stored = message.headers.as_ref().and_then(|headers| headers.get("Nats-Subject"));
                // The headers only say when to look; what counts is what the ledger has.
                if stored.is_some_and(|stored| stored.as_str() == about) {
                    return;
                }
            }
            // The connection is closed for good: the ledger will say so.
            std::future::pending().await
        };
        match tokio::time::timeout(self.patience, heard).await {
            Ok(()) => self.patience = FIRST_PATIENCE,
            Err(_) => self.patience = (self.patience * 2).min(LONGEST_PATIENCE),
        }
    }
}
