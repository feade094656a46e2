//! Receives `trust.json`, gives the public keys whose word counts.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files;
use super::keys::PublicKey;
use super::signer::SignerRole;

/// Whose word counts. All of it is public; whoever can change the file decides, so that only its owner may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The operator's identity.
    pub operator: PublicKey,
    /// Name of an account → its identity.
    pub accounts: BTreeMap<String, PublicKey>,
    /// What somebody is → the role keys that may certify it.
    #[serde(default)]
    pub signers: BTreeMap<SignerRole, Vec<PublicKey>>,
}

// === impl Trust ===

impl Trust {
    /// What the text says.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn parse(text: &str) -> io::Result<Self> {
        serde_json::from_str(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// What the file says.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold what it should.
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::parse(&files::read(path)?)
    }

    /// Puts the file in the place of what is there, for everybody to read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        files::replace(path, 0o644, self.render()?.as_bytes())
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never, for one that was made here.
    pub fn render(&self) -> io::Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        Ok(format!("{text}\n"))
    }

    /// The keys that may certify a signer with this role.
    #[must_use]
    pub fn certifiers(&self, role: SignerRole) -> &[PublicKey] {
        self.signers.get(&role).map_or(&[], Vec::as_slice)
    }
}
