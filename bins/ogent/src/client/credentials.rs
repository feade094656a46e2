//! Where tokens are kept between two runs: one file, readable by its owner only, with a token for each gateway.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::rest::TokenResponse;
use ogent_runtime::{Secret, SecretError, secret_from_env};
use serde::{Deserialize, Serialize};

use super::address::GatewayUrl;

/// The file with the tokens.
#[derive(Debug, Clone)]
pub struct CredentialStore {
    path: PathBuf,
}

/// A token, and what is known of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Whose it is.
    pub username: String,
    /// The token itself.
    pub access_token: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it is exchanged for the next one with, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Document {
    gateways: BTreeMap<String, Login>,
}

/// Why the tokens cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// There is no place for them.
    #[error("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for credentials")]
    NoHome,
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not one of ours.
    #[error("{path} is damaged; delete it and log in again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The token in the environment cannot be read.
    #[error(transparent)]
    Environment(#[from] SecretError),
}

/// The token in `OGENT_TOKEN`, or in the file that `OGENT_TOKEN_FILE` names.
///
/// # Errors
/// When it is there and cannot be read.
pub fn token_from_env() -> Result<Option<Secret>, CredentialError> {
    Ok(secret_from_env("OGENT_TOKEN")?)
}

// === impl Login ===

impl Login {
    /// What a gateway has answered.
    #[must_use]
    pub fn of(username: String, answer: TokenResponse, now: Timestamp) -> Self {
        let lifetime = SignedDuration::from_secs(i64::try_from(answer.expires_in).unwrap_or(i64::MAX));
        let expires_at = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        Self { username, access_token: answer.access_token, expires_at, refresh_token: answer.refresh_token }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

// === impl CredentialStore ===

impl CredentialStore {
    /// The user's own file: `ogent/credentials.json` in `XDG_CONFIG_HOME`, by default `~/.config`.
    ///
    /// # Errors
    /// When there is no home.
    pub fn open() -> Result<Self, CredentialError> {
        // A relative path is to be ignored, says the XDG specification.
        let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let path = config.ok_or(CredentialError::NoHome)?.join("ogent").join("credentials.json");
        Ok(Self { path })
    }

    /// That file.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept for a gateway.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn find(&self, url: &GatewayUrl) -> Result<Option<Login>, CredentialError> {
        Ok(self.read()?.gateways.remove(&url.to_string()))
    }

    /// Keeps a login for a gateway, in place of an earlier one.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn keep(&self, url: &GatewayUrl, login: Login) -> Result<(), CredentialError> {
        let mut document = self.read()?;
        document.gateways.insert(url.to_string(), login);
        self.write(&document)
    }

    /// Forgets the login for a gateway; says whether there was one.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn forget(&self, url: &GatewayUrl) -> Result<bool, CredentialError> {
        let mut document = self.read()?;
        let was_there = document.gateways.remove(&url.to_string()).is_some();
        if was_there {
            self.write(&document)?;
        }
        Ok(was_there)
    }

    fn read(&self) -> Result<Document, CredentialError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Document::default()),
            Err(source) => return Err(CredentialError::Read { path: self.path.clone(), source }),
        };
        serde_json::from_slice(&text).map_err(|source| CredentialError::Damaged { path: self.path.clone(), source })
    }

    fn write(&self, document: &Document) -> Result<(), CredentialError> {
        self.replace(document).map_err(|source| CredentialError::Write { path: self.path.clone(), source })
    }

    /// Whoever reads sees the old file or the new one, and never one that others may read.
    fn replace(&self, document: &Document) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
        serde_json::to_writer_pretty(&mut file, document)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(token: &str) -> Login {
        Login {
            username: "admin".into(),
            access_token: token.into(),
            expires_at: "2026-05-01T08:00:00Z".parse().unwrap(),
            refresh_token: None,
        }
    }

    fn token(store: &CredentialStore, url: &GatewayUrl) -> Option<String> {
        store.find(url).unwrap().map(|login| login.access_token)
    }

    #[test]
    fn tokens_are_kept_for_each_gateway_and_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = CredentialStore { path: folder.path().join("config/ogent/credentials.json") };
        let one: GatewayUrl = "http://127.0.0.1:8001".parse().unwrap();
        let two: GatewayUrl = "https://ogent.example".parse().unwrap();
        assert_eq!(token(&store, &one), None);
        assert!(!store.forget(&one).unwrap());

        store.keep(&one, login("first")).unwrap();
        store.keep(&two, login("second")).unwrap();
        store.keep(&one, login("third")).unwrap();
        assert_eq!(token(&store, &"http://127.0.0.1:8001/".parse().unwrap()).as_deref(), Some("third"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(store.path()), 0o600);
        assert_eq!(mode(store.path().parent().unwrap()), 0o700);

        assert!(store.forget(&one).unwrap());
        assert_eq!((token(&store, &one), token(&store, &two).as_deref()), (None, Some("second")));
        assert_eq!(mode(store.path()), 0o600);
    }

    #[test]
    fn a_damaged_file_is_said_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = CredentialStore { path: folder.path().join("credentials.json") };
        fs::write(store.path(), "not json").unwrap();
        let url = "http://127.0.0.1:8001".parse().unwrap();
        assert!(matches!(store.keep(&url, login("x")), Err(CredentialError::Damaged { .. })));
        assert_eq!(fs::read_to_string(store.path()).unwrap(), "not json");
    }
}
