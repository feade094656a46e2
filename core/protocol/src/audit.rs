//! Receives what a part has seen of people and identities, gives an event for the stream of security events.
//!
//! A CloudEvent like those of commands. Every text in it has a bound, because strangers choose some of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::MAX_AUDIT_TEXT_BYTES;

/// One thing that happened to a person, a session, a right or an agent's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AuditWire", into = "AuditWire")]
pub struct AuditEvent {
    /// A version 7 UUID.
    pub id: String,
    /// The part that says it: `gateway`, `registrar`, or the name of one.
    pub part: String,
    /// When it happened, by that part's clock.
    pub time: Timestamp,
    /// What happened.
    pub kind: AuditKind,
    /// Who did it, about whom, and from where.
    pub facts: AuditFacts,
}

/// What can happen. The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum AuditKind {
    /// Somebody has logged in.
    Login,
    /// Somebody has tried, and had another password or no such user.
    LoginFailed,
    /// Somebody has tried too often, and has to wait.
    LoginLimited,
    /// A session has got a new access token.
    Refreshed,
    /// An old refresh token came a second time: two have it, so the session was ended.
    RefreshReused,
    /// Somebody has ended the session that they used.
    LoggedOut,
    /// A session was ended by its owner from elsewhere, by an admin, or because its owner has changed.
    SessionRevoked,
    /// Somebody has made an API token.
    TokenCreated,
    /// An API token was ended before its time.
    TokenRevoked,
    /// There is a new user.
    UserAdded,
    /// A user's roles have changed.
    UserChanged,
    /// A user may not do anything any more.
    UserDisabled,
    /// A user may again.
    UserEnabled,
    /// A user is gone.
    UserRemoved,
    /// A user has another password.
    PasswordChanged,
    /// The policies are other ones.
    PolicyChanged,
    /// Somebody may enrol an agent.
    AgentInvited,
    /// An agent has got credentials.
    AgentJoined,
    /// An agent waits for a person to accept it.
    AgentPending,
    /// A person has accepted an agent.
    AgentAccepted,
    /// A person has turned an agent away.
    AgentRejected,
    /// An agent's credentials are no longer good.
    AgentRevoked,
    /// An id has passed to another key.
    AgentReplaced,
    /// Somebody who is logged in was refused.
    AccessDenied,
    /// Events were lost: more of them than could be stored.
    Dropped,
}

/// Who did it, about whom, and from where. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct AuditFacts {
    /// The person who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The network address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whom or what it was done to: a user, an agent, a token, a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The session or API token that was used, or that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How many of these it stands for, where they came too fast to be told one by one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
}

/// The same as a structured CloudEvent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct AuditWire {
    /// Always `1.0`.
    pub specversion: String,
    /// A version 7 UUID.
    pub id: String,
    /// `/<part>`.
    pub source: String,
    /// `ogent.audit.<kind>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, by that part's clock.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Who did it, about whom, and from where.
    pub data: AuditFacts,
}

/// Why something is not a security event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAudit {
    /// It is no CloudEvent of a version that is known, or nobody says it.
    #[error("not a CloudEvent 1.0 with a source")]
    Form,
    /// Its kind is not known.
    #[error("there is no such kind of security event; there are {}", names())]
    Kind,
}

const TYPE_PREFIX: &str = "ogent.audit.";

// === impl AuditKind ===

impl AuditKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Self::Login,
        Self::LoginFailed,
        Self::LoginLimited,
        Self::Refreshed,
        Self::RefreshReused,
        Self::LoggedOut,
        Self::SessionRevoked,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::UserAdded,
        Self::UserChanged,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::UserRemoved,
        Self::PasswordChanged,
        Self::PolicyChanged,
        Self::AgentInvited,
        Self::AgentJoined,
        Self::AgentPending,
        Self::AgentAccepted,
        Self::AgentRejected,
        Self::AgentRevoked,
        Self::AgentReplaced,
        Self::AccessDenied,
        Self::Dropped,
    ];

    /// As it stands in a subject, and as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginFailed => "login_failed",
            Self::LoginLimited => "login_limited",
            Self::Refreshed => "refreshed",
            Self::RefreshReused => "refresh_reused",
            Self::LoggedOut => "logged_out",
            Self::SessionRevoked => "session_revoked",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
            Self::UserAdded => "user_added",
            Self::UserChanged => "user_changed",
            Self::UserDisabled => "user_disabled",
            Self::UserEnabled => "user_enabled",
            Self::UserRemoved => "user_removed",
            Self::PasswordChanged => "password_changed",
            Self::PolicyChanged => "policy_changed",
            Self::AgentInvited => "agent_invited",
            Self::AgentJoined => "agent_joined",
            Self::AgentPending => "agent_pending",
            Self::AgentAccepted => "agent_accepted",
            Self::AgentRejected => "agent_rejected",
            Self::AgentRevoked => "agent_revoked",
            Self::AgentReplaced => "agent_replaced",
            Self::AccessDenied => "access_denied",
            Self::Dropped => "dropped",
        }
    }

    /// Whether somebody without any right can cause as many of these as they like: such are told one by one only up to
    /// a rate.
    #[must_use]
    pub fn is_cheap_to_cause(self) -> bool {
        matches!(self, Self::LoginFailed | Self::LoginLimited | Self::AccessDenied | Self::Refreshed)
    }
}

