//! Receives claims and a key, gives a token in the form of NATS; and back, if one of the given keys has signed it.
//!
//! A token names its own issuer. That is never believed: whoever checks one says which keys it may be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512_256};

use super::keys::{Key, KeyError, PublicKey};

/// Longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 768 * 1024;
/// Clocks differ by as much.
pub const LEEWAY_SECONDS: i64 = 60;

const ALGORITHM: &str = "ed25519-nkey";

/// What a token says. `N` is what its kind adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims<N> {
    /// Its own id: a digest of all the rest.
    #[serde(default)]
    pub jti: String,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// From when on it no longer counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exp: i64,
    /// Before which it does not count yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nbf: i64,
    /// Who says so.
    pub iss: PublicKey,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// Whose it is.
    pub sub: PublicKey,
    /// What its kind adds.
    pub nats: N,
}

/// Why a token does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// It is longer than what is looked at.
    #[error("the token is too long")]
    TooLong,
    /// It does not have the form.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// It asks for another way of signing.
    #[error("the token is not signed with {ALGORITHM}")]
    Algorithm,
    /// None of the keys that count has issued it.
    #[error("the token's issuer is not trusted")]
    Untrusted,
    /// Its issuer did not sign this.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time is to come.
    #[error("the token is from the future")]
    NotYet,
    /// It cannot be signed.
    #[error("the token cannot be signed")]
    Key(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
struct Header {
    typ: String,
    alg: String,
}

// === impl Claims ===

impl<N> Claims<N> {
    /// What `issuer` says from now on, about `subject`.
    #[must_use]
    pub fn new(issuer: PublicKey, subject: PublicKey, name: &str, now: Timestamp, nats: N) -> Self {
        let (jti, name) = (String::new(), name.to_owned());
        Self { jti, iat: now.as_second(), exp: 0, nbf: 0, iss: issuer, name, sub: subject, nats }
    }

    /// The same, until then only.
    #[must_use]
    pub fn until(mut self, end: Option<Timestamp>) -> Self {
        self.exp = end.map_or(0, Timestamp::as_second);
        self
    }

    /// Whether it counts at that time.
    ///
    /// # Errors
    /// When it is over, or to come.
    pub fn check_time(&self, at: Timestamp) -> Result<(), JwtError> {
        let at = at.as_second();
        if self.exp != 0 && at >= self.exp.saturating_add(LEEWAY_SECONDS) {
            return Err(JwtError::Expired);
        }
        if self.iat.max(self.nbf) > at.saturating_add(LEEWAY_SECONDS) {
            return Err(JwtError::NotYet);
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// The token that says so, signed by `key`, which becomes its issuer.
///
/// # Errors
/// When the claims cannot be written or signed, or become too long.
pub fn encode<N: Serialize>(key: &Key, mut claims: Claims<N>) -> Result<String, JwtError> {
    let malformed = |error: serde_json::Error| JwtError::Malformed(error.to_string());
    claims.iss = key.public();
    claims.jti = String::new();
    let digest = Sha512_256::digest(serde_json::to_vec(&claims).map_err(malformed)?);
    claims.jti = BASE32_NOPAD.encode(&digest);
    let header = Header { typ: "JWT".to_owned(), alg: ALGORITHM.to_owned() };
    let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).map_err(malformed)?);
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).map_err(malformed)?);
    let signed = format!("{header}.{body}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    let token = format!("{signed}.{signature}");
    if token.len() > MAX_TOKEN_BYTES { Err(JwtError::TooLong) } else { Ok(token) }
}

/// What the token says, if one of these keys has signed it. Its time is not looked at: [`Claims::check_time`] does.
///
/// # Errors
/// When it is no such token.
pub fn decode<'a, N: DeserializeOwned>(
    token: &str,
    issuers: impl IntoIterator<Item = &'a PublicKey>,
) -> Result<Claims<N>, JwtError> {
    let (signed, signature) = token.trim().rsplit_once('.').ok_or_else(|| malformed("it has no signature"))?;
    let claims: Claims<N> = decode_unverified(token)?;
    let issuer = issuers.into_iter().find(|key| **key == claims.iss).ok_or(JwtError::Untrusted)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("its signature is not base64url"))?;
    if issuer.verifies(signed.as_bytes(), &signature) { Ok(claims) } else { Err(JwtError::Signature) }
}

