//! Every subject, stream and bucket name of Ogent. No other code formats or parses one.

use crate::audit::AuditKind;
use crate::id::{AgentId, CommandId};

/// The stream of intents.
pub const COMMANDS: &str = "COMMANDS";
/// The stream of events.
pub const RESULTS: &str = "RESULTS";
/// The stream of analyses.
pub const ANALYSES: &str = "ANALYSES";
/// The stream of what was asked, approved and denied.
pub const APPROVALS: &str = "APPROVALS";
/// The stream of security events.
pub const AUDIT: &str = "AUDIT";
/// The key-value bucket of [`crate::Inventory`] records.
pub const INVENTORY_BUCKET: &str = "inventory";
/// The key-value bucket of [`crate::AgentInfo`] records.
pub const AGENTS_BUCKET: &str = "agents";
/// The key-value bucket of [`crate::Heartbeat`]s, each with a time to live.
pub const PRESENCE_BUCKET: &str = "presence";
/// The key-value bucket of people who may log in.
pub const USERS_BUCKET: &str = "users";
/// The key-value bucket of the access policy.
pub const POLICIES_BUCKET: &str = "policies";

/// The key-value bucket of sessions and API tokens.
pub const SESSIONS_BUCKET: &str = "sessions";
/// The key-value bucket of what may be used once, and soon.
pub const TICKETS_BUCKET: &str = "tickets";
/// The key-value bucket of invitations to agents.
pub const INVITES_BUCKET: &str = "invites";
/// The key-value bucket of agents' identities.
pub const IDENTITIES_BUCKET: &str = "identities";

/// Where a machine asks to become an agent.
pub const ENROLL_REQUESTS: &str = "enroll.requests";
/// Where agents ask for new credentials.
pub const ALL_RENEWALS: &str = "enroll.renew.*";
/// Where gateways ask registrars.
pub const REGISTRAR_ADMIN: &str = "registrar.admin";

/// All security events.
pub const ALL_AUDIT: &str = "audit.*";
/// Where gateways tell each other how log-ins end. Not stored.
pub const LOGINS: &str = "logins.outcomes";

/// All intents of all agents.
pub const ALL_COMMANDS: &str = "commands.*.*";
/// All events of all agents.
pub const ALL_RESULTS: &str = "results.*.*";
/// All events of all proposals.
pub const ALL_APPROVALS: &str = "approvals.*.*";
/// The live feed of events of proposals, for every agent.
pub const ALL_APPROVAL_FEEDS: &str = "agents.*.approvals";
/// Where the stream of approvals republishes to: from [`ALL_APPROVALS`].
pub const APPROVAL_REPUBLISH: &str = "agents.{{wildcard(1)}}.approvals";
/// The live feed of intents, for every agent.
pub const ALL_EXEC: &str = "agents.*.exec";
/// The live feed of events, for every agent.
pub const ALL_FEEDS: &str = "agents.*.results";

/// Where the stream of intents republishes to: from [`ALL_COMMANDS`], rings the bell of the agent.
pub const EXEC_REPUBLISH: &str = "agents.{{wildcard(1)}}.exec";
/// Where the stream of events republishes to: from [`ALL_RESULTS`], feeds those who follow the agent.
pub const FEED_REPUBLISH: &str = "agents.{{wildcard(1)}}.results";

/// Where analysts hear what they should judge.
pub const ANALYSIS_REQUESTS: &str = "analysis.requests";
/// The live feed of analyses: the stream of them republishes here.
pub const ANALYSIS_RESULTS: &str = "analysis.results";
/// All analyses.
pub const ALL_ANALYSES: &str = "analyses.*";

/// Where an agent hears what it should do.
#[must_use]
pub fn exec(agent: &AgentId) -> String {
    format!("agents.{agent}.exec")
}

/// Where others hear what an agent does.
#[must_use]
pub fn feed(agent: &AgentId) -> String {
    format!("agents.{agent}.results")
}

/// Where others hear what becomes of proposals for an agent.
#[must_use]
pub fn approval_feed(agent: &AgentId) -> String {
    format!("agents.{agent}.approvals")
}

/// Where the events of one proposal are kept.
#[must_use]
pub fn approval(agent: &AgentId, command: &CommandId) -> String {
    format!("approvals.{agent}.{command}")
}

/// Where the events of a proposal are kept whose agent is not known.
#[must_use]
pub fn approval_of_any(command: &CommandId) -> String {
    format!("approvals.*.{command}")
}

/// Where the intents of one command are kept.
#[must_use]
pub fn command(agent: &AgentId, command: &CommandId) -> String {
    format!("commands.{agent}.{command}")
}

/// Where the intents of one agent are kept.
#[must_use]
pub fn commands_of(agent: &AgentId) -> String {
    format!("commands.{agent}.*")
}

