//! Messages into bytes and back: JSON by default, MessagePack where `Content-Type` says so.

use std::io::Cursor;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits;

/// Longest description of what is wrong with a message. What it quotes came from a stranger, and it goes on into logs,
/// answers and the history.
const MAX_PROBLEM_CHARS: usize = 300;

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// JSON text.
    #[default]
    Json,
    /// MessagePack with named fields.
    MsgPack,
}

/// Why bytes are not the message that they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than a message may have.
    #[error("the message has {size} bytes, at most {max} are taken")]
    TooLarge {
        /// Bytes that came.
        size: usize,
        /// Bytes that may come.
        max: usize,
    },
    /// The `Content-Type` is neither JSON nor MessagePack.
    #[error("content type {0:?} is neither application/json nor application/msgpack")]
    ContentType(String),
    /// Not JSON, or not of the right form.
    #[error("not valid JSON for this message: {0}")]
    Json(String),
    /// Not MessagePack, or not of the right form.
    #[error("not valid MessagePack for this message: {0}")]
    MsgPack(String),
    /// Not an object: serde would also take the fields as a list, in the order in which we happen to declare them.
    #[error("the message is not an object with named fields")]
    NotAnObject,
    /// Bytes follow the message.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}

/// A message that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It does not fit a payload.
    #[error("the message has {0} bytes, more than the {max} of a payload", max = limits::MAX_PAYLOAD_BYTES)]
    TooLarge(usize),
    /// It has a value that the format does not know.
    #[error("the message cannot be written: {0}")]
    Value(String),
}

// === impl Encoding ===

impl Encoding {
    /// What a message's `Content-Type` means; none means JSON.
    ///
    /// # Errors
    /// When it is a type that Ogent does not speak.
    pub fn from_content_type(content_type: Option<&str>) -> Result<Self, DecodeError> {
        let Some(whole) = content_type else { return Ok(Self::Json) };
        let essence = whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "" | "application/json" | "application/cloudevents+json" | "text/plain" => Ok(Self::Json),
            "application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack" => Ok(Self::MsgPack),
            _ => Err(DecodeError::ContentType(whole.chars().take(100).collect())),
        }
    }

    /// The `Content-Type` of a message that is written like this.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MsgPack => "application/msgpack",
        }
    }

    /// Reads one message of at most `max` bytes.
    ///
    /// # Errors
    /// When the bytes are too many, nested too deep, of the wrong form, or more than the message.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8], max: usize) -> Result<T, DecodeError> {
        if bytes.len() > max {
            return Err(DecodeError::TooLarge { size: bytes.len(), max });
        }
        if !self.begins_object(bytes) {
            return Err(DecodeError::NotAnObject);
        }
        match self {
            Self::Json => serde_json::from_slice(bytes).map_err(|error| DecodeError::Json(brief(&error))),
            Self::MsgPack => decode_msgpack(bytes),
        }
    }

    fn begins_object(self, bytes: &[u8]) -> bool {
        match self {
            Self::Json => bytes.trim_ascii_start().first() == Some(&b'{'),
            // fixmap, map 16, map 32
            Self::MsgPack => matches!(bytes.first(), Some(0x80..=0x8f | 0xde | 0xdf)),
        }
    }

    /// Writes one message.
    ///
    /// # Errors
    /// When it is larger than a payload may be.
    pub fn encode<T: Serialize>(self, message: &T) -> Result<Vec<u8>, EncodeError> {
        let bytes = match self {
            Self::Json => serde_json::to_vec(message).map_err(|error| EncodeError::Value(error.to_string()))?,
            Self::MsgPack => rmp_serde::to_vec_named(message).map_err(|error| EncodeError::Value(error.to_string()))?,
        };
        if bytes.len() > limits::MAX_PAYLOAD_BYTES {
            return Err(EncodeError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }
}

fn decode_msgpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::new(Cursor::new(bytes));
    deserializer.set_max_depth(limits::MAX_DEPTH);
    let message = T::deserialize(&mut deserializer).map_err(|error| DecodeError::MsgPack(brief(&error)))?;
    // rmp-serde stops at the end of the value and says nothing of what follows.
    let read = usize::try_from(deserializer.into_inner().position()).unwrap_or(usize::MAX);
    match bytes.len().saturating_sub(read) {
        0 => Ok(message),
        rest => Err(DecodeError::Trailing(rest)),
    }
}

/// What a decoder says, cut where it quotes too much. For whoever does not read by [`Encoding::decode`].
#[must_use]
pub fn brief(error: &impl ToString) -> String {
    let mut text = error.to_string();
    if let Some((end, _)) = text.char_indices().nth(MAX_PROBLEM_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::intent::IntentWire;
    use proptest::prelude::*;

    #[test]
    fn content_types_are_recognised() {
        assert_eq!(Encoding::from_content_type(None).unwrap(), Encoding::Json);
        assert_eq!(Encoding::from_content_type(Some("Application/MsgPack; v=1")).unwrap(), Encoding::MsgPack);
        assert!(Encoding::from_content_type(Some("image/png")).is_err());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let wire = IntentWire { command: Some("true".into()), ..IntentWire::default() };
        for encoding in [Encoding::Json, Encoding::MsgPack] {
            let mut bytes = encoding.encode(&wire).unwrap();
            assert_eq!(encoding.decode::<IntentWire>(&bytes, 1000).unwrap(), wire);
            bytes.push(b'x');
            assert!(encoding.decode::<IntentWire>(&bytes, 1000).is_err());
            assert!(encoding.decode::<IntentWire>(&bytes, 3).is_err());
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_was_sent() {
        let json = format!("{{\"{}\":1}}", "ü".repeat(100_000));
        let error = Encoding::Json.decode::<IntentWire>(json.as_bytes(), usize::MAX).unwrap_err().to_string();
        assert!(error.contains("unknown field `üü") && error.ends_with('…') && error.len() < 1000, "{error}");
    }

    #[test]
    fn a_list_of_fields_is_not_a_message() {
        for bytes in [&br#"["run","id"]"#[..], b"", b"17", b"null"] {
            assert!(matches!(Encoding::Json.decode::<IntentWire>(bytes, 100), Err(DecodeError::NotAnObject)));
        }
        assert!(matches!(Encoding::MsgPack.decode::<IntentWire>(&[0x91, 0xc0], 100), Err(DecodeError::NotAnObject)));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let json = format!("{{\"env\":{}", "[".repeat(100_000));
        assert!(Encoding::Json.decode::<IntentWire>(json.as_bytes(), usize::MAX).is_err());
        let pack = [&[0x81, 0xa4][..], b"argv", &[0x91; 100_000]].concat();
        assert!(Encoding::MsgPack.decode::<IntentWire>(&pack, usize::MAX).is_err());
        // A list that claims four thousand million entries must not be believed.
        let pack = [&[0x81, 0xa4][..], b"argv", &[0xdd, 0xff, 0xff, 0xff, 0xff]].concat();
        assert!(Encoding::MsgPack.decode::<IntentWire>(&pack, 100).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for encoding in [Encoding::Json, Encoding::MsgPack] {
                let _ = encoding.decode::<IntentWire>(&bytes, 1000);
                let _ = encoding.decode::<Event>(&bytes, 1000);
            }
        }
    }
}
