//! Receives each part's configuration, gives the running part: the gateway as a task of this process, the agent as a
//! child.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::{Command, Stdio, id};
use std::time::Duration;

use anyhow::Context as _;
use ogent_broker::permissions::Role;
use ogent_gateway::{Gateway, GatewayConfig};
use ogent_protocol::AgentId;
use ogent_protocol::rest::AgentStatus;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::child::Child;
use super::data_dir::DataDir;
use super::ready::log_end;
use crate::client::Client;

/// The file in the data folder that the agent writes its log to.
pub(crate) const AGENT_LOG: &str = "agent.log";

/// The agent's own folder. Its path stands in the agent's command line, and in no other.
pub(crate) const AGENT_STATE: &str = "agent";

/// The gateway gives its last requests 10 s; a little more, and it is stuck.
const GATEWAY_GRACE: Duration = Duration::from_secs(12);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The gateway, as a task of this process.
#[derive(Debug)]
pub(crate) struct GatewayTask {
    address: SocketAddr,
    shutdown: CancellationToken,
    /// Empty once its end has been seen.
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

/// The agent to be started.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    /// Its id.
    pub(crate) id: AgentId,
    /// What it is known by, as `key=value`.
    pub(crate) labels: Vec<String>,
}

// === impl GatewayTask ===

impl GatewayTask {
    /// Connects, listens and answers requests from now on.
    pub(crate) async fn start(config: GatewayConfig) -> anyhow::Result<Self> {
        let gateway = Gateway::build(config).await?;
        let address = gateway.address();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(gateway.run(shutdown.clone()));
        Ok(Self { address, shutdown, task: Some(task) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end, and says how it came.
    pub(crate) async fn ended(&mut self) -> String {
        let Some(task) = &mut self.task else { return "ended".to_owned() };
        let outcome = task.await;
        self.task = None;
        match outcome {
            Ok(Ok(())) => "ended".to_owned(),
            Ok(Err(error)) => format!("ended: {error:#}"),
            Err(error) => format!("ended: {error}"),
        }
    }

    /// Lets it finish the requests under way.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        if timeout(GATEWAY_GRACE, self.ended()).await.is_err() {
            tracing::warn!("the gateway did not stop in time");
        }
    }
}

impl Drop for GatewayTask {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}

// === impl Agent ===

impl Agent {
    /// Starts it as a process of its own, because its commands must not weigh on the gateway, and the other way round.
    pub(crate) fn spawn(&self, data: &DataDir, access: &Access) -> anyhow::Result<Child> {
        let state = data.folder(AGENT_STATE)?;
        let log = data.log(AGENT_LOG)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["run-agent", "--die-with-parent"]).arg(id().to_string());
        command.args(["--id", self.id.as_str()]).arg("--state-dir").arg(state);
        command.args(access.flags(&Role::Agent(self.id.clone())));
        command.args(self.labels.iter().flat_map(|label| [OsString::from("--label"), label.into()]));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Child::part(&mut command).context("the agent cannot be started")
    }

    /// Waits until the gateway shows it as online: then everybody can use it.
    pub(crate) async fn online(&self, data: &DataDir, child: &mut Child, client: &Client) -> anyhow::Result<()> {
        loop {
            // Unknown is what it is until it has said who it is.
            if client.agent(&self.id).await.is_ok_and(|agent| agent.status == AgentStatus::Online) {
                return Ok(());
            }
            if let Some(status) = child.ended() {
                anyhow::bail!("the agent ended ({status}){}", log_end(&data.join(AGENT_LOG)));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
