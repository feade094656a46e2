//! Receives what an account shares and who may vouch for its users, gives its token; and the same token with a user
//! more revoked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jwt::{self, Claims, JwtError};
use super::keys::{Key, PublicKey};

/// What an account's token adds. What this version does not know is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountClaims {
    /// What it takes from other accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// What other accounts may take from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
    /// How much it may use. NATS takes what is missing as nothing.
    pub limits: Map<String, Value>,
    /// Who may vouch for its users, and for which.
    #[serde(default)]
    pub signing_keys: Vec<SigningKey>,
    /// Public user key → second up to which what was issued for it no longer counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, i64>,
    /// Always `account`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    pub version: u8,
    /// What else the token has.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Subjects that an account takes from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// What it is called.
    pub name: String,
    /// Subjects in the other account.
    pub subject: String,
    /// The other account.
    pub account: PublicKey,
    /// The subjects here, where they have another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_subject: Option<String>,
    /// Whether messages come or go.
    #[serde(rename = "type")]
    pub kind: Direction,
}

/// Subjects that other accounts may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// What it is called.
    pub name: String,
    /// The subjects.
    pub subject: String,
    /// Whether messages come or go.
    #[serde(rename = "type")]
    pub kind: Direction,
    /// How many answers a request gets: `Singleton` or `Stream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_type: Option<String>,
    /// Nanoseconds after which the broker forgets who has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_threshold: Option<u64>,
}

/// Whether messages go from the exporting account to the importing one, or the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the exporting to the importing account.
    Stream,
    /// From the importing to the exporting account, and an answer back.
    Service,
}

/// Who may vouch for an account's users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    /// For users with any permissions.
    Plain(PublicKey),
    /// For users with exactly these permissions.
    Scoped(Scope),
}

/// What users have that one signing key vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Always `user_scope`.
    pub kind: String,
    /// The signing key.
    pub key: PublicKey,
    /// What the users are there for.
    pub role: String,
    /// What each of them may.
    pub template: Template,
}

/// What users may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Subjects that they may publish to.
    #[serde(rename = "pub")]
    pub publish: Allow,
    /// Subjects that they may subscribe to.
    #[serde(rename = "sub")]
    pub subscribe: Allow,
    /// How many subscriptions each may have; -1: as many as the account.
    pub subs: i64,
    /// Bytes; -1: as many as the account.
    pub data: i64,
    /// Bytes in one message; -1: as many as the account.
    pub payload: i64,
    /// Whether the token alone is enough, without a signature.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bearer_token: bool,
    /// How they may connect: empty is in every way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_connection_types: Vec<String>,
}

/// An allow-list. An empty one is none at all for NATS, so that no role has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    /// The subjects; after a space, a queue group.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// The account's token, vouched for by one of the operator's keys.
///
/// # Errors
/// When it cannot be signed.
pub fn issue(
    operator: &Key,
    account: PublicKey,
    name: &str,
    claims: AccountClaims,
    now: Timestamp,
) -> Result<String, JwtError> {
    jwt::encode(operator, Claims::new(operator.public(), account, name, now, claims))
}

/// The same account, in which nothing counts any more that was issued for `user` up to `now`.
///
/// `operators` are the keys that may have issued `token`; `operator` issues the new one. NATS keeps the token with the
/// later time, so that the new one is a second later at least.
///
/// # Errors
/// When `token` is not an account's, or not from one of `operators`; and when the new one cannot be signed.
pub fn revoke(
    operator: &Key,
    operators: &[PublicKey],
    token: &str,
    user: &PublicKey,
    now: Timestamp,
) -> Result<String, JwtError> {
    let mut claims: Claims<AccountClaims> = jwt::decode(token, operators)?;
    if claims.nats.kind != "account" {
        return Err(JwtError::Malformed("it is not that of an account".to_owned()));
    }
    let until = claims.nats.revocations.entry(user.to_string()).or_default();
    *until = now.as_second().max(*until);
    claims.iat = now.as_second().max(claims.iat.saturating_add(1));
    jwt::encode(operator, claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::keys::KeyKind;

    fn empty() -> AccountClaims {
        let rest = serde_json::json!({"default_permissions": {"pub": {}}}).as_object().unwrap().clone();
        AccountClaims {
            imports: Vec::new(),
            exports: Vec::new(),
            limits: Map::new(),
            signing_keys: Vec::new(),
            revocations: BTreeMap::new(),
            kind: "account".into(),
            version: 2,
            rest,
        }
    }

    #[test]
    fn revoking_keeps_the_rest_and_is_newer() {
        let (operator, account) = (Key::generate(KeyKind::Operator), Key::generate(KeyKind::Account).public());
        let user = Key::generate(KeyKind::User).public();
        let now = Timestamp::now();
        let token = issue(&operator, account, "AGENTS", empty(), now).unwrap();
        let revoked = revoke(&operator, &[operator.public()], &token, &user, now).unwrap();
        let claims: Claims<AccountClaims> = jwt::decode(&revoked, [&operator.public()]).unwrap();
        assert_eq!(claims.nats.revocations, [(user.to_string(), now.as_second())].into());
        assert_eq!(claims.nats.rest, empty().rest);
        assert_eq!(claims.iat, now.as_second() + 1);
        let stranger = Key::generate(KeyKind::Operator);
        assert_eq!(revoke(&stranger, &[stranger.public()], &token, &user, now).unwrap_err(), JwtError::Untrusted);
    }
}