/// Where the intents of a command are kept whose agent is not known.
#[must_use]
pub fn command_of_any(command: &CommandId) -> String {
    format!("commands.*.{command}")
}

/// Where the events of one command are kept.
#[must_use]
pub fn result(agent: &AgentId, command: &CommandId) -> String {
    format!("results.{agent}.{command}")
}

/// Where the events of one agent are kept.
#[must_use]
pub fn results_of(agent: &AgentId) -> String {
    format!("results.{agent}.*")
}

/// Where the analyses of one command are kept.
#[must_use]
pub fn analysis(id: &CommandId) -> String {
    format!("analyses.{id}")
}

/// Where an agent asks for new credentials.
#[must_use]
pub fn renewal(agent: &AgentId) -> String {
    format!("enroll.renew.{agent}")
}

/// The agent that asks for new credentials.
#[must_use]
pub fn parse_renewal(subject: &str) -> Option<AgentId> {
    subject.strip_prefix("enroll.renew.")?.parse().ok()
}

/// Subjects of one agent whose id the broker fills in: `name` stands for it.
pub mod template {
    /// See [`super::exec`].
    #[must_use]
    pub fn exec(name: &str) -> String {
        format!("agents.{name}.exec")
    }

    /// See [`super::commands_of`].
    #[must_use]
    pub fn commands_of(name: &str) -> String {
        format!("commands.{name}.*")
    }

    /// See [`super::results_of`].
    #[must_use]
    pub fn results_of(name: &str) -> String {
        format!("results.{name}.*")
    }

    /// See [`super::renewal`].
    #[must_use]
    pub fn renewal(name: &str) -> String {
        format!("enroll.renew.{name}")
    }
}

/// Whether a subject is one of those that `pattern` stands for: `*` for any one token, `>` for the rest.
#[must_use]
pub fn matches(pattern: &str, subject: &str) -> bool {
    let (mut pattern, mut subject) = (pattern.split('.'), subject.split('.'));
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(one), Some(other)) if one == "*" || one == other => {}
            _ => return false,
        }
    }
}

/// Whether this is a subject of the history, whatever it says: a consumer delivers under the subject on which a message
/// is stored, and on every subject that its maker names.
#[must_use]
pub fn is_history(subject: &str) -> bool {
    ["commands.", "results.", "approvals.", "analyses.", "audit.", "$KV."].iter().any(|part| subject.starts_with(part))
}

/// Where the security events of one kind are kept.
#[must_use]
pub fn audit(kind: AuditKind) -> String {
    format!("audit.{}", kind.as_str())
}

/// The agent and the command that a ledger subject (`commands.…`, `results.…` or `approvals.…`) names.
#[must_use]
pub fn parse_ledger(subject: &str) -> Option<(AgentId, CommandId)> {
    let mut tokens = subject.split('.');
    let ("commands" | "results" | "approvals") = tokens.next()? else { return None };
    let agent = tokens.next()?.parse().ok()?;
    let command = tokens.next()?.parse().ok()?;
    tokens.next().is_none().then_some((agent, command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ledger_subjects_parse_back(agent in "[A-Za-z0-9_-]{1,64}", id in "[A-Za-z0-9_-]{1,64}") {
            let agent: AgentId = agent.parse().unwrap();
            let id: CommandId = id.parse().unwrap();
            prop_assert_eq!(parse_ledger(&command(&agent, &id)), Some((agent.clone(), id.clone())));
            prop_assert_eq!(parse_ledger(&approval(&agent, &id)), Some((agent.clone(), id.clone())));
            prop_assert_eq!(parse_ledger(&result(&agent, &id)), Some((agent, id)));
        }

        #[test]
        fn foreign_subjects_never_panic(text in any::<String>()) {
            let _ = parse_ledger(&text);
        }
    }

    #[test]
    fn wildcards_stand_for_what_nats_says() {
        for (pattern, subject) in [("a.*.c", "a.b.c"), ("a.>", "a.b.c"), ("a", "a"), ("$KV.users.*", "$KV.users.x")] {
            assert!(matches(pattern, subject), "{pattern} {subject}");
        }
        for (pattern, subject) in
            [("a.*", "a"), ("a.*", "a.b.c"), ("a.>", "a"), ("a.b", "a.c"), ("a", "a.b"), ("", "a")]
        {
            assert!(!matches(pattern, subject), "{pattern} {subject}");
        }
    }

    #[test]
    fn only_ledger_subjects_parse() {
        for bad in ["commands.a", "commands.a.b.c", "agents.a.exec", "results.*.b", "results..b", ""] {
            assert_eq!(parse_ledger(bad), None, "{bad}");
        }
    }
}
