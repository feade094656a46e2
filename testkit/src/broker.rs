//! A nats-server of its own for a test, configured as `ogent up` and `ogent init` do it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::credentials::Authority;
use ogent_broker::permissions::{self, Role};
use ogent_broker::server_config::{Identities, ServerConfig, SyncInterval, TlsPaths};
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, ConnectOptions, Credentials};
use tempfile::TempDir;

use crate::{copy_folder, wait_until};

/// A running nats-server with the streams of Ogent. It ends with this value.
pub struct TestBroker {
    dir: TempDir,
    child: Option<Child>,
    authority: Authority,
    /// Issued once: a server whose operator's token changes has to be restarted.
    identities: Identities,
    /// What each role connects with, once it was asked for.
    creds: Mutex<HashMap<Role, String>>,
    /// Its certificate, and the one that its clients trust.
    tls: Option<(TlsPaths, PathBuf)>,
    port: u16,
}

// === impl TestBroker ===

impl TestBroker {
    /// Starts one and makes the streams.
    pub async fn start() -> Self {
        Self::start_with(&TopologyOptions::default()).await
    }

    /// The same with other limits.
    pub async fn start_with(options: &TopologyOptions) -> Self {
        let broker = Self::without_streams().await;
        let setup = broker.connect(&Role::Setup).await;
        topology::ensure(&setup, options).await.unwrap();
        broker
    }

    /// One in which nothing is set up.
    pub async fn without_streams() -> Self {
        Self::launch(None).await
    }

    async fn launch(tls: Option<(TlsPaths, PathBuf)>) -> Self {
        let (dir, authority) = (TempDir::new().unwrap(), Authority::generate());
        let mut broker = Self {
            identities: authority.identities(dir.path().join("accounts"), Timestamp::now()).unwrap(),
            dir,
            child: None,
            authority,
            creds: Mutex::default(),
            tls,
            port: 0,
        };
        broker.configure(-1);
        broker.spawn().await;
        // A restarted server must be found where it was.
        broker.configure(i32::from(broker.port));
        broker
    }

    /// One that speaks TLS from the first byte on, with the certificate in these files, and without streams.
    pub async fn with_tls(tls: TlsPaths, ca: &Path) -> Self {
        Self::launch(Some((tls, ca.to_owned()))).await
    }

    /// Has the server read its configuration again.
    pub fn reload(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.as_ref().unwrap().id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "tls" } else { "nats" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What a part with this role connects with.
    pub fn options(&self, role: &Role) -> ConnectOptions {
        let credentials = Credentials::CredsText(self.creds(role));
        ConnectOptions {
            url: self.url(),
            name: format!("test {role:?}"),
            inbox_prefix: permissions::inbox_prefix(role),
            api_prefix: credentials.api_prefix(role).to_owned(),
            credentials,
            root_ca: self.tls.as_ref().map(|(_, ca)| ca.clone()),
        }
    }

    /// A connection with this role.
    pub async fn connect(&self, role: &Role) -> Broker {
        Broker::connect(self.options(role)).await.unwrap()
    }

    /// A bare connection with this role, for what only somebody else's client would do.
    pub async fn client(&self, role: &Role) -> async_nats::Client {
        self.client_options(role).connect(self.url()).await.unwrap()
    }

    /// The same before it connects.
    pub fn client_options(&self, role: &Role) -> async_nats::ConnectOptions {
        async_nats::ConnectOptions::with_credentials(&self.creds(role))
            .unwrap()
            .custom_inbox_prefix(permissions::inbox_prefix(role))
    }

    /// What a role connects with: the text of a `.creds` file, always the same one.
    pub fn creds(&self, role: &Role) -> String {
        let issue = || {
            let name = role.name().parse().unwrap();
            self.authority.creds(role.kind(), &name, Timestamp::now()).unwrap().render().unwrap()
        };
        self.creds.lock().unwrap().entry(role.clone()).or_insert_with(issue).clone()
    }

    /// The keys that vouch for all who connect.
    pub fn authority(&self) -> &Authority {
        &self.authority
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

    fn configure(&self, port: i32) {
        let config = ServerConfig {
            server_name: "test".to_owned(),
            listen: format!("127.0.0.1:{port}"),
            monitor: None,
            store_dir: self.dir.path().join("store"),
            ports_file_dir: Some(self.dir.path().to_owned()),
            pid_file: None,
            sync: SyncInterval::Every("2m".to_owned()),
            identities: self.identities.clone(),
            tls: self.tls.as_ref().map(|(files, _)| files.clone()),
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
