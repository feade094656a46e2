//! What people send and see about sessions, API tokens and security events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::AuditWire;
use crate::session::{ApiToken, GrantId, Scope, Session};

/// Answer of `GET /me`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Me {
    /// Who you are.
    pub user: String,
    /// What you may be, now and with this token.
    pub roles: Vec<String>,
    /// The session or API token that the request came with; absent where the gateway's own key made the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// When the token ends that the request came with.
    pub expires_at: Timestamp,
    /// What an API token is narrowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// Answer of `GET /sessions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionList {
    /// The one used last first.
    pub sessions: Vec<SessionView>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// Its id.
    pub id: GrantId,
    /// Whose it is.
    pub user: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When its tokens were last given out.
    pub refreshed_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// From where its tokens were last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With which program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Whether it is the one that the request came with.
    pub is_current: bool,
}

/// Body of `POST /tokens`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenRequest {
    /// What you call it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub name: String,
    /// Seconds for which it is good; 90 days when absent, at most 366.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 60, maximum = 31622400))]
    pub expires_in: Option<u64>,
    /// What of your rights it has; all when absent.
    #[serde(default)]
    pub scope: Scope,
}

/// Answer of `POST /tokens`: the only time that the token itself is shown.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreatedToken {
    /// The token; send it as `Authorization: Bearer …`.
    pub token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub view: TokenView,
}

/// Answer of `GET /tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// The newest first.
    pub tokens: Vec<TokenView>,
}

/// One API token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenView {
    /// Its id.
    pub id: GrantId,
    /// Whose it is.
    pub user: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What of its owner's rights it has.
    pub scope: Scope,
}

/// Answer of `GET /audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditList {
    /// Newest first; with `after`, oldest first.
    pub events: Vec<AuditEntry>,
    /// Give it as `cursor` to go on with older ones; absent at the end. A page may be short and not be the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Give it as `after` to go on with what happens later.
    pub latest: u64,
}

/// A security event and its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its place among all of them.
    pub seq: u64,
    /// The CloudEvent.
    #[serde(flatten)]
    pub event: AuditWire,
}

// === impl SessionView ===

impl SessionView {
    /// Of a session, for whom came with `current`.
    #[must_use]
    pub fn of(session: &Session, current: Option<&GrantId>) -> Self {
        Self {
            id: session.id.clone(),
            user: session.user.clone(),
            created_at: session.created_at,
            refreshed_at: session.refreshed_at,
            expires_at: session.expires_at,
            address: session.address.clone(),
            user_agent: session.user_agent.clone(),
            is_current: current == Some(&session.id),
        }
    }
}

// === impl TokenView ===

impl From<&ApiToken> for TokenView {
    fn from(token: &ApiToken) -> Self {
        Self {
            id: token.id.clone(),
            user: token.user.clone(),
            name: token.name.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            scope: token.scope.clone(),
        }
    }
}
