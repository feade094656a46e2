//! Receives where the broker is and who one is there, gives what async-nats connects with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{CONNECT_TIMEOUT, ConnectError, ConnectionState, REQUEST_TIMEOUT, note, reconnect_delay};
use crate::accounts::{Account, JETSTREAM_API, LEDGER_API};
use crate::credentials::Creds;
use crate::permissions::{self, Role};

/// A dead connection is noticed after about three of these; async-nats' own default is 60 s.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Messages that wait in this process for one subscription. async-nats drops what comes on top and says so in an
/// event, which makes an agent catch up and a watch read again.
const SUBSCRIPTION_CAPACITY: usize = 16 * 1024;

/// Where the broker is, and who one is there.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// One address, or several with commas between them.
    pub url: String,
    /// Proof of who one is.
    pub credentials: Credentials,
    /// What the broker calls this connection in its own reports.
    pub name: String,
    /// First tokens of the subjects on which answers come; the role's permissions name the same.
    pub inbox_prefix: String,
    /// How requests to JetStream begin: `$JS.API`, or what an account calls it that takes JetStream from another.
    pub api_prefix: String,
    /// A file with the certificates of those who may sign the broker's; the system's own when absent.
    pub root_ca: Option<PathBuf>,
}

/// Proof of who one is.
#[derive(Clone)]
pub enum Credentials {
    /// None: only a broker without accounts takes that.
    None,
    /// A file with an nkey seed.
    Nkey(PathBuf),
    /// An nkey seed.
    NkeySeed(String),
    /// A `.creds` file with a JWT and a seed. It is read again for each connection: what was renewed counts from
    /// the next one on.
    Creds(PathBuf),
    /// The text of such a file.
    CredsText(String),
    /// A JWT that is enough alone.
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Nkey(path) => write!(f, "Nkey({})", path.display()),
            Self::NkeySeed(_) => f.write_str("NkeySeed(…)"),
            Self::Creds(path) => write!(f, "Creds({})", path.display()),
            Self::CredsText(_) => f.write_str("CredsText(…)"),
            Self::Bearer(_) => f.write_str("Bearer(…)"),
        }
    }
}

// === impl Credentials ===

impl Credentials {
    /// How requests to JetStream begin for who has these: with tokens, most roles have an account of their own, which
    /// takes JetStream from another one. Elsewhere a broker has one account for all.
    #[must_use]
    pub fn api_prefix(&self, role: &Role) -> &'static str {
        match (self, role.kind().account()) {
            (Self::None | Self::Nkey(_) | Self::NkeySeed(_), _) | (_, Account::Ogent) => JETSTREAM_API,
            (Self::Creds(_) | Self::CredsText(_) | Self::Bearer(_), _) => LEDGER_API,
        }
    }
}

/// The same as command-line flags and variables, with the names that the `nats` command line uses.
#[derive(Debug, Clone, clap::Args)]
pub struct BrokerArgs {
    /// Address of the NATS server; several with commas between them
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", value_name = "URL")]
    pub nats_url: String,
    /// File with the nkey seed to log in to NATS with
    #[arg(long, env = "NATS_NKEY", value_name = "FILE", conflicts_with = "nats_creds")]
    pub nats_nkey: Option<PathBuf>,
    /// File with the credentials (JWT and seed) to log in to NATS with
    #[arg(long, env = "NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// File with the certificates that may sign the NATS server's own
    #[arg(long, env = "NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// First tokens of the subjects on which answers come, where the credentials ask for other ones than usual
    #[arg(long, env = "NATS_INBOX_PREFIX", value_name = "PREFIX")]
    pub nats_inbox_prefix: Option<String>,
    /// How requests to JetStream begin, where the account takes JetStream from another one
    #[arg(long, env = "NATS_API_PREFIX", value_name = "PREFIX", hide = true)]
    pub nats_api_prefix: Option<String>,
}

// === impl BrokerArgs ===

impl BrokerArgs {
    /// What a part with this role connects with.
    #[must_use]
    pub fn into_options(self, name: &str, role: &Role) -> ConnectOptions {
        let credentials = match (self.nats_nkey, self.nats_creds) {
            (Some(path), _) => Credentials::Nkey(path),
            (None, Some(path)) => Credentials::Creds(path),
            (None, None) => Credentials::None,
        };
        let api_prefix = self.nats_api_prefix.unwrap_or_else(|| credentials.api_prefix(role).to_owned());
        ConnectOptions {
            url: self.nats_url,
            credentials,
            name: name.to_owned(),
            inbox_prefix: self.nats_inbox_prefix.unwrap_or_else(|| permissions::inbox_prefix(role)),
            api_prefix,
            root_ca: self.nats_ca,
        }
    }
}

pub(super) fn build(
    options: &ConnectOptions,
    state: watch::Sender<ConnectionState>,
) -> Result<async_nats::ConnectOptions, ConnectError> {
    let base = authenticate(&options.credentials)?
        .name(&options.name)
        .custom_inbox_prefix(&options.inbox_prefix)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .max_reconnects(None)
        .reconnect_delay_callback(reconnect_delay)
        .event_callback(move |event| {
            note(&state, &event);
            std::future::ready(())
        });
    let base = match &options.root_ca {
        Some(path) => base.add_root_certificates(path.clone()).require_tls(true),
        None => base,
    };
    // Not one byte in the clear: what a broker says before TLS, somebody on the way could have said.
    let is_first = super::servers(&options.url).iter().all(|url| url.starts_with("tls://"));
    Ok(if is_first { base.tls_first().require_tls(true) } else { base })
}

fn authenticate(credentials: &Credentials) -> Result<async_nats::ConnectOptions, ConnectError> {
    let base = async_nats::ConnectOptions::new();
    let file = |what, path: &PathBuf, source| ConnectError::File { what, path: path.clone(), source };
    match credentials {
        Credentials::None => Ok(base),
        Credentials::NkeySeed(seed) => Ok(base.nkey(seed.clone())),
        Credentials::Nkey(path) => {
            let seed = crate::keys::read_seed(path).map_err(|source| file("nkey file", path, source))?;
            Ok(base.nkey(seed))
        }
        Credentials::Creds(path) => {
            // What is wrong with it is said now, and not with each attempt to connect.
            Creds::load(path).map_err(|source| file("credentials file", path, source))?;
            let path = path.clone();
            Ok(async_nats::ConnectOptions::with_auth_callback(move |nonce| {
                let creds = Creds::load(&path);
                async move { sign(&creds.map_err(async_nats::AuthError::new)?, &nonce) }
            }))
        }
        Credentials::CredsText(text) => {
            let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
            let creds = Creds::parse(text).map_err(|error| file("credentials", &PathBuf::new(), invalid(error)))?;
            let creds = Arc::new(creds);
            Ok(async_nats::ConnectOptions::with_auth_callback(move |nonce| {
                let creds = creds.clone();
                async move { sign(&creds, &nonce) }
            }))
        }
        Credentials::Bearer(jwt) => {
            let jwt = jwt.clone();
            Ok(async_nats::ConnectOptions::with_auth_callback(move |_| {
                let mut auth = async_nats::Auth::new();
                auth.jwt = Some(jwt.clone());
                std::future::ready(Ok(auth))
            }))
        }
    }
}

fn sign(creds: &Creds, nonce: &[u8]) -> Result<async_nats::Auth, async_nats::AuthError> {
    let mut auth = async_nats::Auth::new();
    auth.signature = Some(creds.key.sign(nonce).map_err(async_nats::AuthError::new)?);
    auth.jwt = Some(creds.jwt.clone());
    Ok(auth)
}
