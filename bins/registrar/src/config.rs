//! Receives flags and the environment from `main` or `ogent up`, gives a checked configuration to `app`.

use std::path::PathBuf;
use std::time::Duration;

use ogent_broker::permissions::Role;
use ogent_broker::{BrokerArgs, ConnectOptions};

use crate::issue::Terms;
use crate::keys::{Keys, KeysError};

/// The name under which a registrar connects to the broker.
const CONNECTION_NAME: &str = "ogent-registrar";

/// What a registrar is started with.
#[derive(Debug, Clone, clap::Args)]
pub struct RegistrarArgs {
    /// Folder that `ogent init` has made for registrars: keys that sign, and credentials
    #[arg(long, env = "OGENT_REGISTRAR_DIR", default_value = "/etc/ogent/registrar", value_name = "DIR")]
    pub dir: PathBuf,
    /// Address of the NATS server; several with commas between them
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", value_name = "URL")]
    pub nats_url: String,
    /// Addresses of the NATS server as new machines reach it, where they are other ones; with commas between them
    #[arg(long, env = "OGENT_PUBLIC_NATS_URL", value_name = "URL")]
    pub public_nats_url: Option<String>,
    /// Seconds that an agent's credentials count; it renews them after two thirds of that
    #[arg(long, env = "OGENT_CREDENTIALS_TTL", default_value_t = 86_400, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(2..=2_592_000))]
    pub credentials_ttl: u64,
    /// Days after which an agent that was away so long has to be invited again
    #[arg(long, env = "OGENT_RETURN_DAYS", default_value_t = 90, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub return_days: u64,
}

/// What a registrar needs to know.
#[derive(Debug)]
pub struct RegistrarConfig {
    /// How to reach the broker.
    pub broker: ConnectOptions,
    /// The same for its accounts.
    pub system: ConnectOptions,
    pub(crate) keys: Keys,
    pub(crate) terms: Terms,
}

// === impl RegistrarArgs ===

impl RegistrarArgs {
    /// Reads the folder.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn into_config(self) -> Result<RegistrarConfig, KeysError> {
        let keys = Keys::load(&self.dir)?;
        let options = |creds: &str, role: &Role| {
            let broker = BrokerArgs {
                nats_url: self.nats_url.clone(),
                nats_nkey: None,
                nats_creds: Some(self.dir.join(creds)),
                nats_ca: keys.ca.as_ref().map(|_| self.dir.join("ca.pem")),
                nats_inbox_prefix: None,
                nats_api_prefix: None,
            };
            broker.into_options(CONNECTION_NAME, role)
        };
        let urls = self.public_nats_url.as_ref().unwrap_or(&self.nats_url);
        let terms = Terms {
            credentials: Duration::from_secs(self.credentials_ttl),
            come_back: Duration::from_secs(self.return_days * 24 * 60 * 60),
            urls: urls.split(',').map(|url| url.trim().to_owned()).collect(),
        };
        let (broker, system) = (options("registrar.creds", &Role::Registrar), options("system.creds", &Role::Claims));
        Ok(RegistrarConfig { broker, system, keys, terms })
    }
}
