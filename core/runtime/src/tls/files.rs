//! Receives the paths of a certificate and its key, gives both as rustls takes them, once they are known to match.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Longest file that is read: a chain of certificates has some kilobytes.
const MAX_BYTES: u64 = 256 * 1024;
/// Others who may read a key may be the server.
const OPEN_TO_OTHERS: u32 = 0o077;

/// Where a certificate with its chain and its private key are, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its root.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds no certificate in PEM.
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    /// The file holds no private key in PEM.
    #[error("{0} holds no private key in PEM")]
    NoKey(PathBuf),
    /// The two do not belong together, or are of a kind that TLS does not use.
    #[error("the certificate in {cert} cannot be used with the key in {key}: {problem}")]
    Unusable {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What rustls says.
        problem: rustls::Error,
    },
}

/// What tells one state of the two files from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, u64, i64, i64)>; 2]);

// === impl TlsFiles ===

impl TlsFiles {
    /// Reads both.
    ///
    /// # Errors
    /// When a file is not there or not what it should be, or the two do not belong together.
    pub(super) fn load(&self) -> Result<CertifiedKey, TlsFileError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(&self.cert)?).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsFileError::NoCertificate(self.cert.clone()))?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?);
        let key = key.map_err(|_| TlsFileError::NoKey(self.key.clone()))?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|problem| TlsFileError::Unusable {
            cert: self.cert.clone(),
            key: self.key.clone(),
            problem,
        })
    }

    /// Tells whether either file has changed. What links lead to counts, not the link.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp([&self.cert, &self.key].map(|path| {
            let facts = fs::metadata(path).ok()?;
            Some((facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec()))
        }))
    }

    /// Whether others than its owner may read the key.
    pub(super) fn key_is_open(&self) -> bool {
        fs::metadata(&self.key).is_ok_and(|facts| facts.mode() & OPEN_TO_OTHERS != 0)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let failed = |source| TlsFileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)).map_err(failed)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length < MAX_BYTES => Ok(bytes),
        _ => Err(failed(io::Error::other(format!("it has {MAX_BYTES} bytes or more")))),
    }
}
