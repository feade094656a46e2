//! Receives what a route is about, gives the facts that a policy may look at: with the labels of the machine, from the
//! directory.

use ogent_access::{AgentFacts, CommandFacts, Doing, Resource as Facts, Target};
use ogent_broker::{CommandRecord, Directory, ProposalRecord};
use ogent_protocol::rest::CommandView;
use ogent_protocol::{AgentId, AgentInfo, CommandId, Decision, ExecutionTarget, Run, Verdict};

use super::Found;

/// The id of a machine that nobody has named.
const NO_AGENT: &str = "";
/// What an agent that can reach other machines names among its capabilities.
const SSH: &str = "ssh";

/// What something is done to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    /// Neither a machine nor a command.
    Fleet,
    /// A machine; none where a question was about none in particular.
    Agent(Option<&'a AgentId>),
    /// A machine, and what would be done on it.
    Execution(&'a AgentId, &'a Doing),
    /// A command.
    Command(&'a CommandId, &'a AgentId, Option<&'a str>),
    /// A command that somebody decides about, and what it would do.
    Decision(&'a Found, &'a Doing),
    /// The person of that name.
    User(&'a str),
}

// === impl Resource ===

impl<'a> Resource<'a> {
    /// A command that was sent.
    #[must_use]
    pub(crate) fn command(record: &'a CommandRecord) -> Self {
        Self::Command(&record.run.id, &record.agent, record.run.requested_by.as_deref())
    }

    /// A command that somebody has to approve, or that was refused.
    #[must_use]
    pub(crate) fn proposal(record: &'a ProposalRecord) -> Self {
        Self::Command(&record.run.id, &record.agent, record.run.requested_by.as_deref())
    }

    /// A command as it is shown.
    #[must_use]
    pub(crate) fn view(view: &'a CommandView) -> Self {
        Self::Command(&view.id, &view.agent_id, view.requested_by.as_deref())
    }

    /// The machine that it is about; none where it is about no particular one.
    #[must_use]
    pub(super) fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Fleet | Self::User(_) => None,
            Self::Agent(agent) => *agent,
            Self::Execution(agent, _) | Self::Command(_, agent, _) => Some(*agent),
            Self::Decision(found, _) => Some(&found.agent),
        }
    }

    /// Gives the facts to `ask`.
    pub(super) fn with_facts<T>(&self, directory: &Directory, ask: impl FnOnce(Facts<'_>) -> T) -> T {
        let agent = self.agent();
        let labels = agent.and_then(|agent| directory.labels(agent));
        let agent = AgentFacts { id: agent.map_or(NO_AGENT, AgentId::as_str), labels: labels.as_ref() };
        let command = |id, requested_by| CommandFacts { id, agent, requested_by };
        ask(match self {
            Self::Fleet => Facts::Fleet,
            Self::Agent(_) => Facts::Agent(agent, None),
            Self::Execution(_, doing) => Facts::Agent(agent, Some(doing)),
            Self::Command(id, _, requested_by) => Facts::Command(command(id.as_str(), *requested_by), None),
            Self::Decision(found, doing) => {
                Facts::Command(command(found.id.as_str(), found.requested_by.as_deref()), Some(doing))
            }
            Self::User(name) => Facts::User(name),
        })
    }
}

/// What a judged command would do on that machine.
#[must_use]
pub(crate) fn doing(info: Option<&AgentInfo>, run: &Run, verdict: &Verdict, ruling: Decision) -> Doing {
    let has_ssh = info.is_none_or(|info| info.capabilities.iter().any(|capability| capability == SSH));
    let own = info.map_or("", |info| info.user.as_str());
    Doing::of(verdict, ruling, Target::of(&run.target, has_ssh), run.user.as_deref().unwrap_or(own))
}

/// The same where nothing is known of how it was to be done.
#[must_use]
pub(crate) fn plain(verdict: &Verdict, ruling: Decision) -> Doing {
    Doing::of(verdict, ruling, Target::of(&ExecutionTarget::Auto, true), "")
}
