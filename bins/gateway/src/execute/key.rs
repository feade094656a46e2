//! Receives the header `Idempotency-Key`, gives `order` the key in it.

use std::str::FromStr;

/// Longest key: room for a UUID, a path or a URL.
const MAX_BYTES: usize = 255;

/// What a client names a request by, so that its retry is the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

/// A text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 visible ASCII characters, with or without quotes around them")]
pub(crate) struct InvalidKey;

// === impl IdempotencyKey ===

impl IdempotencyKey {
    /// The key without quotes.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidKey;

    /// The draft standard wants the key in quotes, most clients send it without; both mean the same key.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let inner = match text.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"').ok_or(InvalidKey)?,
            None => text,
        };
        // A quote or backslash inside would need the standard's escapes, and two spellings of one key.
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        let is_key = (1..=MAX_BYTES).contains(&inner.len()) && inner.bytes().all(is_plain);
        is_key.then(|| Self(inner.to_owned())).ok_or(InvalidKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_do_not_matter() {
        for text in ["8e03978e-40d5-43e8-bc93-6894a57f9324", "a", "x/y?z=1", &"k".repeat(255)] {
            let plain: IdempotencyKey = text.parse().unwrap();
            assert_eq!(plain.as_str(), text);
            assert_eq!(format!("\"{text}\"").parse::<IdempotencyKey>().unwrap(), plain);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "\"\"", "\"", "\"a", "a\"", "a b", "a\tb", "schlüssel", "a\\b", &"k".repeat(256)] {
            assert_eq!(bad.parse::<IdempotencyKey>(), Err(InvalidKey), "{bad:?}");
        }
    }
}
