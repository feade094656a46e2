//! Receives where the broker is and who one is there, gives what async-nats connects with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::{CONNECT_TIMEOUT, ConnectError, ConnectionState, REQUEST_TIMEOUT, note, reconnect_delay};

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
    /// A `.creds` file with a JWT and a seed.
    Creds(PathBuf),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Nkey(path) => write!(f, "Nkey({})", path.display()),
            Self::NkeySeed(_) => f.write_str("NkeySeed(…)"),
            Self::Creds(path) => write!(f, "Creds({})", path.display()),
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
}

// === impl BrokerArgs ===

impl BrokerArgs {
    /// What to connect with; `inbox_prefix` where the person names none.
    #[must_use]
    pub fn into_options(self, name: &str, inbox_prefix: &str) -> ConnectOptions {
        let credentials = match (self.nats_nkey, self.nats_creds) {
            (Some(path), _) => Credentials::Nkey(path),
            (None, Some(path)) => Credentials::Creds(path),
            (None, None) => Credentials::None,
        };
        ConnectOptions {
            url: self.nats_url,
            credentials,
            name: name.to_owned(),
            inbox_prefix: self.nats_inbox_prefix.unwrap_or_else(|| inbox_prefix.to_owned()),
            root_ca: self.nats_ca,
        }
    }
}

pub(super) fn build(
    options: &ConnectOptions,
    state: watch::Sender<ConnectionState>,
) -> Result<async_nats::ConnectOptions, ConnectError> {
    let base = async_nats::ConnectOptions::new()
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
    authenticate(base, &options.credentials)
}

fn authenticate(
    base: async_nats::ConnectOptions,
    credentials: &Credentials,
) -> Result<async_nats::ConnectOptions, ConnectError> {
    let file = |what, path: &PathBuf, source| ConnectError::File { what, path: path.clone(), source };
    match credentials {
        Credentials::None => Ok(base),
        Credentials::NkeySeed(seed) => Ok(base.nkey(seed.clone())),
        Credentials::Nkey(path) => {
            let seed = crate::keys::read_seed(path).map_err(|source| file("nkey file", path, source))?;
            Ok(base.nkey(seed))
        }
        Credentials::Creds(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| file("credentials file", path, source))?;
            base.credentials(&text).map_err(|source| file("credentials file", path, source))
        }
    }
}
