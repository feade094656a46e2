//! Receives the events of an agent, tells who has asked for the command of each: only where the access policy wants to know.

use std::collections::HashMap;

use ogent_broker::ReadError;
use ogent_protocol::{AgentId, CommandId, Event};

use crate::http::Shared;

/// Commands that are remembered. At the bound all are forgotten, and looked up again where they come once more.
const MAX_REMEMBERED: usize = 1024;

/// Who has asked for which command.
pub(super) struct Requesters<'a> {
    services: &'a Shared,
    known: HashMap<CommandId, Option<String>>,
}

// === impl Requesters ===

impl<'a> Requesters<'a> {
    pub(super) fn new(services: &'a Shared) -> Self {
        Self { services, known: HashMap::new() }
    }

    /// Who has asked for the command of this event: by the ledger, because the event itself is the agent's word only.
    pub(super) async fn of(&mut self, agent: &AgentId, event: &Event) -> Result<Option<String>, ReadError> {
        if !self.services.access.looks_at_requesters() {
            return Ok(None);
        }
        if let Some(known) = self.known.get(&event.command) {
            return Ok(known.clone());
        }
        let held = match self.services.ledger.find(&event.command).await {
            Ok(found) => found.filter(|record| record.agent == *agent),
            Err(ReadError::Corrupt { .. }) => None,
            Err(error) => return Err(error),
        };
        let requested_by = held.and_then(|record| record.run.requested_by);
        if self.known.len() >= MAX_REMEMBERED {
            self.known.clear();
        }
        self.known.insert(event.command.clone(), requested_by.clone());
        Ok(requested_by)
    }
}
