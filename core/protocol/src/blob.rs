//! Bytes that are usually text: output of commands, and their standard input.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// Bytes. In JSON a string where they are UTF-8, `{"base64": "…"}` where they are not; in MessagePack `bin`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Blob(Bytes);

// === impl Blob ===

impl Blob {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes themselves, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Into<Bytes>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Blob {
    // What a command prints may be a secret: logs get the length only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(&self.0);
        }
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &STANDARD.encode(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Both formats describe themselves, and a person may send text in MessagePack: take any form in either.
        deserializer.deserialize_any(BlobVisitor)
    }
}

struct BlobVisitor;

impl<'de> Visitor<'de> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, bytes or {\"base64\": \"…\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
        Ok(Bytes::copy_from_slice(text.as_bytes()).into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Blob, E> {
        Ok(Bytes::from(text).into())
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Bytes::copy_from_slice(bytes).into())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
        Ok(Bytes::from(bytes).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blob, A::Error> {
        let Some((key, value)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::missing_field("base64"));
        };
        if key != "base64" {
            return Err(de::Error::unknown_field(&key, &["base64"]));
        }
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom("only the field base64 may stand here"));
        }
        let bytes = STANDARD.decode(value).map_err(de::Error::custom)?;
        Ok(Bytes::from(bytes).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_text_and_bytes_are_base64_in_json() {
        assert_eq!(serde_json::to_string(&Blob::from("grüß\n")).unwrap(), r#""grüß\n""#);
        assert_eq!(serde_json::to_string(&Blob::from(vec![0xff, 0])).unwrap(), r#"{"base64":"/wA="}"#);
        for bad in [r#"{"base64":"?"}"#, r#"{"hex":"00"}"#, "{}", r#"{"base64":"AA==","x":1}"#, "17"] {
            assert!(serde_json::from_str::<Blob>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive_both_formats(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let blob = Blob::from(bytes);
            let json = serde_json::to_vec(&blob).unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Blob>(&json).unwrap(), &blob);
            let pack = rmp_serde::to_vec_named(&blob).unwrap();
            prop_assert_eq!(&rmp_serde::from_slice::<Blob>(&pack).unwrap(), &blob);
        }
    }
}
