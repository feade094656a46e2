//! Receives the beginning of a sign-in, gives what a browser's cookie keeps of it until it comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::random;
use crate::limits::SSO_WITHIN;

/// Tells this from every other thing that a key of the gateway signs.
const TYPE: &str = "ogent-sign-in+jwt";

/// A sign-in that has begun.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    /// Where the browser wants to go in the end.
    pub(crate) next: Option<String>,
    exp: i64,
}

/// Closes and opens cookies.
pub(super) struct Seal {
    closing: EncodingKey,
    opening: DecodingKey,
}

// === impl Pending ===

impl Pending {
    pub(super) fn begin(next: Option<String>) -> std::io::Result<Self> {
        let exp = Timestamp::now().as_second().saturating_add_unsigned(SSO_WITHIN.as_secs());
        Ok(Self { state: random()?, nonce: random()?, verifier: random()?, next, exp })
    }

    /// What is shown of the verifier beforehand (RFC 7636, S256).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }

    pub(super) fn has_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// What may be used once.
    pub(crate) fn once(&self) -> Secret {
        Secret::new(format!("sign-in {}", self.state))
    }
}

// === impl Seal ===

impl Seal {
    /// Its key comes from one that all gateways share, and is another one.
    pub(super) fn new(key: &Secret) -> Self {
        let derived = Sha256::new().chain_update(b"ogent sign-in cookie 1\0").chain_update(key.expose()).finalize();
        Self { closing: EncodingKey::from_secret(&derived), opening: DecodingKey::from_secret(&derived) }
    }

    pub(super) fn close(&self, pending: &Pending) -> Result<Secret, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        encode(&header, pending, &self.closing).map(Secret::new)
    }

    pub(super) fn open(&self, cookie: &Secret) -> Option<Pending> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        let data = decode::<Pending>(cookie.expose(), &self.opening, &validation).ok()?;
        (data.header.typ.as_deref() == Some(TYPE)).then_some(data.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: &str) -> Seal {
        Seal::new(&Secret::new(key.to_owned()))
    }

    #[test]
    fn what_is_closed_can_be_opened_by_those_with_the_key() {
        let pending = Pending::begin(Some("/x".to_owned())).unwrap();
        let cookie = seal("k").close(&pending).unwrap();
        let opened = seal("k").open(&cookie).unwrap();
        assert!(opened.has_state(&pending.state) && opened.verifier == pending.verifier);
        assert_eq!(opened.next.as_deref(), Some("/x"));
        assert!(seal("other").open(&cookie).is_none());
        assert!(seal("k").open(&Secret::new(format!("{}x", cookie.expose()))).is_none());
        // The key itself signs access tokens: neither is taken for the other.
        let direct = Seal { closing: EncodingKey::from_secret(b"k"), opening: DecodingKey::from_secret(b"k") };
        assert!(direct.open(&cookie).is_none());
    }

    #[test]
    fn it_is_good_for_minutes_and_for_its_own_state() {
        let pending = Pending::begin(None).unwrap();
        assert!(!pending.has_state("") && !pending.has_state(&pending.nonce));
        let late = Pending { exp: Timestamp::now().as_second() - 1, ..Pending::begin(None).unwrap() };
        let cookie = seal("k").close(&late).unwrap();
        assert!(seal("k").open(&cookie).is_none());
        assert_ne!(pending.state, late.state);
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let pending = Pending { verifier, ..Pending::begin(None).unwrap() };
        assert_eq!(pending.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
