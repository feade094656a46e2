//! Receives a principal, says what of many things they may see, and when what they follow is lost to them.

use ogent_broker::{ProposalRecord, StoredEvent};
use ogent_protocol::{AgentId, Blob, CommandId, EventKind};

use super::{Access, Action, Changes, Principal, Resource};

/// What one principal may see: for lists.
#[derive(Clone)]
pub(crate) struct Seen {
    access: Access,
    principal: Principal,
}

/// A command that was found, and that the principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: CommandId,
    pub(crate) agent: AgentId,
    pub(crate) requested_by: Option<String>,
}

/// A command that is being followed.
pub(crate) struct Sight {
    seen: Seen,
    command: Found,
    changes: Changes,
}

// === impl Seen ===

impl Seen {
    #[must_use]
    pub(crate) fn new(access: &Access, principal: &Principal) -> Self {
        Self { access: access.clone(), principal: principal.clone() }
    }

    /// The same about one command that is being followed.
    #[must_use]
    pub(crate) fn sight(self, command: Found) -> Sight {
        let changes = self.access.watch();
        Sight { seen: self, command, changes }
    }

    #[must_use]
    pub(crate) fn agent(&self, id: &AgentId) -> bool {
        self.access.is_let(&self.principal, Action::ViewAgent, &Resource::Agent(Some(id)))
    }

    #[must_use]
    pub(crate) fn command(&self, resource: &Resource<'_>) -> bool {
        self.access.is_let(&self.principal, Action::ViewCommand, resource)
    }

    #[must_use]
    pub(crate) fn output(&self, resource: &Resource<'_>) -> bool {
        self.access.is_let(&self.principal, Action::ViewOutput, resource)
    }

    #[must_use]
    pub(crate) fn approval(&self, record: &ProposalRecord) -> bool {
        self.access.is_let(&self.principal, Action::ViewApproval, &Resource::proposal(record))
    }
}

// === impl Found ===

impl Found {
    #[must_use]
    pub(crate) fn resource(&self) -> Resource<'_> {
        Resource::Command(&self.id, &self.agent, self.requested_by.as_deref())
    }
}

// === impl Sight ===

impl Sight {
    #[must_use]
    pub(crate) fn new(access: &Access, principal: &Principal, command: Found) -> Self {
        Seen::new(access, principal).sight(command)
    }

    /// Resolves when the principal may not see the command any more.
    pub(crate) async fn lost(&mut self) {
        loop {
            self.changes.next().await;
            if !self.seen.command(&self.command.resource()) {
                return;
            }
        }
    }

    /// An event as the principal may see it: without what the command printed, where they may not see that.
    #[must_use]
    pub(crate) fn shown(&self, stored: StoredEvent) -> StoredEvent {
        shown(&self.seen, &self.command.resource(), stored)
    }
}

/// See [`Sight::shown`].
#[must_use]
pub(crate) fn shown(seen: &Seen, command: &Resource<'_>, mut stored: StoredEvent) -> StoredEvent {
    let has_output = match &stored.event.kind {
        EventKind::Output(_) => true,
        EventKind::Finished(finished) => !finished.tail.is_empty(),
        _ => false,
    };
    if has_output && !seen.output(command) {
        match &mut stored.event.kind {
            EventKind::Output(chunk) => chunk.data = Blob::default(),
            EventKind::Finished(finished) => finished.tail.clear(),
            _ => {}
        }
    }
    stored
}
