//! The rules that hold for every message: size, depth, objects only, nothing behind the end.

use ogent_protocol::{Encoding, limits};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::same::{ends_where_it_ends, is_brief, survives};

/// Deepest JSON that `serde_json` reads.
const MAX_JSON_DEPTH: usize = 128;

/// A message of any form. The first byte chooses the encoding, the second how much too small the limit is, if it is odd.
pub fn wire(data: &[u8]) {
    let [choice, cut, message @ ..] = data else { return };
    let encoding = if choice % 2 == 0 { Encoding::Json } else { Encoding::MsgPack };
    if let Ok(text) = std::str::from_utf8(message) {
        content_type(text);
    }
    if cut % 2 == 1 {
        let limit = message.len().saturating_sub(usize::from(*cut));
        let is_within = message.len() <= limit;
        assert!(is_within || encoding.decode::<IgnoredAny>(message, limit).is_err(), "more than {limit} bytes taken");
    }
    // A part that does not know a field passes over it, however deep.
    let is_skipped = encoding.decode::<IgnoredAny>(message, message.len()).is_ok();
    let value = match encoding.decode::<Value>(message, message.len()) {
        Ok(value) => value,
        Err(error) => return is_brief(&error),
    };
    assert!(is_skipped && value.is_object());
    let (depth, bound) = match encoding {
        Encoding::Json => (depth_of(&value), MAX_JSON_DEPTH),
        Encoding::MsgPack => (depth_of(&value), limits::MAX_DEPTH),
    };
    assert!(depth <= bound, "{depth} levels deep");
    ends_where_it_ends::<Value>(encoding, message);
    if depth < limits::MAX_DEPTH {
        survives(&value);
    }
}

/// How deep arrays and objects stand in each other.
fn depth_of(value: &Value) -> usize {
    let inner = match value {
        Value::Array(values) => values.iter().map(depth_of).max(),
        Value::Object(fields) => fields.values().map(depth_of).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

fn content_type(text: &str) {
    match Encoding::from_content_type(Some(text)) {
        Ok(encoding) => assert_eq!(Encoding::from_content_type(Some(encoding.content_type())).unwrap(), encoding),
        Err(error) => is_brief(&error),
    }
}
