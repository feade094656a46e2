//! Receives what a registrar grants, keeps it in the state folder; and says what is there.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ogent_broker::credentials::{
    Certificate, Claims, Creds, JwtError, Key, KeyKind, SignerFile, SignerRole, Trust, UserClaims, jwt,
};
use ogent_protocol::AgentId;
use ogent_protocol::enroll::Grant;
use serde::{Deserialize, Serialize};

/// The seed of the key that connects.
pub(crate) const KEY: &str = "agent.nk";
/// The seed of the key that signs.
pub(crate) const SIGNER_KEY: &str = "signer.nk";
/// What the agent connects with.
pub(crate) const CREDS: &str = "agent.creds";
/// What it signs with.
pub(crate) const SIGNER: &str = "agent.sign";
/// By which it may come back after its credentials have ended.
pub(crate) const RETURN: &str = "return.jwt";
/// Whose signatures count.
pub(crate) const TRUST: &str = "trust.json";
/// Who may sign the broker's certificate.
pub(crate) const CA: &str = "ca.pem";
/// The rest; written last, so that it says that all is there.
pub(crate) const ENROLLED: &str = "enrolled.json";

/// Who the agent is since it has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Its id.
    pub id: AgentId,
    /// How many keys the id has had.
    pub generation: u32,
    /// Where the broker is.
    pub urls: Vec<String>,
    /// What it is chosen by, whatever its own configuration says.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When its credentials were given to it.
    pub issued_at: Timestamp,
    /// When they end.
    pub expires_at: Timestamp,
}

/// The agent's own keys. They never leave the folder.
pub(crate) struct Keys {
    pub(crate) key: Key,
    pub(crate) signer: Key,
}

/// Why what was granted cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// It is about somebody else.
    #[error("the registrar's answer is about another {0}")]
    Other(&'static str),
    /// A token in it is none.
    #[error("a token in the registrar's answer cannot be used")]
    Token(#[from] JwtError),
    /// The folder cannot be used.
    #[error("{path} cannot be written")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

// === impl Enrolled ===

impl Enrolled {
    /// Who the agent with this state folder is; `None` when it has never joined.
    ///
    /// # Errors
    /// When the file is there and cannot be used.
    pub fn load(dir: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(dir.join(ENROLLED)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

// === impl Keys ===

impl Keys {
    /// Those of the folder; new ones where it has none.
    pub(crate) fn load_or_create(dir: &Path) -> io::Result<Self> {
        let key = |name: &str| {
            let path = dir.join(name);
            Key::load_or_create(KeyKind::User, &path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Self { key: key(KEY)?, signer: key(SIGNER_KEY)? })
    }

    /// Puts the keys of an earlier identity aside, so that new ones are made.
    pub(crate) fn retire(dir: &Path) -> io::Result<()> {
        for name in [ENROLLED, CREDS, SIGNER, RETURN, KEY, SIGNER_KEY] {
            match fs::remove_file(dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Keeps what was granted at the first time: with whom to trust, and where the broker is.
pub(crate) fn settle_in(dir: &Path, grant: Grant, urls: Vec<String>, keys: Keys) -> Result<Enrolled, KeepError> {
    let text = grant.trust.to_string();
    let path = dir.join(TRUST);
    let trust = Trust::parse(&text).map_err(|source| KeepError::Io { path: path.clone(), source })?;
    let certificate = check(&grant, &keys, &trust)?;
    trust.save(&path).map_err(|source| KeepError::Io { path, source })?;
    keep(dir, grant, urls, SignerFile { certificate, key: keys.signer }, keys.key)
}

/// Keeps what was granted later. Whom to trust stays as it was: a broker that answers in a registrar's place
/// must not be able to change it.
pub(crate) fn refresh(dir: &Path, grant: Grant, urls: Vec<String>, keys: Keys) -> Result<Enrolled, KeepError> {
    let path = dir.join(TRUST);
    let trust = Trust::load(&path).map_err(|source| KeepError::Io { path, source })?;
    let certificate = check(&grant, &keys, &trust)?;
    keep(dir, grant, urls, SignerFile { certificate, key: keys.signer }, keys.key)
}

/// Whether all of it is about this agent's keys, and from those who may say so.
fn check(grant: &Grant, keys: &Keys, trust: &Trust) -> Result<Certificate, KeepError> {
    let user: Claims<UserClaims> = jwt::decode(&grant.jwt, trust.certifiers(SignerRole::Agent))?;
    if user.sub != keys.key.public() || user.name != grant.id.as_str() {
        return Err(KeepError::Other("agent"));
    }
    let certificate = Certificate::verify(&grant.certificate, trust, Timestamp::now())?;
    let is_own = *certificate.key() == keys.signer.public() && certificate.role() == SignerRole::Agent;
    if !is_own || certificate.name().as_str() != grant.id.as_str() {
        return Err(KeepError::Other("signer"));
    }
    Ok(certificate)
}

fn keep(dir: &Path, grant: Grant, urls: Vec<String>, signer: SignerFile, key: Key) -> Result<Enrolled, KeepError> {
    let io = |name: &str| {
        let path = dir.join(name);
        move |source| KeepError::Io { path, source }
    };
    let enrolled = Enrolled {
        id: grant.id,
        generation: grant.generation,
        urls,
        labels: grant.labels,
        issued_at: Timestamp::now(),
        expires_at: grant.expires_at,
    };
    let text = serde_json::to_vec_pretty(&enrolled).map_err(|error| io(ENROLLED)(io::Error::other(error)))?;
    Creds { jwt: grant.jwt, key }.save(&dir.join(CREDS)).map_err(io(CREDS))?;
    signer.save(&dir.join(SIGNER)).map_err(io(SIGNER))?;
    replace(&dir.join(RETURN), 0o600, grant.return_jwt.as_bytes()).map_err(io(RETURN))?;
    replace(&dir.join(ENROLLED), 0o600, &text).map_err(io(ENROLLED))?;
    Ok(enrolled)
}

/// Puts a file in the place of what is there, at once.
pub(crate) fn replace(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
