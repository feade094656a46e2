//! Receives what the load does and hears, writes it down, and knows what has no end yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ogent_protocol::{AgentId, CommandId, Outcome};

use super::Tally;
use super::wish::Wish;
use crate::evidence::{ClientEvent, ClientLine, Log, now};

/// The log of the load.
pub(super) struct Book {
    log: Log,
    open: Mutex<HashMap<CommandId, AgentId>>,
    offered: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

// === impl Book ===

impl Book {
    pub(super) fn new(log: Log) -> Self {
        let zero = || AtomicU64::new(0);
        let open = Mutex::new(HashMap::new());
        Self { log, open, offered: zero(), accepted: zero(), refused: zero(), unknown: zero() }
    }

    pub(super) fn offered(&self, wish: &Wish) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        self.write(wish.offer());
    }

    pub(super) fn accepted(
        &self,
        wish: &Wish,
        command: &CommandId,
        outcome: Option<Outcome>,
        latency: std::time::Duration,
        tries: u32,
    ) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        if outcome.is_none() {
            self.open().insert(command.clone(), wish.agent.clone());
        }
        let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let (nonce, command) = (wish.nonce.clone(), command.clone());
        self.write(ClientEvent::Accepted { nonce, command, latency_us, outcome, tries });
    }

    pub(super) fn refused(&self, wish: &Wish, status: u16, code: &str) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.write(ClientEvent::Refused { nonce: wish.nonce.clone(), status, code: code.to_owned() });
    }

    pub(super) fn unknown(&self, wish: &Wish, problem: &str) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
        self.write(ClientEvent::Unknown { nonce: wish.nonce.clone(), problem: problem.to_owned() });
    }

    /// Writes what is not counted.
    pub(super) fn write(&self, event: ClientEvent) {
        self.log.write(&ClientLine { at: now(), event });
    }

    /// A command is known to have ended.
    pub(super) fn ended(&self, command: &CommandId) {
        self.open().remove(command);
    }

    /// Accepted commands whose end nobody has told.
    pub(super) fn unfinished(&self) -> Vec<(AgentId, CommandId)> {
        self.open().iter().map(|(command, agent)| (agent.clone(), command.clone())).collect()
    }

    pub(super) fn tally(&self) -> Tally {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            offered: of(&self.offered),
            accepted: of(&self.accepted),
            refused: of(&self.refused),
            unknown: of(&self.unknown),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<CommandId, AgentId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
