//! Receives the headers of a message, gives the signature that they say; and what a signature is over. No cryptography.
//!
//! A signature is over a prefix that says what is signed, and then the payload, byte by byte as it travels. So nothing that
//! was signed as one thing can be shown as another, and nobody has to write a message twice in the same way.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The header with the signature: base64url, without padding.
pub const SIGNATURE: &str = "Ogent-Signature";
/// The header with the public key that fits it.
pub const SIGNER: &str = "Ogent-Signer";
/// The header with the certificate that says whose key that is.
pub const CERTIFICATE: &str = "Ogent-Certificate";

/// Longest certificate: those of `ogent init` have some 500 bytes. Refuse.
pub const MAX_CERTIFICATE_BYTES: usize = 4096;

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A message on `commands.<agent>.<command>` or `agents.<agent>.exec`.
    Intent,
    /// One on `results.<agent>.<command>`.
    Event,
    /// One on `approvals.<agent>.<command>`.
    Approval,
}

/// Who signs: what a certificate says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum SignerRole {
    /// A gateway: intents and decisions.
    Gateway,
    /// An agent: its events.
    Agent,
    /// A person: intents, where an agent trusts that person.
    Person,
    /// Another one, of a later version.
    #[serde(other)]
    Other,
}

/// Who has signed something, as it was found when it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct SignedBy {
    /// In which role.
    pub role: SignerRole,
    /// Under which name: of a gateway, an agent or a person.
    pub name: String,
    /// With which key.
    pub key: String,
}

/// A signature beside its payload, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    /// The signature.
    pub signature: [u8; 64],
    /// The public key that should fit it: a public nkey of a user.
    pub signer: String,
    /// Who has that key, as a role's key has signed it; absent where a message before it has said so.
    pub certificate: Option<String>,
}

/// Why what was signed, or was not, does not count. The codes do not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// There is no signature.
    #[error("it is not signed")]
    Unsigned,
    /// The headers are not those of a signature.
    #[error("its signature cannot be read: {0}")]
    Malformed(&'static str),
    /// The signature does not fit: the payload is not what was signed, or not for this purpose.
    #[error("its signature does not fit what it says")]
    BadSignature,
    /// There is no certificate that says whose key it is.
    #[error("nothing says whose key has signed it")]
    NoCertificate,
    /// The certificate is not signed by a key that counts here, or says something else.
    #[error("its signer is not trusted here: {0}")]
    UntrustedSigner(String),
    /// The certificate was not good any more then.
    #[error("the certificate of its signer was over by then")]
    ExpiredCertificate,
    /// It is for another agent.
    #[error("it is signed for another agent")]
    ForeignAgent,
    /// It is for another command than the one under which it is kept.
    #[error("it is signed for another command")]
    WrongCommand,
    /// It leaves out what a signed intent has to name.
    #[error("it is signed, but does not name {0}")]
    Incomplete(&'static str),
    /// It could be shown again when nobody remembers it.
    #[error("its not_after lies further ahead than is allowed")]
    TooLong,
    /// Its time is over.
    #[error("its not_after has passed")]
    Stale,
    /// Its time has not come: it, or its certificate, was made later than now.
    #[error("it comes from the future")]
    NotYet,
    /// Its signer may not say this.
    #[error("its signer may not say that: {0}")]
    NotAllowed(&'static str),
}

// === impl Purpose ===

impl Purpose {
    /// What stands before the payload where it is signed.
    #[must_use]
    pub fn prefix(self) -> &'static [u8] {
        match self {
            Self::Intent => b"ogent-intent-1\n",
            Self::Event => b"ogent-event-1\n",
            Self::Approval => b"ogent-approval-1\n",
        }
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn message(self, payload: &[u8]) -> Vec<u8> {
        [self.prefix(), payload].concat()
    }
}

// === impl SignerRole ===

impl SignerRole {
    /// As people are told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Agent => "agent",
            Self::Person => "person",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.role.as_str(), self.name, self.key)
    }
}

// === impl Seal ===

