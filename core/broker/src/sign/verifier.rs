//! Receives a payload and the seal beside it, gives who has signed it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ogent_protocol::signature::{Purpose, Seal, SignatureFault, SignedBy, SignerRole};

use crate::credentials::jwt::LEEWAY_SECONDS;
use crate::credentials::{self, Certificate, JwtError, Trust};

/// Certificates that are remembered: those of all gateways and people that an agent hears from, many times over. Only good
/// ones are, so that strangers cannot drive them out.
const MAX_REMEMBERED: usize = 256;

/// Checks signatures. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct Verifier {
    trust: Arc<Trust>,
    /// Certificates whose signature was found good, by their text.
    known: Arc<Mutex<HashMap<String, Arc<Certificate>>>>,
}

// === impl Verifier ===

impl Verifier {
    /// One that believes these keys.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { trust: Arc::new(trust), known: Arc::default() }
    }

    /// Who has signed the payload as that, at that time. `carried` is the certificate that came with a message before this
    /// one, for messages that come without their own.
    ///
    /// # Errors
    /// When the signature does not fit, or its signer does not count.
    pub fn verify(
        &self,
        purpose: Purpose,
        payload: &[u8],
        seal: &Seal,
        carried: Option<&str>,
        at: Timestamp,
    ) -> Result<SignedBy, SignatureFault> {
        let token = seal.certificate.as_deref().or(carried).ok_or(SignatureFault::NoCertificate)?;
        let certificate = self.certificate(token, at)?;
        if certificate.key().as_str() != seal.signer {
            return Err(SignatureFault::UntrustedSigner("its certificate is for another key".to_owned()));
        }
        if !certificate.key().verifies(&purpose.message(payload), &seal.signature) {
            return Err(SignatureFault::BadSignature);
        }
        Ok(SignedBy {
            role: role_of(certificate.role()),
            name: certificate.name().to_string(),
            key: certificate.key().to_string(),
        })
    }

    fn certificate(&self, token: &str, at: Timestamp) -> Result<Arc<Certificate>, SignatureFault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        if let Some(certificate) = known {
            return in_time(&certificate, at).map(|()| certificate);
        }
        let certificate = Arc::new(Certificate::verify(token, &self.trust, at).map_err(fault)?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            // All at once: they come back with the next message of each.
            known.clear();
        }
        known.insert(token.to_owned(), Arc::clone(&certificate));
        Ok(certificate)
    }
}

/// The same limits as at the first look.
fn in_time(certificate: &Certificate, at: Timestamp) -> Result<(), SignatureFault> {
    let at = at.as_second();
    if certificate.issued_at().saturating_sub(LEEWAY_SECONDS) > at {
        return Err(SignatureFault::NotYet);
    }
    match certificate.expires_at() {
        Some(end) if at >= end.saturating_add(LEEWAY_SECONDS) => Err(SignatureFault::ExpiredCertificate),
        _ => Ok(()),
    }
}

fn fault(error: JwtError) -> SignatureFault {
    match error {
        JwtError::Expired => SignatureFault::ExpiredCertificate,
        JwtError::NotYet => SignatureFault::NotYet,
        other => SignatureFault::UntrustedSigner(other.to_string()),
    }
}

pub(super) fn role_of(role: credentials::SignerRole) -> SignerRole {
    match role {
        credentials::SignerRole::Gateway => SignerRole::Gateway,
        credentials::SignerRole::Agent => SignerRole::Agent,
        credentials::SignerRole::Person => SignerRole::Person,
    }
}
