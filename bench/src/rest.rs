//! Ogent as HTTP clients see it.

use std::time::Instant;

use reqwest::Client;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::stats::{Latency, latency, rate};

/// A client of the gateway.
pub struct Rest<'a> {
    stage: &'a Stage,
    client: Client,
}

// === impl Rest ===

impl<'a> Rest<'a> {
    /// One that keeps its connections.
    pub fn new(stage: &'a Stage) -> Self {
        Self { stage, client: Client::builder().no_proxy().build().unwrap() }
    }

    /// `true`, one after another.
    pub async fn executing(&self, count: usize) -> Latency {
        latency(count, async || self.one().await).await
    }

    /// `true`, `width` at once.
    pub async fn executing_rate(&self, count: usize, width: usize) -> f64 {
        rate(count, width, || self.one()).await
    }

    /// A command with much output, until the last byte of it has come: MB a second.
    pub async fn output(&self, line: &str) -> f64 {
        let start = Instant::now();
        let result = self.execute(line, 60).await;
        let id = result["id"].as_str().unwrap();
        let url = format!("{}/commands/{id}/output", self.stage.url);
        let bytes = self.client.get(url).bearer_auth(&self.stage.token).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.len() as u64, result["stdout_bytes"].as_u64().unwrap(), "output is missing: {result}");
        bytes.len() as f64 / 1e6 / start.elapsed().as_secs_f64()
    }

    async fn one(&self) {
        let result = self.execute("true", 30).await;
        assert_eq!(result["status"], "succeeded", "{result}");
    }

    async fn execute(&self, line: &str, wait: u32) -> Value {
        let url = format!("{}/agents/{}/execute?wait={wait}", self.stage.url, self.stage.agent);
        let request = self.client.post(url).bearer_auth(&self.stage.token).json(&json!({"command": line}));
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}
