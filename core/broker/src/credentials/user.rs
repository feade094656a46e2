//! Receives a role's key and the public key of somebody who has the role, gives the token by which the broker knows
//! them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use ogent_protocol::{AgentId, InvalidId};
use serde::{Deserialize, Serialize};

use super::jwt::{self, Claims, JwtError};
use super::keys::{Key, KeyKind, PublicKey};

/// What somebody is called on the broker: one token of a subject, without wildcards. A role's permissions name their
/// holder, and a name such as `*` or `a.b` would make more of them than is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(AgentId);

/// What a user's token adds: nothing, for it has exactly the permissions of its issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    /// The account, whose signing key the issuer is.
    pub issuer_account: PublicKey,
    /// Always `user`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    pub version: u8,
}

// === impl Name ===

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Name {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self)
    }
}

impl From<AgentId> for Name {
    fn from(id: AgentId) -> Self {
        Self(id)
    }
}

/// The user's token. `role` is the role's signing key, `account` the account that it belongs to.
///
/// # Errors
/// When `user` is not a user's key, or the token cannot be signed.
pub fn issue(
    role: &Key,
    account: &PublicKey,
    name: &Name,
    user: &PublicKey,
    now: Timestamp,
    expires: Option<Timestamp>,
) -> Result<String, JwtError> {
    let user = user.clone().expect_kind(KeyKind::User)?;
    let nats = UserClaims { issuer_account: account.clone(), kind: "user".to_owned(), version: 2 };
    jwt::encode(role, Claims::new(role.public(), user, name.as_str(), now, nats).until(expires))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_more_than_one_are_refused() {
        for bad in ["*", ">", "a.b", "", "a b", "a\n", "{{name()}}", "é", &"a".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        assert_eq!("web-1".parse::<Name>().unwrap().to_string(), "web-1");
    }

    #[test]
    fn only_user_keys_get_a_users_token() {
        let (role, account) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::Account).public());
        let name = "web-1".parse().unwrap();
        assert!(issue(&role, &account, &name, &account, Timestamp::now(), None).is_err());
        let user = Key::generate(KeyKind::User).public();
        let token = issue(&role, &account, &name, &user, Timestamp::now(), None).unwrap();
        let claims: Claims<UserClaims> = jwt::decode(&token, [&role.public()]).unwrap();
        assert_eq!((claims.sub, claims.nats.issuer_account), (user, account));
    }
}
