//! Receives a place in the ledger from `list`, gives clients a text that means it to us and nothing to them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The form of cursors; another form gets another number, so that old ones are refused instead of misread.
const VERSION: u8 = 2;

/// Where a page ended: the next one has what the ledger took before these sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cursor {
    /// Sequence in the stream of commands, exclusive.
    pub(crate) commands: u64,
    /// Sequence in the stream of approvals, exclusive.
    pub(crate) proposals: u64,
}

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor; give the next_cursor of the page before")]
pub(crate) struct InvalidCursor;

// === impl Cursor ===

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.commands.to_be_bytes());
        bytes.extend_from_slice(&self.proposals.to_be_bytes());
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
        let (commands, proposals) = rest.split_at_checked(8).ok_or(InvalidCursor)?;
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| InvalidCursor);
        Ok(Self { commands: number(commands)?, proposals: number(proposals)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_parsing_agree() {
        for commands in [0, 1, 255, 1 << 40, u64::MAX] {
            let cursor = Cursor { commands, proposals: 7 };
            assert_eq!(Cursor::try_from(cursor.to_string()), Ok(cursor));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let other_version = URL_SAFE_NO_PAD.encode([1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let too_long = URL_SAFE_NO_PAD.encode([[2].as_slice(), &[0; 17]].concat());
        for bad in ["", "17", "Ag", "Ag==", "ä", "AgAAAAAAAAAB=", &other_version, &too_long] {
            assert_eq!(Cursor::try_from(bad.to_owned()), Err(InvalidCursor), "{bad}");
        }
    }
}