impl Seal {
    /// What the three headers say; `None` where there is neither signature nor signer.
    ///
    /// # Errors
    /// [`SignatureFault::Malformed`] when one is missing, or is not what it should be.
    pub fn parse(
        signature: Option<&str>,
        signer: Option<&str>,
        certificate: Option<&str>,
    ) -> Result<Option<Self>, SignatureFault> {
        let (text, signer) = match (signature, signer) {
            (None, None) => return Ok(None),
            (Some(text), Some(signer)) => (text, signer),
            (None, Some(_)) => return Err(SignatureFault::Malformed("there is a signer, but no signature")),
            (Some(_), None) => return Err(SignatureFault::Malformed("there is a signature, but no signer")),
        };
        // 64 bytes are 86 letters; more is not even decoded.
        let bytes = (text.len() == 86).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        let signature = bytes.and_then(|bytes| bytes.try_into().ok());
        let signature = signature.ok_or(SignatureFault::Malformed("a signature is 64 bytes in base64url"))?;
        if !is_user_key(signer) {
            return Err(SignatureFault::Malformed("a signer is a public nkey that begins with U"));
        }
        if certificate.is_some_and(|certificate| certificate.len() > MAX_CERTIFICATE_BYTES) {
            return Err(SignatureFault::Malformed("the certificate is too long"));
        }
        Ok(Some(Self { signature, signer: signer.to_owned(), certificate: certificate.map(str::to_owned) }))
    }

    /// The headers, by name.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let certificate = self.certificate.iter().map(|certificate| (CERTIFICATE, certificate.clone()));
        let fixed = [(SIGNATURE, URL_SAFE_NO_PAD.encode(self.signature)), (SIGNER, self.signer.clone())];
        fixed.into_iter().chain(certificate).collect()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.signer)
    }
}

/// By its form alone; whether the checksum inside fits, the one who uses it finds out.
fn is_user_key(text: &str) -> bool {
    text.len() == 56 && text.starts_with('U') && text.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
}

// === impl SignatureFault ===

impl SignatureFault {
    /// For programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Malformed(_) => "malformed_signature",
            Self::BadSignature => "bad_signature",
            Self::NoCertificate => "no_certificate",
            Self::UntrustedSigner(_) => "untrusted_signer",
            Self::ExpiredCertificate => "expired_certificate",
            Self::ForeignAgent => "foreign_agent",
            Self::WrongCommand => "wrong_command",
            Self::Incomplete(_) => "incomplete",
            Self::TooLong => "too_long",
            Self::Stale => "stale",
            Self::NotYet => "not_yet",
            Self::NotAllowed(_) => "not_allowed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> String {
        format!("U{}", "A".repeat(55))
    }

    #[test]
    fn half_a_signature_is_none() {
        let (good, key) = (URL_SAFE_NO_PAD.encode([7; 64]), key());
        let parse = |signature, signer| Seal::parse(signature, signer, None);
        assert_eq!(parse(None, None), Ok(None));
        assert!(parse(Some(&good), Some(&key)).unwrap().is_some());
        for (signature, signer) in [
            (Some(good.as_str()), None),
            (None, Some(key.as_str())),
            (Some(&good[1..]), Some(&key)),
            (Some(""), Some(&key)),
            (Some(&good), Some("U")),
            (Some(&good), Some(&key.replace('U', "S"))),
            (Some(&good), Some(&key.to_lowercase())),
        ] {
            let fault = parse(signature, signer).unwrap_err();
            assert_eq!(fault.code(), "malformed_signature", "{signature:?} {signer:?}");
        }
        let long = "x".repeat(MAX_CERTIFICATE_BYTES + 1);
        assert!(Seal::parse(Some(&good), Some(&key), Some(&long)).is_err());
    }

    #[test]
    fn what_is_signed_as_one_thing_is_never_another() {
        let all = [Purpose::Intent, Purpose::Event, Purpose::Approval];
        for one in all {
            for other in all {
                let is_prefix = one.prefix().starts_with(other.prefix());
                assert_eq!(is_prefix, one == other, "{one:?} {other:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn headers_parse_back(bytes in proptest::collection::vec(any::<u8>(), 64), certificate in any::<Option<String>>()) {
            let seal = Seal { signature: bytes.try_into().unwrap(), signer: key(), certificate };
            let headers = seal.headers();
            let find = |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
            prop_assert_eq!(Seal::parse(find(SIGNATURE), find(SIGNER), find(CERTIFICATE)), Ok(Some(seal)));
        }

        #[test]
        fn no_headers_make_it_panic(
            signature in any::<Option<String>>(), signer in any::<Option<String>>(), certificate in any::<Option<String>>(),
        ) {
            let _ = Seal::parse(signature.as_deref(), signer.as_deref(), certificate.as_deref());
        }
    }
}
