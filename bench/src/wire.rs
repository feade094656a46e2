//! Ogent as `nats req` sees it.

use std::time::Duration;

use async_nats::Client;

use crate::stage::Stage;
use crate::stats::{Latency, latency, rate};

/// A person's connection to the broker.
pub struct Wire<'a> {
    stage: &'a Stage,
    client: Client,
}

// === impl Wire ===

impl<'a> Wire<'a> {
    /// Connects as a person.
    pub async fn connect(stage: &'a Stage) -> Self {
        let creds = std::fs::read_to_string(&stage.creds).unwrap();
        let options = async_nats::ConnectOptions::with_credentials(&creds).unwrap();
        let options = options.request_timeout(Some(Duration::from_secs(60)));
        Self { stage, client: options.connect(&stage.nats_url).await.unwrap() }
    }

    /// `true`, one after another.
    pub async fn requesting(&self, count: usize) -> Latency {
        latency(count, async || self.one().await).await
    }

    /// `true`, `width` at once.
    pub async fn requesting_rate(&self, count: usize, width: usize) -> f64 {
        rate(count, width, || self.one()).await
    }

    async fn one(&self) {
        let subject = format!("agents.{}.exec", self.stage.agent);
        let answer = self.client.request(subject, r#"{"command":"true"}"#.into()).await.unwrap();
        let result: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        assert_eq!(result["status"], "succeeded", "{result}");
    }
}
