//! What stands for a person between two requests: a session, which begins with a log-in, or an API token, which a person
//! makes for a machine. Both live under their id in one bucket, and are over once they are not there.
//!
//! Secrets are not kept, only their SHA-256: each has 256 bits of chance, so nothing slower is needed.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::AgentId;

/// A SHA-256, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a session or token, or not a digest")]
pub struct InvalidGrant;

/// Names a session (`s-…`, in a browser `b-…`) or an API token (`t-…`), for ever: an id is never given a second time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrantId(String);

/// What the bucket holds under an id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Grant {
    /// Somebody is logged in.
    Session(Session),
    /// A machine may act for somebody.
    Token(ApiToken),
}

/// Somebody is logged in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: GrantId,
    /// Who.
    pub user: String,
    /// The user's epoch at the log-in: another one ends the session.
    pub epoch: u64,
    /// When it began.
    pub created_at: Timestamp,
    /// When the tokens were last given out.
    pub refreshed_at: Timestamp,
    /// When it ends, whatever is done.
    pub expires_at: Timestamp,
    /// What all refresh tokens of this session have in common: tells an old one from a made-up one.
    pub family: Digest,
    /// The secret of the refresh token that is good now.
    pub current: Digest,
    /// That of the one before, and when it was exchanged first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Exchanged>,
    /// From where the tokens were last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With which program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// A refresh token that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// Its secret.
    pub secret: Digest,
    /// When it was used first.
    pub at: Timestamp,
}

/// A machine may act for somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its id.
    pub id: GrantId,
    /// For whom.
    pub user: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its secret.
    pub secret: Digest,
    /// Which owner of that name has made it: one who was removed and added again, disabled and enabled again, or has
    /// another password, is another one.
    pub owner: u64,
    /// What of its owner's rights it has.
    pub scope: Scope,
}

/// Which part of its owner's rights an API token has. What is absent narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Scope {
    /// Only these actions, by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(max_items = 32))]
    pub actions: Option<Vec<String>>,
    /// Only on these agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(max_items = 64))]
    pub agents: Option<Vec<AgentId>>,
    /// Only as far as these roles go, of those that the owner has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(max_items = 8))]
    pub roles: Option<Vec<String>>,
}

// === impl Digest ===

impl Digest {
    /// Of a secret.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(secret).into())
    }

    /// Its bytes, for a comparison in constant time.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        HEXLOWER.encode(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidGrant;

    fn try_from(text: String) -> Result<Self, InvalidGrant> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| InvalidGrant)?;
        Ok(Self(bytes.try_into().map_err(|_| InvalidGrant)?))
    }
}

// === impl GrantId ===

impl GrantId {
    /// A new one for a session.
    #[must_use]
    pub fn new_session() -> Self {
        Self(format!("s-{}", Uuid::new_v4().simple()))
    }

    /// A new one for an API token.
    #[must_use]
    pub fn new_token() -> Self {
        Self(format!("t-{}", Uuid::new_v4().simple()))
    }

    /// Whether it names a session.
    #[must_use]
    pub fn is_session(&self) -> bool {
        self.0.starts_with('s') || self.is_browser()
    }

    /// Whether it names a session in a browser.
    #[must_use]
    pub fn is_browser(&self) -> bool {
        self.0.starts_with('b')
    }

    /// As text; one token of a subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for GrantId {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let digits = ["s-", "t-", "b-"].iter().find_map(|kind| text.strip_prefix(kind)).ok_or(InvalidGrant)?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match digits.len() == 32 && digits.bytes().all(is_hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidGrant),
        }
    }
}

impl TryFrom<String> for GrantId {
    type Error = InvalidGrant;

    fn try_from(text: String) -> Result<Self, InvalidGrant> {
        text.parse()
    }
}

impl From<GrantId> for String {
    fn from(id: GrantId) -> Self {
        id.0
    }
}

// === impl Grant ===

impl Grant {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &GrantId {
        match self {
            Self::Session(session) => &session.id,
            Self::Token(token) => &token.id,
        }
    }

    /// Who it is for.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Session(session) => &session.user,
            Self::Token(token) => &token.user,
        }
    }

    /// When it ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        match self {
            Self::Session(session) => session.expires_at,
            Self::Token(token) => token.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_digests_are_read_as_they_are_written() {
        for id in [GrantId::new_session(), GrantId::new_token()] {
            assert_eq!(id.as_str().parse(), Ok(id.clone()));
        }
        for bad in ["", "s-", "x-0", "s-*", "s-0123456789abcdef0123456789abcde>", "S-0123456789abcdef0123456789abcdef"]
        {
            assert_eq!(bad.parse::<GrantId>(), Err(InvalidGrant), "{bad}");
        }
        let digest = Digest::of(b"secret");
        assert_eq!(Digest::try_from(String::from(digest.clone())), Ok(digest));
        for bad in [String::new(), "g".repeat(64), "ä".repeat(32), "0".repeat(63)] {
            assert!(Digest::try_from(bad).is_err());
        }
    }
}
