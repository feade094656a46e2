//! Receives the configuration, gives who this agent is: its id, its key, and the lock that makes it the only one.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ogent_broker::keys::KeyPair;
use ogent_broker::permissions::Role;
use ogent_broker::{ConnectOptions, Credentials};
use ogent_protocol::AgentId;
use rand::Rng as _;
use rand::distr::Alphanumeric;

use crate::config::AgentConfig;
use crate::enrolment::Enrolled;
use crate::enrolment::files;
use crate::facts;

/// Who this agent is.
#[derive(Debug)]
pub struct Identity {
    /// Its id.
    pub id: AgentId,
    /// Its public nkey, which the broker has to know; `None` with a credentials file.
    pub public_key: Option<String>,
    /// Names this process: tells its claims from those of an earlier life or of a clone.
    pub instance: String,
    /// Names the machine, without telling its real machine id.
    pub machine: String,
    /// What to connect with.
    pub broker: ConnectOptions,
    /// What it has from joining, where it has joined.
    pub enrolled: Option<Enrolled>,
    /// Held as long as this agent lives.
    _lock: File,
}

/// Why an agent has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Another process has the state folder.
    #[error("another agent (process {holder}) uses {path}; give this one its own --state-dir")]
    InUse {
        /// The state folder.
        path: PathBuf,
        /// Its process id, or `?`.
        holder: String,
    },
    /// The state folder or a file in it cannot be used.
    #[error("{path} cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// With a credentials file, the id has to be given.
    #[error("with --nats-creds, give the agent's id with --id")]
    NoId,
    /// The agent has joined under another name.
    #[error("this agent has joined as {joined}: leave --id out, or join again with 'ogent-agent join --new-keys'")]
    OtherId {
        /// The name.
        joined: AgentId,
    },
    /// The public key is not one.
    #[error("no id can be made from the public key {0}")]
    BadKey(String),
}

// === impl Identity ===

impl Identity {
    /// Takes the lock, reads or makes the key, works out the id.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn establish(config: &AgentConfig) -> Result<Self, IdentityError> {
        let dir = &config.state_dir;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| IdentityError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io(dir))?;
        let lock = lock(dir)?;
        let mut args = config.broker.clone();
        let mut public_key = None;
        let enrolled = Enrolled::load(dir).map_err(io(&dir.join(files::ENROLLED)))?;
        // Whoever names other credentials means them.
        let enrolled = enrolled.filter(|_| args.nats_creds.is_none() && args.nats_nkey.is_none());
        if let Some(enrolled) = &enrolled {
            if config.id.as_ref().is_some_and(|id| *id != enrolled.id) {
                return Err(IdentityError::OtherId { joined: enrolled.id.clone() });
            }
            args.nats_url = enrolled.urls.join(",");
            args.nats_creds = Some(dir.join(files::CREDS));
            args.nats_ca = Some(dir.join(files::CA)).filter(|path| path.exists());
        }
        if args.nats_creds.is_none() {
            let path = args.nats_nkey.clone().unwrap_or_else(|| dir.join("agent.nk"));
            public_key = Some(KeyPair::load_or_create(&path).map_err(io(&path))?.public());
            args.nats_nkey = Some(path);
        }
        let id = match (enrolled.as_ref().map(|one| &one.id).or(config.id.as_ref()), &public_key) {
            (Some(id), _) => id.clone(),
            (None, Some(key)) => AgentId::from_public_key(key).map_err(|_| IdentityError::BadKey(key.clone()))?,
            (None, None) => return Err(IdentityError::NoId),
        };
        let mut broker = args.into_options(&format!("ogent agent {id}"), &Role::Agent(id.clone()));
        // An address with a name and a password says who one is; the key then only names the agent.
        if broker.url.contains('@') {
            broker.credentials = Credentials::None;
        }
        Ok(Self { id, public_key, instance: instance(), machine: facts::machine(), broker, enrolled, _lock: lock })
    }
}

/// A lock of the operating system: it goes with the process, however that ends.
pub(crate) fn lock(dir: &Path) -> Result<File, IdentityError> {
    let path = dir.join("lock");
    let io = |source| IdentityError::Io { path: path.clone(), source };
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = if holder.trim().is_empty() { "?".to_owned() } else { holder.trim().to_owned() };
            return Err(IdentityError::InUse { path: dir.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io)?;
    Ok(file)
}

fn instance() -> String {
    rand::rng().sample_iter(Alphanumeric).take(16).map(char::from).collect()
}
