//! Receives each part's configuration, gives the running part: gateway and analyst as tasks of this process, the agent as
//! a child.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio, id};
use std::time::Duration;

use anyhow::Context as _;
use ogent_analyst::{Analyst, AnalystConfig};
use ogent_broker::permissions::Role;
use ogent_gateway::{Gateway, GatewayConfig};
use ogent_protocol::rest::AgentStatus;
use ogent_protocol::{AgentId, PolicyMode};
use ogent_registrar::{Registrar, RegistrarConfig};
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

/// The gateway gives its last requests 10 s, the analyst its last records 5 s; a little more, and they are stuck.
const TASK_GRACE: Duration = Duration::from_secs(12);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The gateway, as a task of this process.
#[derive(Debug)]
pub(crate) struct GatewayTask {
    address: SocketAddr,
    task: Task,
}

/// The analyst, as a task of this process.
#[derive(Debug)]
pub(crate) struct AnalystTask(Task);

/// The registrar, as a task of this process.
#[derive(Debug)]
pub(crate) struct RegistrarTask(Task);

/// A part as a task of this process.
#[derive(Debug)]
struct Task {
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
    /// How far its policy reaches.
    pub(crate) policy: PolicyMode,
    /// The file with its policy, if there is one.
    pub(crate) policy_file: Option<PathBuf>,
}

// === impl GatewayTask ===

impl GatewayTask {
    /// Connects, listens and answers requests from now on.
    pub(crate) async fn start(config: GatewayConfig) -> anyhow::Result<Self> {
        let gateway = Gateway::build(config).await?;
        let address = gateway.address();
        Ok(Self { address, task: Task::start(|shutdown| gateway.run(shutdown)) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end, and says how it came.
    pub(crate) async fn ended(&mut self) -> String {
        self.task.ended().await
    }

    /// Lets it finish the requests under way.
    pub(crate) async fn stop(&mut self) {
        self.task.stop("the gateway").await;
    }
}

// === impl AnalystTask ===

impl AnalystTask {
    /// Connects and judges from now on.
    pub(crate) async fn start(config: AnalystConfig) -> anyhow::Result<Self> {
        let analyst = Analyst::build(config).await?;
        Ok(Self(Task::start(|shutdown| analyst.run(shutdown))))
    }

    /// Waits for its end, and says how it came.
    pub(crate) async fn ended(&mut self) -> String {
        self.0.ended().await
    }

    /// Lets it store what it has answered.
    pub(crate) async fn stop(&mut self) {
        self.0.stop("the analyst").await;
    }
}

// === impl RegistrarTask ===

impl RegistrarTask {
    /// Connects and lets machines in from now on.
    pub(crate) async fn start(config: RegistrarConfig) -> anyhow::Result<Self> {
        let registrar = Registrar::build(config).await?;
        Ok(Self(Task::start(|shutdown| registrar.run(shutdown))))
    }

    /// Waits for its end, and says how it came.
    pub(crate) async fn ended(&mut self) -> String {
        self.0.ended().await
    }

    /// Lets it answer what it has been asked.
    pub(crate) async fn stop(&mut self) {
        self.0.stop("the registrar").await;
    }
}

// === impl Task ===

impl Task {
    fn start<F>(part: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(part(shutdown.clone()));
        Self { shutdown, task: Some(task) }
    }

    async fn ended(&mut self) -> String {
        let Some(task) = &mut self.task else { return "ended".to_owned() };
        let outcome = task.await;
        self.task = None;
        match outcome {
            Ok(Ok(())) => "ended".to_owned(),
            Ok(Err(error)) => format!("ended: {error:#}"),
            Err(error) => format!("ended: {error}"),
        }
    }

    async fn stop(&mut self, name: &str) {
        self.shutdown.cancel();
        if timeout(TASK_GRACE, self.ended()).await.is_err() {
            tracing::warn!("{name} did not stop in time");
        }
    }
}

impl Drop for Task {
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
        command.args(access.agent_signing());
        command.args(self.labels.iter().flat_map(|label| [OsString::from("--label"), label.into()]));
        command.args(["--policy", self.policy.as_str()]);
        if let Some(file) = &self.policy_file {
            command.arg("--policy-file").arg(file);
        }
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
