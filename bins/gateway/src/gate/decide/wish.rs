//! Checks what people say with a decision, by the limits of an intent.

use ogent_protocol::approval::is_hash;
use ogent_protocol::{InvalidIntent, limits};

/// Whether the reason and the hash are of the right form.
///
/// # Errors
/// Names the field that is wrong.
pub(super) fn check(reason: &Option<String>, hash: Option<&str>) -> Result<(), InvalidIntent> {
    let wrong = |field, problem: &str| InvalidIntent { field, problem: problem.to_owned() };
    match reason.as_deref() {
        Some("") => return Err(wrong("reason", "is empty")),
        Some(text) if text.len() > limits::MAX_TEXT_BYTES => {
            return Err(wrong("reason", "has more than 4096 bytes"));
        }
        Some(text) if text.contains('\0') => return Err(wrong("reason", "contains a NUL")),
        _ => {}
    }
    match hash {
        Some(hash) if !is_hash(hash) => Err(wrong("hash", "must be 64 hexadecimal digits, in lower case")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let reason = |text: &str| Some(text.to_owned());
        assert!(check(&None, None).is_ok() && check(&reason("because"), Some(&"0a".repeat(32))).is_ok());
        for text in ["", "a\0b", &"x".repeat(4097)] {
            assert_eq!(check(&reason(text), None).unwrap_err().field, "reason");
        }
        for hash in ["", "0A", &"0A".repeat(32), &"0a".repeat(33)] {
            assert_eq!(check(&None, Some(hash)).unwrap_err().field, "hash");
        }
    }
}
