//! Receives the operator's keys, gives its token: the root that the broker's configuration names.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::jwt::{self, Claims, JwtError};
use super::keys::{Key, PublicKey};

/// What an operator's token adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorClaims {
    /// Keys that may vouch for accounts, beside the operator's own.
    #[serde(default)]
    pub signing_keys: Vec<PublicKey>,
    /// The account that may ask the broker about itself.
    pub system_account: PublicKey,
    /// Whether accounts and users must be vouched for by signing keys, never by the identities themselves.
    #[serde(default)]
    pub strict_signing_key_usage: bool,
    /// Always `operator`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always 2.
    pub version: u8,
}

/// The operator's token.
///
/// # Errors
/// When it cannot be signed.
pub fn issue(
    operator: &Key,
    name: &str,
    signing_keys: Vec<PublicKey>,
    system_account: PublicKey,
    now: Timestamp,
) -> Result<String, JwtError> {
    let nats = OperatorClaims {
        signing_keys,
        system_account,
        strict_signing_key_usage: true,
        kind: "operator".to_owned(),
        version: 2,
    };
    jwt::encode(operator, Claims::new(operator.public(), operator.public(), name, now, nats))
}
