//! Receives the names of a server, gives a certificate for it by a private certificate authority.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::Secret;

/// How long the authority's own certificate is good: replacing it means a visit to every machine.
const CA_LIFE: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);
/// How long a server's is good. Some clients refuse one of more than 825 days.
pub const LEAF_LIFE: Duration = Duration::from_secs(800 * 24 * 60 * 60);
/// Clocks differ, and a certificate of the future is refused.
const BEFORE: Duration = Duration::from_secs(24 * 60 * 60);

const NAME: &str = "Ogent private CA";

/// A private certificate authority. Whoever has its key may be any server.
pub struct Ca {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// What the server shows.
    pub certificate: String,
    /// What it keeps.
    pub key: Secret,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// Nobody could reach a server without a name.
    #[error("a certificate needs at least one name or address")]
    NoName,
    /// It cannot be made.
    #[error("the certificate cannot be made")]
    Failed(#[from] rcgen::Error),
}

// === impl Ca ===

impl Ca {
    /// A new one, and its key.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn generate() -> Result<(Self, Secret), CaError> {
        let key = KeyPair::generate()?;
        let secret = Secret::new(key.serialize_pem());
        let params = params(CA_LIFE);
        let certificate = params.self_signed(&key)?.pem();
        Ok((Self { certificate, issuer: Issuer::new(params, key) }, secret))
    }

    /// The one with this certificate and key, which an earlier [`Self::generate`] has made.
    ///
    /// # Errors
    /// When the key is none.
    pub fn load(certificate: String, key: &Secret) -> Result<Self, CaError> {
        Ok(Self { certificate, issuer: Issuer::new(params(CA_LIFE), KeyPair::from_pem(key.expose())?) })
    }

    /// What those trust who connect to its servers, as PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for the server with these names and addresses.
    ///
    /// # Errors
    /// When there is none, or one is no name.
    pub fn issue(&self, hosts: &[String]) -> Result<Leaf, CaError> {
        let first = hosts.first().ok_or(CaError::NoName)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(hosts)?;
        set_life(&mut params, LEAF_LIFE);
        params.distinguished_name = rcgen::DistinguishedName::new();
        // The field holds 64 characters; clients look at the names beside it.
        params.distinguished_name.push(DnType::CommonName, first.chars().take(64).collect::<String>());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Leaf { certificate, key: Secret::new(key.serialize_pem()) })
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ca(…)")
    }
}

/// What the authority's own certificate says. Those that it issues name it by this and by its key, so that it is the
/// same each time.
fn params(life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    set_life(&mut params, life);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    // It vouches for servers, not for other authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn set_life(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = now.checked_sub(BEFORE).unwrap_or(now).into();
    params.not_after = now.checked_add(life).unwrap_or(now).into();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    fn is_trusted(ca: &str, leaf: &Leaf, host: &'static str) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let leaf = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
        let name = ServerName::try_from(host).unwrap();
        verifier.verify_server_cert(&leaf, &[], &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn a_server_is_who_its_certificate_says_and_nobody_else() {
        let (ca, key) = Ca::generate().unwrap();
        // The one that was kept issues what the same clients trust.
        for ca in [&ca, &Ca::load(ca.certificate().to_owned(), &key).unwrap()] {
            let leaf = ca.issue(&["broker.example.org".to_owned(), "10.0.0.7".to_owned()]).unwrap();
            assert!(is_trusted(ca.certificate(), &leaf, "broker.example.org"));
            assert!(is_trusted(ca.certificate(), &leaf, "10.0.0.7"));
            assert!(!is_trusted(ca.certificate(), &leaf, "gateway.example.org"));
            let (other, _) = Ca::generate().unwrap();
            assert!(!is_trusted(other.certificate(), &leaf, "broker.example.org"));
        }
    }

    #[test]
    fn odd_names_are_refused_and_keys_do_not_show() {
        let (ca, key) = Ca::generate().unwrap();
        assert!(matches!(ca.issue(&[]), Err(CaError::NoName)));
        assert!(ca.issue(&["höst".to_owned()]).is_err());
        assert!(Ca::load(ca.certificate().to_owned(), &Secret::new("no key".to_owned())).is_err());
        let leaf = ca.issue(&["a".to_owned()]).unwrap();
        assert!(!format!("{ca:?} {leaf:?} {key:?}").contains("PRIVATE"));
    }
}
