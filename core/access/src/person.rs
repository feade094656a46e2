//! Receives a text, gives the name of a person: one that looks like no other, in one form for every part.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name: e-mail addresses fit.
const MAX_NAME_BYTES: usize = 128;

/// The name of a person. Two names that differ in capitals only are the same person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_NAME_BYTES} of the signs A-Z, a-z, 0-9 and ._@-, and begins with a letter or digit")]
pub struct InvalidName;

// === impl PersonName ===

impl PersonName {
    /// As its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is the same for all ways to write this name.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The folded name as one token of a key: `.` and `@` are written as `=2e` and `=40`. No two people have the same.
    #[must_use]
    pub fn key(&self) -> String {
        self.folded().replace('.', "=2e").replace('@', "=40")
    }
}

impl FromStr for PersonName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // Letters of ASCII only: others look like them.
        let is_good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte));
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        match is_good && begins_well && text.len() <= MAX_NAME_BYTES {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidName),
        }
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_one_token_and_differ_where_people_do(one in "[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", other in "[A-Za-z0-9][A-Za-z0-9._@-]{0,20}") {
            let (one, other): (PersonName, PersonName) = (one.parse().unwrap(), other.parse().unwrap());
            prop_assert!(one.key().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_=-".contains(&byte)));
            prop_assert_eq!(one.key() == other.key(), one.folded() == other.folded());
        }
    }

    #[test]
    fn what_looks_like_another_name_is_none() {
        for bad in ["", "a b", "a/b", "a*", "а", "a\n", ">", "=2e", ".a", "-a", &"a".repeat(129)] {
            assert_eq!(bad.parse::<PersonName>(), Err(InvalidName), "{bad:?}");
        }
        for good in ["a", "Alice", "alice.b@example.org", "svc-1_x"] {
            assert!(good.parse::<PersonName>().is_ok(), "{good}");
        }
    }
}
