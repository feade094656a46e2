//! What ties the events of a command together: each carries the hash of what stands before it.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 over the exact payload of a stored message. Never over a message that was decoded and encoded again: two
/// versions may write the same thing differently.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Link([u8; 32]);

/// A text that is not 64 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link is 64 hexadecimal digits in lower case")]
pub struct InvalidLink;

// === impl Link ===

impl Link {
    /// What follows this payload has to name this.
    #[must_use]
    pub fn to(payload: &[u8]) -> Self {
        Self(Sha256::digest(payload).into())
    }
}

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        let mut bytes = [0; 32];
        // It panics where the lengths differ.
        if text.len() != 2 * bytes.len() {
            return Err(InvalidLink);
        }
        HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).map_err(|_| InvalidLink)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Link {
    type Error = InvalidLink;

    fn try_from(text: String) -> Result<Self, InvalidLink> {
        text.parse()
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.to_string()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_link_is_the_hash_that_sha256sum_prints() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Link::to(b"abc").to_string(), known);
        let (upper, short) = (known.to_uppercase(), known.get(1..).unwrap());
        for bad in [upper.as_str(), short, "", &format!("{known}0"), &known.replace('b', "ü")] {
            assert_eq!(bad.parse::<Link>(), Err(InvalidLink), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn links_parse_back(payload in proptest::collection::vec(any::<u8>(), 0..99)) {
            let link = Link::to(&payload);
            prop_assert_eq!(link.to_string().parse(), Ok(link));
        }

        #[test]
        fn foreign_texts_never_panic(text in any::<String>()) {
            let _ = text.parse::<Link>();
        }
    }
}
