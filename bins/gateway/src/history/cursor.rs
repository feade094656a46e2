//! Receives a place in the ledger from `list`, gives clients a text that means it to us and nothing to them.
//!
//! A place is a pair of sequences, which tell how much there is of what somebody may not see. So they are sealed: by a
//! Feistel network of SHA-256 over the gateways' common secret, which is a permutation of the sixteen bytes. A text that
//! somebody makes up opens to some place or other, and a place alone shows nobody anything.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The form of cursors; another form gets another number, so that old ones are refused instead of misread.
const VERSION: u8 = 3;
/// Four make a permutation that cannot be told from a random one in either direction (Luby and Rackoff).
const ROUNDS: [u8; 4] = [1, 2, 3, 4];
/// Nothing else is derived from the secret with these words.
const PURPOSE: &[u8] = b"ogent-cursor-1\n";

/// Where a page ended: the next one has what the ledger took before these sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Sequence in the stream of commands, exclusive.
    pub(crate) commands: u64,
    /// Sequence in the stream of approvals, exclusive.
    pub(crate) proposals: u64,
}

/// The same, sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cursor(u64, u64);

/// Seals places and opens cursors.
#[derive(Clone)]
pub(crate) struct Seal {
    key: [u8; 32],
}

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor; give the next_cursor of the page before")]
pub(crate) struct InvalidCursor;

// === impl Seal ===

impl Seal {
    /// Gateways with the same secret open each other's cursors.
    #[must_use]
    pub(crate) fn new(secret: &Secret) -> Self {
        Self { key: Sha256::new().chain_update(PURPOSE).chain_update(secret.expose()).finalize().into() }
    }

    #[must_use]
    pub(crate) fn close(&self, place: Place) -> Cursor {
        let (left, right) = ROUNDS
            .iter()
            .fold((place.commands, place.proposals), |(left, right), round| (right, left ^ self.mix(*round, right)));
        Cursor(left, right)
    }

    #[must_use]
    pub(crate) fn open(&self, cursor: Cursor) -> Place {
        let (commands, proposals) = ROUNDS
            .iter()
            .rev()
            .fold((cursor.0, cursor.1), |(left, right), round| (right ^ self.mix(*round, left), left));
        Place { commands, proposals }
    }

    fn mix(&self, round: u8, half: u64) -> u64 {
        let digest =
            Sha256::new().chain_update(self.key).chain_update([round]).chain_update(half.to_be_bytes()).finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

// === impl Cursor ===

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.0.to_be_bytes());
        bytes.extend_from_slice(&self.1.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for Cursor {
    type Error = InvalidCursor;

    fn try_from(text: String) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (VERSION, rest) = bytes.split_first().map(|(first, rest)| (*first, rest)).ok_or(InvalidCursor)? else {
            return Err(InvalidCursor);
        };
        let (left, right) = rest.split_at_checked(8).ok_or(InvalidCursor)?;
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| InvalidCursor);
        Ok(Self(number(left)?, number(right)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secret: &str) -> Seal {
        Seal::new(&Secret::new(secret.to_owned()))
    }

    #[test]
    fn what_is_sealed_opens_to_the_same_place() {
        for commands in [0, 1, 255, 1 << 40, u64::MAX] {
            let place = Place { commands, proposals: 7 };
            let text = seal("one").close(place).to_string();
            let cursor = Cursor::try_from(text).unwrap();
            assert_eq!(seal("one").open(cursor), place);
            assert_ne!(seal("other").open(cursor), place);
        }
    }

    #[test]
    fn neighbours_do_not_look_alike() {
        let near = [41, 42, 43].map(|commands| seal("one").close(Place { commands, proposals: 7 }));
        let differ = |one: Cursor, other: Cursor| (one.0 ^ other.0).count_ones() + (one.1 ^ other.1).count_ones();
        assert!(differ(near[0], near[1]) > 32 && differ(near[1], near[2]) > 32, "{near:?}");
    }

    #[test]
    fn anything_else_is_refused() {
        let other_version = URL_SAFE_NO_PAD.encode([2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let too_long = URL_SAFE_NO_PAD.encode([[3].as_slice(), &[0; 17]].concat());
        for bad in ["", "17", "Aw", "Aw==", "ä", "AwAAAAAAAAAB=", &other_version, &too_long] {
            assert_eq!(Cursor::try_from(bad.to_owned()), Err(InvalidCursor), "{bad}");
        }
    }
}
