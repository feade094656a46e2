//! Receives what somebody is about to store, gives the seal that goes beside it.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use ogent_protocol::signature::{Purpose, Seal, SignedBy};

use super::verifier::role_of;
use crate::credentials::{KeyError, SignerFile, SignerRole};

/// Signs for one gateway, one agent or one person. Clones share the file, so that all of them sign with a renewed one.
#[derive(Debug, Clone)]
pub struct Signer(Arc<RwLock<Arc<SignerFile>>>);

// === impl Signer ===

impl Signer {
    /// With the key and the certificate of this file.
    #[must_use]
    pub fn new(file: SignerFile) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(file))))
    }

    /// With those of the file at `path`, which has to be that of somebody with this role.
    ///
    /// # Errors
    /// When it cannot be read, or is somebody else's.
    pub fn load(path: &Path, role: SignerRole) -> io::Result<Self> {
        let file = SignerFile::load(path)?;
        let found = file.certificate.role();
        if found != role {
            let problem = format!("it is the signer file of a {found}, not of a {role}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Self::new(file))
    }

    /// Signs with another file from now on: a renewed one.
    pub fn replace(&self, file: SignerFile) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(file);
    }

    /// Who it signs for.
    #[must_use]
    pub fn who(&self) -> SignedBy {
        let file = self.file();
        let certificate = &file.certificate;
        SignedBy {
            role: role_of(certificate.role()),
            name: certificate.name().to_string(),
            key: certificate.key().to_string(),
        }
    }

    /// Signs the payload as what it is. The certificate goes along unless it is the one that `known` says: whoever reads the
    /// message has it from one before.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn seal(&self, purpose: Purpose, payload: &[u8], known: Option<&str>) -> Result<Seal, KeyError> {
        let file = self.file();
        let token = file.certificate.token();
        let signature = file.key.sign(&purpose.message(payload))?;
        Ok(Seal {
            signature: signature.try_into().map_err(|_| KeyError::Malformed)?,
            signer: file.key.public().to_string(),
            certificate: (known != Some(token)).then(|| token.to_owned()),
        })
    }

    fn file(&self) -> Arc<SignerFile> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
