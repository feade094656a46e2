//! Receives the file of a private certificate authority, gives the certificates by which a gateway is believed.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use reqwest::Certificate;

/// Longest file that is read: a bundle of every public authority has half of it.
const MAX_BYTES: u64 = 1024 * 1024;

/// Whom the client believes who a gateway is.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Whom this system believes.
    #[default]
    System,
    /// These, and nobody else.
    Only(Vec<Certificate>),
}

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("{0} holds no certificates in PEM")]
    NoCertificates(PathBuf),
}

// === impl Trust ===

impl Trust {
    /// Those in the file, or the system's where there is none.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no certificates.
    pub fn from_file(path: Option<&Path>) -> Result<Self, TrustError> {
        // Compose files and units set a variable to nothing to say that there is none.
        let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else { return Ok(Self::System) };
        let mut pem = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut pem));
        read.map_err(|source| TrustError::Read { path: path.to_owned(), source })?;
        let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
        found.map(Self::Only).ok_or_else(|| TrustError::NoCertificates(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused() {
        assert!(matches!(Trust::from_file(None), Ok(Trust::System)));
        assert!(matches!(Trust::from_file(Some(Path::new(""))), Ok(Trust::System)));
        assert!(matches!(Trust::from_file(Some(Path::new("/nowhere"))), Err(TrustError::Read { .. })));
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["", "no", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            std::fs::write(file.path(), text).unwrap();
            let refused = Trust::from_file(Some(file.path()));
            assert!(matches!(refused, Err(TrustError::NoCertificates(_))), "{text:?}: {refused:?}");
        }
    }
}
