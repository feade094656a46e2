//! An agent in this process.

use std::time::Duration;

use ogent_agent::{Agent, AgentConfig};
use ogent_broker::BrokerArgs;
use ogent_broker::permissions::Role;
use ogent_protocol::{AgentId, PolicyMode};
use ogent_risk::Policy;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TestBroker;

/// A running agent. It is aborted with this value; [`TestAgent::stop`] stops it in order.
pub struct TestAgent {
    /// Its id.
    pub id: AgentId,
    shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

// === impl TestAgent ===

impl TestAgent {
    /// Starts the agent with this id, one of those that the test broker knows.
    pub async fn start(broker: &TestBroker, id: &str) -> Self {
        Self::start_with(broker, id, |_| {}).await
    }

    /// The same, with another configuration.
    pub async fn start_with(broker: &TestBroker, id: &str, change: impl FnOnce(&mut AgentConfig)) -> Self {
        let id: AgentId = id.parse().unwrap();
        let dir = TempDir::new().unwrap();
        let creds = dir.path().join("agent.creds");
        std::fs::write(&creds, broker.creds(&Role::Agent(id.clone()))).unwrap();
        let mut config = AgentConfig {
            id: Some(id.clone()),
            state_dir: dir.path().to_owned(),
            labels: [("role".to_owned(), "test".to_owned())].into(),
            max_concurrent: 16,
            kill_grace: Duration::from_millis(300),
            drain: Duration::ZERO,
            policy: Policy::shipped(PolicyMode::Advise),
            broker: BrokerArgs {
                nats_url: broker.url(),
                nats_nkey: None,
                nats_creds: Some(creds),
                nats_ca: None,
                nats_inbox_prefix: None,
                nats_api_prefix: None,
            },
        };
        change(&mut config);
        let agent = Agent::build(config).await.unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                agent.run(shutdown).await.unwrap();
                drop(dir);
            }
        });
        Self { id, shutdown, task: Some(task) }
    }

    /// Stops it in order.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            tokio::time::timeout(Duration::from_secs(20), task).await.expect("the agent does not stop").unwrap();
        }
    }

    /// Ends it as a crash would: nothing is told to anybody.
    pub async fn crash(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
