//! A nats-server of its own for a test, configured as `ogent up` does it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ogent_broker::keys::KeyPair;
use ogent_broker::permissions::{self, Role};
use ogent_broker::server_config::{ServerConfig, SyncInterval};
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, ConnectOptions, Credentials};
use ogent_protocol::AgentId;
use tempfile::TempDir;

use crate::{copy_folder, wait_until};

/// A running nats-server with the streams of Ogent. It ends with this value.
pub struct TestBroker {
    dir: TempDir,
    child: Option<Child>,
    seeds: HashMap<String, String>,
    port: u16,
}

/// Agents that a test broker knows.
const AGENTS: [&str; 4] = ["web-1", "web-2", "db-1", "loner"];

// === impl TestBroker ===

impl TestBroker {
    /// Starts one and makes the streams.
    pub async fn start() -> Self {
        Self::start_with(&TopologyOptions::default()).await
    }

    /// The same with other limits.
    pub async fn start_with(options: &TopologyOptions) -> Self {
        let mut broker = Self { dir: TempDir::new().unwrap(), child: None, seeds: HashMap::new(), port: 0 };
        broker.configure(-1);
        broker.spawn().await;
        // A restarted server must be found where it was.
        broker.configure(i32::from(broker.port));
        let setup = broker.connect(&Role::Setup).await;
        topology::ensure(&setup, options).await.unwrap();
        broker
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// What a part with this role connects with.
    pub fn options(&self, role: &Role) -> ConnectOptions {
        ConnectOptions {
            url: self.url(),
            credentials: Credentials::NkeySeed(self.seed(role).to_owned()),
            name: format!("test {role:?}"),
            inbox_prefix: permissions::inbox_prefix(role),
            root_ca: None,
        }
    }

    /// A connection with this role.
    pub async fn connect(&self, role: &Role) -> Broker {
        Broker::connect(self.options(role)).await.unwrap()
    }

    /// A bare connection with this role, for what only somebody else's client would do.
    pub async fn client(&self, role: &Role) -> async_nats::Client {
        async_nats::ConnectOptions::with_nkey(self.seed(role).to_owned())
            .custom_inbox_prefix(permissions::inbox_prefix(role))
            .connect(self.url())
            .await
            .unwrap()
    }

    /// What somebody with a connection of their own is answered who publishes this.
    pub async fn ask(&self, subject: &str, headers: &[(String, String)], payload: &[u8]) -> serde_json::Value {
        let client = self.client(&Role::Operator).await;
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.as_str(), value.as_str());
        }
        let answer = client.request_with_headers(subject.to_owned(), map, payload.to_vec().into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// The secret of a role, which the broker knows the public half of.
    pub fn seed(&self, role: &Role) -> &str {
        &self.seeds[&format!("{role:?}")]
    }

    /// Ends the server at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts the server again, with what it has stored.
    pub async fn restart(&mut self) {
        self.kill();
        self.spawn().await;
    }

    /// What the server has stored, as a copy. The server is ended for it, and has to be started again.
    pub fn back_up(&mut self) -> TempDir {
        self.kill();
        let copy = TempDir::new().unwrap();
        copy_folder(&self.dir.path().join("store"), copy.path()).unwrap();
        copy
    }

    /// Starts the server with what it had stored when the copy was made.
    pub async fn restore(&mut self, copy: &TempDir) {
        self.kill();
        let store = self.dir.path().join("store");
        std::fs::remove_dir_all(&store).unwrap();
        copy_folder(copy.path(), &store).unwrap();
        self.spawn().await;
    }

    fn configure(&mut self, port: i32) {
        let agents = AGENTS.map(|id| Role::Agent(id.parse::<AgentId>().unwrap()));
        let roles = [Role::Setup, Role::Gateway, Role::Analyst, Role::Operator].into_iter().chain(agents);
        let users = roles
            .map(|role| {
                let seed = self.seeds.entry(format!("{role:?}")).or_insert_with(|| KeyPair::generate().seed().unwrap());
                let public = KeyPair::from_seed(seed).unwrap().public();
                (role, public)
            })
            .collect();
        let config = ServerConfig {
            server_name: "test".to_owned(),
            listen: format!("127.0.0.1:{port}"),
            monitor: None,
            store_dir: self.dir.path().join("store"),
            ports_file_dir: Some(self.dir.path().to_owned()),
            pid_file: None,
            sync: SyncInterval::Every("2m".to_owned()),
            users,
        };
        std::fs::write(self.dir.path().join("nats.conf"), config.render()).unwrap();
    }

    async fn spawn(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("nats.log")).unwrap();
        let child = Command::new(nats_server())
            .arg("-c")
            .arg(self.dir.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let ports = self.dir.path().join(format!("nats-server_{}.ports", child.id()));
        self.child = Some(child);
        self.port = wait_until("the broker's ports", Duration::from_secs(20), async || port(&ports)).await;
        let options = self.options(&Role::Setup);
        wait_until("the broker", Duration::from_secs(20), async || Broker::connect(options.clone()).await.ok()).await;
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.dir.path().join("nats.log")).unwrap_or_default());
        }
    }
}

fn port(file: &Path) -> Option<u16> {
    let ports: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
}

/// The nats-server that tests use: `OGENT_NATS_SERVER`, or the one on `PATH`, or the one that `ogent nats install`
/// has put into the cache.
///
/// # Panics
/// When there is none: `make test` installs it.
pub fn nats_server() -> PathBuf {
    if let Some(path) = std::env::var_os("OGENT_NATS_SERVER") {
        return path.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    let cached = cache.join("ogent/nats-server/2.15.1/nats-server");
    on_path
        .chain([cached])
        .find(|path| path.is_file())
        .expect("no nats-server found: run `make test`, which installs it")
}
