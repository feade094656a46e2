//! Names of agents and commands: one token of a NATS subject each, so that an invalid one cannot exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::limits;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("an id must not be empty")]
    Empty,
    /// The text is longer than [`limits::MAX_ID_BYTES`].
    #[error("an id has at most {} characters", limits::MAX_ID_BYTES)]
    TooLong,
    /// The text has a character that could change the meaning of a subject.
    #[error("an id has only letters, digits, '_' and '-'")]
    BadCharacter,
}

fn check(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > limits::MAX_ID_BYTES {
        return Err(InvalidId::TooLong);
    }
    // Wildcards, dots and white space would turn one token of a subject into several, or into all of them.
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if text.bytes().all(is_safe) { Ok(()) } else { Err(InvalidId::BadCharacter) }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id_type! {
    /// Names one agent, on one machine.
    AgentId
}

id_type! {
    /// Names one command, for ever.
    CommandId
}

// === impl AgentId ===

impl AgentId {
    /// The id that an agent gives itself: `agent-` and the first 12 characters of its public key after the
    /// type prefix, in lower case (60 bits, so that a fleet of a million has a clash with a chance of 4e-7).
    ///
    /// # Errors
    /// When the key is not the text of a public key.
    pub fn from_public_key(key: &str) -> Result<Self, InvalidId> {
        let part = key.get(1..13).ok_or(InvalidId::Empty)?;
        format!("agent-{}", part.to_ascii_lowercase()).parse()
    }
}

// === impl CommandId ===

impl CommandId {
    /// A new id: a version 7 UUID, so that ids sort by the time at which they were made.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// The id of the command that `user` asked for with an `Idempotency-Key`: always the same one.
    #[must_use]
    pub fn derive(user: &str, key: &str) -> Self {
        let mut hash = Sha256::new();
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update(b"ogent idempotency key 1\0");
        hash.update((user.len() as u64).to_be_bytes());
        hash.update(user);
        hash.update(key);
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(Uuid::new_v8(bytes).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_and_separators_are_refused() {
        for bad in ["", "*", ">", "a.b", "a b", "a\tb", "a\r\nPUB x", "a\0b", "ä", "$JS", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad:?} must not be an id");
        }
        assert!("web-1_A".parse::<AgentId>().is_ok());
    }

    #[test]
    fn derived_ids_depend_on_user_and_key() {
        let id = CommandId::derive("alice", "k1");
        assert_eq!(id, CommandId::derive("alice", "k1"));
        assert_ne!(id, CommandId::derive("bob", "k1"));
        assert_ne!(CommandId::derive("ab", "c"), CommandId::derive("a", "bc"));
    }

    #[test]
    fn agent_id_comes_from_its_key() {
        let id = AgentId::from_public_key("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4").unwrap();
        assert_eq!(id.as_str(), "agent-dxu4rcsjnzoi");
        assert!(AgentId::from_public_key("U").is_err());
    }

    proptest! {
        #[test]
        fn printing_and_parsing_agree(text in "[A-Za-z0-9_-]{1,64}") {
            let id: CommandId = text.parse().unwrap();
            prop_assert_eq!(id.to_string().parse::<CommandId>().unwrap(), id);
        }

        #[test]
        fn an_accepted_id_is_one_plain_token(text in any::<String>()) {
            if let Ok(id) = text.parse::<AgentId>() {
                prop_assert!(!id.as_str().contains(['.', '*', '>', ' ', '\r', '\n', '\0']));
            }
        }
    }
}
