//! Keys, configuration and streams of the brokers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ogent_broker::keys::KeyPair;
use ogent_broker::permissions::{self, Role};
use ogent_broker::server_config::{ServerConfig, SyncInterval};
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, ConnectOptions, Credentials};

/// How long brokers may take to come up and make their streams.
const COMING_UP: Duration = Duration::from_secs(40);

/// Who may connect, with the secret of each.
pub(super) struct Keys {
    roles: Vec<(Role, String)>,
    /// May do everything: reads the ledger afterwards, past all that is under test.
    pub(super) full: String,
}

/// Where each broker listens.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) clients: Vec<SocketAddr>,
    pub(super) routes: Vec<SocketAddr>,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(roles: impl IntoIterator<Item = Role>) -> std::io::Result<Self> {
        let roles = roles.into_iter().map(|role| Ok((role, KeyPair::generate().seed()?)));
        Ok(Self { roles: roles.collect::<std::io::Result<_>>()?, full: KeyPair::generate().seed()? })
    }

    pub(super) fn seed(&self, role: &Role) -> &str {
        let found = self.roles.iter().find(|(other, _)| other == role);
        found.map(|(_, seed)| seed.as_str()).expect("every role on the stage has a key")
    }

    fn public(&self) -> std::io::Result<Vec<(Role, String)>> {
        self.roles.iter().map(|(role, seed)| Ok((role.clone(), KeyPair::from_seed(seed)?.public()))).collect()
    }
}

/// Writes the configuration of one broker; gives its file.
pub(super) fn configure(
    number: usize,
    dir: &Path,
    store_dir: PathBuf,
    keys: &Keys,
    addresses: &Addresses,
) -> anyhow::Result<PathBuf> {
    let config = ServerConfig {
        server_name: format!("broker-{number}"),
        listen: addresses.clients[number].to_string(),
        monitor: None,
        store_dir,
        ports_file_dir: None,
        pid_file: None,
        sync: SyncInterval::Always,
        users: keys.public()?,
    };
    let full = KeyPair::from_seed(&keys.full)?.public();
    let users = "    users: [";
    let mut text = config.render().replacen(users, &format!("{users}\n      {{nkey: {full}}}"), 1);
    if addresses.clients.len() > 1 {
        let routes: Vec<String> = addresses.routes.iter().map(|route| format!("\"nats://{route}\"")).collect();
        let _ = writeln!(text, "\ncluster: {{\n  name: chaos\n  listen: \"{}\"", addresses.routes[number]);
        // Parts must not learn of a way around their proxies.
        let _ = writeln!(text, "  no_advertise: true\n  routes: [{}]\n}}", routes.join(", "));
    }
    let path = dir.join(format!("broker-{number}.conf"));
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Waits for the brokers and makes the streams.
pub(super) async fn set_up(url: &str, keys: &Keys, replicas: usize) -> anyhow::Result<()> {
    let options = ConnectOptions {
        url: url.to_owned(),
        credentials: Credentials::NkeySeed(keys.seed(&Role::Setup).to_owned()),
        name: "chaos setup".to_owned(),
        inbox_prefix: permissions::inbox_prefix(&Role::Setup),
        root_ca: None,
    };
    let deadline = Instant::now() + COMING_UP;
    loop {
        let done = async {
            let broker = Broker::connect(options.clone()).await?;
            topology::ensure(&broker, &TopologyOptions { replicas, ..TopologyOptions::default() }).await?;
            anyhow::Ok(())
        };
        match done.await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error).context("the brokers do not come up"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broker_is_alone_and_three_know_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::new([Role::Setup, Role::Gateway]).unwrap();
        let text = |nodes: u16| {
            let addresses = |from: u16| (0..nodes).map(|n| SocketAddr::from(([127, 0, 0, 1], from + n))).collect();
            let addresses = Addresses { clients: addresses(1_000), routes: addresses(2_000) };
            let path = configure(0, dir.path(), dir.path().join("store"), &keys, &addresses).unwrap();
            std::fs::read_to_string(path).unwrap()
        };
        let full = KeyPair::from_seed(&keys.full).unwrap().public();
        assert!(text(1).contains(&format!("{{nkey: {full}}}")), "somebody may read everything afterwards");
        assert!(!text(1).contains("cluster") && text(1).contains("sync_interval: \"always\""));
        assert!(text(3).contains("no_advertise: true") && text(3).contains("nats://127.0.0.1:2002"));
    }
}
