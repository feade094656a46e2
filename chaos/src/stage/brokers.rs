//! Keys, configuration and streams of the brokers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use ogent_broker::accounts::{Account, JETSTREAM_API};
use ogent_broker::credentials::account::{self, SigningKey};
use ogent_broker::credentials::{Authority, Claims, Creds, Key, KeyKind, jwt};
use ogent_broker::permissions::{self, Role};
use ogent_broker::server_config::{Identities, ServerConfig, SyncInterval};
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, ConnectOptions, Credentials};
use serde_json::json;

/// How long brokers may take to come up and make their streams.
const COMING_UP: Duration = Duration::from_secs(40);

/// Who may connect, with the credentials of each.
pub(super) struct Keys {
    roles: Vec<(Role, String)>,
    /// May do everything: hears what agents hear, and reads the ledger afterwards.
    pub(super) full: String,
    /// Issued once, the same for all brokers.
    identities: Identities,
}

/// Where each broker listens.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) clients: Vec<SocketAddr>,
    pub(super) routes: Vec<SocketAddr>,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(roles: impl IntoIterator<Item = Role>) -> anyhow::Result<Self> {
        let (authority, now) = (Authority::generate(), Timestamp::now());
        let creds = |role: &Role| {
            let name = role.name().parse()?;
            anyhow::Ok(authority.creds(role.kind(), &name, now)?.render()?)
        };
        let roles = roles.into_iter().map(|role| creds(&role).map(|creds| (role, creds)));
        let roles = roles.collect::<anyhow::Result<_>>()?;
        let mut identities = authority.identities(PathBuf::new(), now)?;
        let (full, token) = everything(&authority, now)?;
        let ogent = authority.account(Account::Ogent);
        for (account, old) in &mut identities.accounts {
            if *account == ogent {
                old.clone_from(&token);
            }
        }
        Ok(Self { roles, full, identities })
    }

    pub(super) fn creds(&self, role: &Role) -> &str {
        let found = self.roles.iter().find(|(other, _)| other == role);
        found.map(|(_, creds)| creds.as_str()).expect("every role on the stage has credentials")
    }

    /// Each broker keeps its own copy of the tokens of accounts.
    fn identities(&self, store_dir: &Path) -> Identities {
        Identities { resolver_dir: store_dir.join("accounts"), ..self.identities.clone() }
    }
}

/// Somebody with every right in the account of the streams, which no role has; and the account that lets them in.
fn everything(authority: &Authority, now: Timestamp) -> anyhow::Result<(String, String)> {
    let (issuer, key) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::User));
    let ogent = authority.account(Account::Ogent);
    let mut account = authority.claims(Account::Ogent, BTreeMap::new());
    account.signing_keys.push(SigningKey::Plain(issuer.public()));
    let token = account::issue(authority.signing_key(), ogent.clone(), Account::Ogent.name(), account, now)?;
    let nats = json!({"issuer_account": ogent, "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
    let jwt = jwt::encode(&issuer, Claims::new(issuer.public(), key.public(), "chaos", now, nats))?;
    Ok((Creds { jwt, key }.render()?, token))
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
        identities: keys.identities(&store_dir),
        store_dir,
        ports_file_dir: None,
        pid_file: None,
        sync: SyncInterval::Always,
        tls: None,
    };
    let mut text = config.render();
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
        credentials: Credentials::CredsText(keys.creds(&Role::Setup).to_owned()),
        api_prefix: JETSTREAM_API.to_owned(),
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
        assert!(text(1).contains("resolver_preload") && text(1).contains(&keys.identities.operator));
        assert!(!text(1).contains("cluster") && text(1).contains("sync_interval: \"always\""));
        assert!(text(3).contains("no_advertise: true") && text(3).contains("nats://127.0.0.1:2002"));
    }
}