impl std::str::FromStr for AuditKind {
    type Err = InvalidAudit;

    fn from_str(text: &str) -> Result<Self, InvalidAudit> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidAudit::Kind)
    }
}

// === impl AuditEvent ===

impl AuditEvent {
    /// Something that has just happened. Fill in who and whom.
    #[must_use]
    pub fn new(part: &str, kind: AuditKind) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            part: part.to_owned(),
            time: Timestamp::now(),
            kind,
            facts: AuditFacts { count: 1, ..AuditFacts::default() },
        }
    }

    /// The same, done by that person.
    #[must_use]
    pub fn by(mut self, who: impl Into<String>) -> Self {
        self.facts.by = Some(cut(who.into()));
        self
    }

    /// The same, from that network address.
    #[must_use]
    pub fn from(mut self, address: impl ToString) -> Self {
        self.facts.address = Some(cut(address.to_string()));
        self
    }

    /// The same, done to that user, agent, token or policy.
    #[must_use]
    pub fn about(mut self, whom: impl Into<String>) -> Self {
        self.facts.about = Some(cut(whom.into()));
        self
    }

    /// The same, with that session or API token.
    #[must_use]
    pub fn with(mut self, session: impl ToString) -> Self {
        self.facts.session = Some(cut(session.to_string()));
        self
    }

    /// The same, with that remark.
    #[must_use]
    pub fn saying(mut self, detail: impl Into<String>) -> Self {
        self.facts.detail = Some(cut(detail.into()));
        self
    }

    /// The same, for so many.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.facts.count = count;
        self
    }
}

impl From<AuditEvent> for AuditWire {
    fn from(event: AuditEvent) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: event.id,
            source: format!("/{}", event.part),
            kind: format!("{TYPE_PREFIX}{}", event.kind.as_str()),
            time: event.time,
            datacontenttype: "application/json".to_owned(),
            data: event.facts,
        }
    }
}

impl TryFrom<AuditWire> for AuditEvent {
    type Error = InvalidAudit;

    fn try_from(wire: AuditWire) -> Result<Self, InvalidAudit> {
        if wire.specversion != "1.0" {
            return Err(InvalidAudit::Form);
        }
        let part = wire.source.strip_prefix('/').filter(|part| !part.is_empty()).ok_or(InvalidAudit::Form)?;
        let kind = wire.kind.strip_prefix(TYPE_PREFIX).ok_or(InvalidAudit::Kind)?.parse()?;
        Ok(Self { part: part.to_owned(), id: wire.id, time: wire.time, kind, facts: wire.data })
    }
}

fn names() -> String {
    AuditKind::ALL.map(AuditKind::as_str).join(", ")
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

/// Strangers choose names and user agents. What does not show would forge the look of a line.
fn cut(text: String) -> String {
    let is_long = text.len() > MAX_AUDIT_TEXT_BYTES;
    if !is_long && !text.contains(char::is_control) {
        return text;
    }
    let mut end = text.len().min(MAX_AUDIT_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    let mut kept: String = kept.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if is_long {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in AuditKind::ALL {
            assert_eq!(kind.as_str().parse::<AuditKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("logins".parse::<AuditKind>().is_err());
    }

    #[test]
    fn events_are_cloud_events_and_read_back() {
        let event = AuditEvent::new("gateway", AuditKind::Login).by("alice").from("192.0.2.1").with("s-1");
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["type"], "ogent.audit.login");
        assert_eq!(json["source"], "/gateway");
        assert_eq!(json["data"], serde_json::json!({"by": "alice", "address": "192.0.2.1", "session": "s-1"}));
        assert_eq!(serde_json::from_value::<AuditEvent>(json.clone()).unwrap(), event);
        for (field, bad) in [("specversion", "0.3"), ("source", "/"), ("type", "ogent.audit.x"), ("type", "login")] {
            let mut json = json.clone();
            json[field] = bad.into();
            assert!(serde_json::from_value::<AuditEvent>(json).is_err(), "{field} {bad}");
        }
    }

    #[test]
    fn texts_of_strangers_are_cut_and_harmless() {
        let event = AuditEvent::new("gateway", AuditKind::LoginFailed).about("ä".repeat(1000)).saying("a\x1b[2J\nb");
        assert!(event.facts.about.unwrap().len() <= MAX_AUDIT_TEXT_BYTES + 3);
        assert_eq!(event.facts.detail.unwrap(), "a\u{fffd}[2J\u{fffd}b");
    }
}