/// What the token says, whoever has made it: for one's own files, and to show it.
///
/// # Errors
/// When it does not have the form.
pub fn decode_unverified<N: DeserializeOwned>(token: &str) -> Result<Claims<N>, JwtError> {
    let token = token.trim();
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JwtError::TooLong);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(body), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("it does not have three parts"));
    };
    let header: Header = part(header, "header")?;
    if !header.typ.eq_ignore_ascii_case("jwt") || header.alg != ALGORITHM {
        return Err(JwtError::Algorithm);
    }
    part(body, "claims")
}

fn part<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, JwtError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed(&format!("its {what} are not base64url")))?;
    // The error of serde_json would show a part of the token.
    serde_json::from_slice(&bytes).map_err(|_| malformed(&format!("its {what} are not what they should be")))
}

fn malformed(problem: &str) -> JwtError {
    JwtError::Malformed(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::keys::KeyKind;
    use serde_json::{Value, json};

    fn token(key: &Key) -> String {
        let subject = Key::generate(KeyKind::User).public();
        encode(key, Claims::new(key.public(), subject, "x", Timestamp::now(), json!({"type": "user"}))).unwrap()
    }

    #[test]
    fn a_token_comes_back_from_its_issuer_only() {
        let (key, other) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::Account));
        let token = token(&key);
        let claims: Claims<Value> = decode(&token, [&other.public(), &key.public()]).unwrap();
        assert_eq!(claims.iss, key.public());
        assert_eq!(claims.jti.len(), 52);
        assert_eq!(decode::<Value>(&token, [&other.public()]).unwrap_err(), JwtError::Untrusted);
        assert_eq!(decode::<Value>(&token, []).unwrap_err(), JwtError::Untrusted);
    }

    #[test]
    fn a_token_that_only_names_a_trusted_issuer_is_refused() {
        let (trusted, mallory) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::Account));
        let mut claims: Claims<Value> = decode_unverified(&token(&mallory)).unwrap();
        claims.iss = trusted.public();
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap());
        let signed = format!("{}.{body}", token(&mallory).split('.').next().unwrap());
        let signature = URL_SAFE_NO_PAD.encode(mallory.sign(signed.as_bytes()).unwrap());
        let forged = format!("{signed}.{signature}");
        assert_eq!(decode::<Value>(&forged, [&trusted.public()]).unwrap_err(), JwtError::Signature);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = Key::generate(KeyKind::Account);
        let token = token(&key);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(decode::<Value>(&changed, [&key.public()]).is_err(), "byte {at}");
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        let key = Key::generate(KeyKind::Account);
        let token = token(&key);
        let (_, rest) = token.split_once('.').unwrap();
        for alg in ["none", "HS256", "EdDSA", "ed25519", ""] {
            let header = URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": alg}).to_string());
            let changed = format!("{header}.{rest}");
            assert_eq!(decode::<Value>(&changed, [&key.public()]).unwrap_err(), JwtError::Algorithm, "{alg}");
        }
    }

    #[test]
    fn times_are_checked_with_little_leeway() {
        let key = Key::generate(KeyKind::Account).public();
        let at = |second| Timestamp::from_second(second).unwrap();
        let claims = Claims::new(key.clone(), key, "x", at(1000), ()).until(Some(at(2000)));
        assert_eq!(claims.check_time(at(1500)), Ok(()));
        assert_eq!(claims.check_time(at(2059)), Ok(()));
        assert_eq!(claims.check_time(at(2060)), Err(JwtError::Expired));
        assert_eq!(claims.check_time(at(940)), Ok(()));
        assert_eq!(claims.check_time(at(939)), Err(JwtError::NotYet));
    }

    proptest::proptest! {
        #[test]
        fn foreign_text_never_panics(text in proptest::prelude::any::<String>()) {
            let _ = decode_unverified::<Value>(&text);
        }
    }

    #[test]
    fn long_and_odd_texts_are_refused() {
        let long = "a.".repeat(MAX_TOKEN_BYTES);
        assert_eq!(decode_unverified::<Value>(&long).unwrap_err(), JwtError::TooLong);
        for odd in ["", ".", "..", "a.b.c", "a.b.c.d", "e30.e30.e30", "é.é.é"] {
            assert!(decode_unverified::<Value>(odd).is_err(), "{odd}");
        }
    }
}
