//! What the bucket keeps of a browser's session, and under which key.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use ogent_protocol::GrantId;
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BrowserSession;
use crate::access::Role;
use crate::auth::account::{self, account};
use crate::limits::{SESSION_AGE, SESSION_IDLE, SSO_SESSION_AGE};

/// The first token of the keys.
const PREFIX: &str = "browser";

/// What names a session, to those who may not use it: `browser.<user>.<hash of the secret>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionKey(String);

/// What the bucket keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) granted: Option<Vec<Role>>,
    pub(super) begun: Timestamp,
    pub(super) seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_agent: Option<String>,
}

// === impl SessionKey ===

impl SessionKey {
    /// What a browser of this user keeps: it begins with what stands for the user, so that one user's sessions can be
    /// found together.
    pub(super) fn secret_for(user: &str, random: &Secret) -> Secret {
        Secret::new(format!("{}{}", account(user), random.expose()))
    }

    /// The session of whoever knows the secret. Whatever else that is, it names no session.
    pub(crate) fn of(secret: &Secret) -> Self {
        let account = secret.expose().get(..account::DIGITS).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        Self(format!("{PREFIX}.{}.{}", account.unwrap_or("none"), hash(secret)))
    }

    /// One that the bucket has.
    pub(super) fn stored(key: String) -> Self {
        Self(key)
    }

    /// The first tokens of this user's keys.
    pub(super) fn all_of(user: &str) -> String {
        format!("{PREFIX}.{}", account(user))
    }

    /// The first tokens of all keys.
    pub(super) fn all() -> String {
        format!("{PREFIX}.*")
    }

    /// What lists call the session. The secret does not follow from it.
    pub(crate) fn id(&self) -> Option<GrantId> {
        let hash = self.0.rsplit('.').next()?;
        format!("b-{}", hash.get(..32)?).parse().ok()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Record ===

impl Record {
    pub(super) fn ends_at(&self) -> Timestamp {
        let idle = self.seen.saturating_add(signed(SESSION_IDLE)).unwrap_or(self.seen);
        let age = if self.granted.is_some() { SSO_SESSION_AGE } else { SESSION_AGE };
        let old = self.begun.saturating_add(signed(age)).unwrap_or(self.begun);
        idle.min(old)
    }

    pub(super) fn session(self, key: SessionKey) -> BrowserSession {
        let ends_at = self.ends_at();
        let Self { user, epoch, granted, begun, seen, address, user_agent } = self;
        BrowserSession { key, user, epoch, granted, ends_at, begun, seen, address, user_agent }
    }
}

/// What stands for a secret where others may read it. It is random and long, so a fast hash keeps it.
pub(in crate::auth) fn hash(secret: &Secret) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.expose().as_bytes()))
}

pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_idleness_and_by_age() {
        let begun: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let record = |seen: &str| Record {
            user: "u".into(),
            epoch: Some(1),
            granted: None,
            begun,
            seen: seen.parse().unwrap(),
            address: None,
            user_agent: None,
        };
        let ends = |seen: &str| record(seen).ends_at().to_string();
        assert_eq!(ends("2026-05-01T00:00:00Z"), "2026-05-01T12:00:00Z");
        assert_eq!(ends("2026-05-05T03:00:00Z"), "2026-05-05T15:00:00Z");
        assert_eq!(ends("2026-05-07T23:00:00Z"), "2026-05-08T00:00:00Z");
        let vouched_for = Record { granted: Some(vec![Role::Viewer]), ..record("2026-05-01T11:00:00Z") };
        assert_eq!(vouched_for.ends_at().to_string(), "2026-05-01T12:00:00Z");
    }

    #[test]
    fn the_key_is_a_hash_below_its_user() {
        let secret = SessionKey::secret_for("Anna", &Secret::new("abc".to_owned()));
        let key = SessionKey::of(&secret);
        assert!(key.as_str().starts_with(&format!("{}.", SessionKey::all_of("anna"))));
        assert!(!key.as_str().contains("abc"));
        assert!(key.id().unwrap().is_browser());
        // What was not made here names nothing, and is no key of another form.
        for made_up in ["", "abc", &"é".repeat(40), &"z".repeat(75), "*.>"] {
            let key = SessionKey::of(&Secret::new(made_up.to_owned()));
            assert!(key.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{made_up}");
        }
    }
}
