//! An analyst in this process.

use std::time::Duration;

use ogent_analyst::{AdvisorConfig, Analyst, AnalystConfig, Protocol};
use ogent_broker::permissions::Role;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TestBroker;

/// A running analyst. It is aborted with this value; [`TestAnalyst::stop`] stops it in order.
pub struct TestAnalyst {
    shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

// === impl TestAnalyst ===

impl TestAnalyst {
    /// Starts one without a model.
    pub async fn start(broker: &TestBroker) -> Self {
        Self::start_with(broker, None).await
    }

    /// Starts one whose model is at `url`.
    pub async fn advised(broker: &TestBroker, protocol: Protocol, url: &str, deadline: Duration) -> Self {
        let url = url.parse().unwrap();
        let advisor = AdvisorConfig { protocol, url, model: "test-model".to_owned(), key: None, deadline };
        Self::start_with(broker, Some(advisor)).await
    }

    /// Starts one.
    pub async fn start_with(broker: &TestBroker, advisor: Option<AdvisorConfig>) -> Self {
        let config = AnalystConfig { broker: broker.options(&Role::Analyst), advisor };
        let analyst = Analyst::build(config).await.unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { analyst.run(shutdown).await.unwrap() }
        });
        Self { shutdown, task: Some(task) }
    }

    /// Stops it in order.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            tokio::time::timeout(Duration::from_secs(20), task).await.expect("the analyst does not stop").unwrap();
        }
    }
}

impl Drop for TestAnalyst {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
