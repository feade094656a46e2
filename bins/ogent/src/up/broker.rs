//! Receives a nats-server program and who may connect, gives a running broker with the streams and buckets in it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use ogent_broker::permissions::Role;
use ogent_broker::server_config::{ServerConfig, SyncInterval};
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, ConnectError};
use serde::Deserialize;
use tokio::time::sleep;

use super::access::Access;
use super::child::Child;
use super::data_dir::DataDir;
use super::identities::{Identities, STORE};
use super::ready::log_end;
use crate::output::report::Hinted;

/// The file in the data folder that nats-server writes its log to.
pub(crate) const LOG: &str = "nats.log";

/// The server's configuration. Its path stands in the server's command line, and in no other.
pub(crate) const CONFIG: &str = "nats.conf";

/// Folder in which the server writes down the ports that it took.
const PORTS: &str = "ports";

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A nats-server to be started.
#[derive(Debug)]
pub(crate) struct Server {
    /// The program.
    pub(crate) program: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// When an acknowledged message is safe.
    pub(crate) sync: SyncInterval,
}

/// What nats-server writes when it listens.
#[derive(Debug, Deserialize)]
struct Ports {
    nats: Vec<String>,
}

// === impl Server ===

impl Server {
    /// Starts the program. It is not ready yet: [`Server::url`] waits for that.
    pub(crate) fn spawn(&self, data: &DataDir, identities: &Identities) -> anyhow::Result<Child> {
        let ports = data.folder(PORTS)?;
        // What a killed server left would be taken for the new one's if its process id came again.
        fs::remove_dir_all(&ports)?;
        let config = self.config(data, data.folder(PORTS)?, identities)?;
        let config = data.write(CONFIG, &config.render())?;
        self.check(&config)?;
        let log = data.log(LOG)?;
        // Between this process and the server stands for a moment our own program, which binds the server's life to
        // this one's and then becomes the server.
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["launch", "--die-with-parent"]).arg(id().to_string()).arg("--");
        command.arg(&self.program).arg("-c").arg(&config);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Child::part(&mut command).with_context(|| format!("{} cannot be started", self.program.display()))
    }

    fn config(&self, data: &DataDir, ports: PathBuf, identities: &Identities) -> anyhow::Result<ServerConfig> {
        let port = if self.listen.port() == 0 { "-1".to_owned() } else { self.listen.port().to_string() };
        Ok(ServerConfig {
            server_name: "ogent-up".to_owned(),
            listen: format!("{}:{port}", bracketed(self.listen.ip())),
            monitor: None,
            store_dir: data.folder(STORE)?,
            ports_file_dir: Some(ports),
            pid_file: None,
            sync: self.sync.clone(),
            identities: identities.vouchers.clone(),
            // It is on the loopback, unless somebody says otherwise and is warned.
            tls: None,
        })
    }

    /// The server checks its configuration itself, before it opens anything.
    fn check(&self, config: &Path) -> anyhow::Result<()> {
        let output = Command::new(&self.program).arg("-t").arg("-c").arg(config).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("{} cannot be started", self.program.display()))?;
        if !output.status.success() {
            bail!("nats-server refuses {}: {}", config.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Waits until the server listens, and gives the address to reach it at from this machine.
    pub(crate) async fn url(&self, data: &DataDir, child: &mut Child) -> anyhow::Result<String> {
        loop {
            if let Some(port) = listening_port(&data.join(PORTS), child.pid()) {
                return Ok(format!("nats://{}:{port}", bracketed(reachable(self.listen.ip()))));
            }
            if let Some(status) = child.ended() {
                return Err(anyhow!("nats-server ended ({status}){}", log_end(&data.join(LOG))));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Makes the streams and buckets. With a server of somebody else they may be there, made by one who may.
pub(crate) async fn prepare(access: &Access) -> anyhow::Result<()> {
    let broker = Broker::connect(access.options(&Role::Setup)).await.map_err(|error| explain(error, access))?;
    let is_prepared = !access.is_own() && topology::check(&broker).await.is_ok();
    if !is_prepared {
        topology::ensure(&broker, &TopologyOptions::default()).await?;
    }
    broker.drain().await;
    Ok(())
}

fn explain(error: ConnectError, access: &Access) -> anyhow::Error {
    match error {
        ConnectError::Refused { .. } if !access.is_own() => {
            Hinted::new(error, "--nats-nkey or --nats-creds says who you are at that server").into()
        }
        _ => error.into(),
    }
}

/// The port in the file that the server of this process id has written, once it is there and whole.
fn listening_port(folder: &Path, pid: u32) -> Option<u16> {
    let suffix = format!("_{pid}.ports");
    let mut files = fs::read_dir(folder).ok()?.flatten();
    let file = files.find(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))?;
    let ports: Ports = serde_json::from_str(&fs::read_to_string(file.path()).ok()?).ok()?;
    ports.nats.first()?.rsplit_once(':')?.1.parse().ok()
}

/// An address to connect to, where the server listens on all of them.
pub(crate) fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => ip,
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_file_of_that_process_only() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(listening_port(folder.path(), 17), None);
        write("nats-server_16.ports", r#"{"nats":["nats://127.0.0.1:1"]}"#);
        write("nats-server_17.ports", r#"{"nats":["nats://127"#);
        assert_eq!(listening_port(folder.path(), 17), None);
        write("nats-server_17.ports", r#"{"nats":["nats://127.0.0.1:35611"],"monitoring":[]}"#);
        assert_eq!(listening_port(folder.path(), 17), Some(35611));
    }

    #[test]
    fn a_server_on_all_addresses_is_reached_on_the_loopback() {
        assert_eq!(bracketed(reachable("0.0.0.0".parse().unwrap())), "127.0.0.1");
        assert_eq!(bracketed(reachable("::".parse().unwrap())), "[::1]");
        assert_eq!(bracketed(reachable("192.168.1.7".parse().unwrap())), "192.168.1.7");
    }
}
