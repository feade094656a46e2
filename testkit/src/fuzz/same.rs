//! What several targets ask: is this the same message again, and is that refusal short?

use std::fmt::Display;

use ogent_protocol::Encoding;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longest text of an error: it goes into logs, answers and the history, and what it quotes comes from a stranger.
const MAX_ERROR_BYTES: usize = 2000;

/// An error tells what is wrong without repeating all that was sent.
pub(super) fn is_brief(error: &impl Display) {
    let size = error.to_string().len();
    assert!(size <= MAX_ERROR_BYTES, "an error of {size} bytes");
}

/// Two values that are the same message.
pub(super) fn are_same<T: Serialize>(one: &T, other: &T) {
    let [one, other] = [one, other].map(|value| serde_json::to_value(value).expect("a message has a JSON form"));
    assert!(is_same(&one, &other), "not the same message:\n{one}\n{other}");
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        // serde_json reads some fractions a unit in the last place beside what it wrote.
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || one
                    .as_f64()
                    .zip(other.as_f64())
                    .is_some_and(|(one, other)| (one - other).abs() <= one.abs() * 4.0 * f64::EPSILON)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        // A number that is none, which only MessagePack knows, is null in JSON, and null is nothing.
        (Value::Object(one), Value::Object(other)) => {
            one.iter().all(|(key, one)| is_same(one, other.get(key).unwrap_or(&Value::Null)))
                && other.iter().all(|(key, other)| one.contains_key(key) || other.is_null())
        }
        (one, other) => one == other,
    }
}

/// Writes the message in both encodings and reads it again. One that fits no payload in an encoding is let off there.
pub(super) fn survives<T: Serialize + DeserializeOwned>(message: &T) {
    for encoding in [Encoding::Json, Encoding::MsgPack] {
        let Ok(bytes) = encoding.encode(message) else { continue };
        let again: T = encoding.decode(&bytes, bytes.len()).expect("what we write is what we read");
        are_same(message, &again);
    }
}

/// What was read ends where it ends: one more byte, or the message once more, is refused; so is one byte less.
pub(super) fn ends_where_it_ends<T: DeserializeOwned>(encoding: Encoding, message: &[u8]) {
    let reads = |bytes: &[u8]| encoding.decode::<T>(bytes, bytes.len()).is_ok();
    assert!(encoding.decode::<T>(message, message.len() - 1).is_err(), "a message above the limit was taken");
    for more in [b"x", &[0x00][..], &[0xc0], b"{}", b"\x80", message] {
        assert!(!reads(&[message, more].concat()), "bytes behind the message were taken: {more:?}");
    }
    let whole = if encoding == Encoding::Json { message.trim_ascii_end() } else { message };
    assert!(!reads(&whole[..whole.len() - 1]), "a message without its last byte was taken");
}
