//! Receives a secret from `config`, gives back what makes it too weak to use.

/// RFC 7518 asks for a key at least as long as the hash of HS256.
const MIN_SECRET_BYTES: usize = 32;

/// A random key of 32 bytes in hexadecimal has all 16 digits; one typed on a keyboard row or repeated has few.
const MIN_DISTINCT: usize = 8;

/// What stands in examples. A secret that holds one of these was copied, however long it is.
const PLACEHOLDERS: [&str; 12] = [
    "secret-key",
    "secret_key",
    "secretkey",
    "your-secret",
    "your_secret",
    "change-me",
    "change_me",
    "changeme",
    "change-this",
    "placeholder",
    "example",
    "0123456789abcdef",
];

/// Passwords of this and other READMEs, which everybody tries first.
const KNOWN_PASSWORDS: [&str; 7] =
    ["password", "passw0rd", "password1", "changeme", "adminadmin", "admin123", "12345678"];

const MIN_PASSWORD_CHARS: usize = 8;

/// Why `secret` must not sign tokens, if it must not.
#[must_use]
pub fn secret_weakness(secret: &str) -> Option<&'static str> {
    if secret.len() < MIN_SECRET_BYTES {
        return Some("is shorter than 32 bytes");
    }
    let mut distinct: Vec<char> = secret.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_DISTINCT {
        return Some("has fewer than 8 different characters");
    }
    let lower = secret.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|known| lower.contains(known)).then_some("is a placeholder from an example")
}

/// Why `password` must not guard the admin's account, if it must not.
#[must_use]
pub fn password_weakness(password: &str) -> Option<&'static str> {
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Some("is shorter than 8 characters");
    }
    if password.len() > crate::limits::MAX_PASSWORD_BYTES {
        return Some("is longer than 1024 bytes");
    }
    KNOWN_PASSWORDS.contains(&password.to_ascii_lowercase().as_str()).then_some("is one that everybody tries first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_secrets_are_refused() {
        for weak in [
            "",
            "short",
            "0123456789012345678901234567890", // 31 bytes
            &"a".repeat(64),
            &"abcdefg".repeat(10),
            "your-secret-key-change-in-production-please",
            "CHANGEME-CHANGEME-CHANGEME-CHANGEME-qwerty",
            "0123456789abcdef0123456789abcdef",
        ] {
            assert!(secret_weakness(weak).is_some(), "{weak:?} must be refused");
        }
    }

    #[test]
    fn random_secrets_are_taken() {
        for strong in ["hW3Jv0m3y2mB1xkq8cN5tR7zP4dS6fG9", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15"] {
            assert_eq!(secret_weakness(strong), None, "{strong}");
        }
    }

    #[test]
    fn weak_passwords_are_refused() {
        for weak in ["", "short", "Password", "admin123"] {
            assert!(password_weakness(weak).is_some(), "{weak:?} must be refused");
        }
        assert_eq!(password_weakness("correct horse"), None);
        assert!(password_weakness(&"x".repeat(1025)).is_some());
    }
}
