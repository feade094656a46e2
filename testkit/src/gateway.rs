//! A gateway in this process, and an HTTP client of it.

use std::time::Duration;

use ogent_broker::permissions::Role;
use ogent_gateway::{Gateway, GatewayConfig, JwtAlgorithm, JwtConfig, mint_token};
use ogent_runtime::Secret;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TestBroker;

/// A running gateway. It is aborted with this value; [`TestGateway::stop`] stops it in order.
pub struct TestGateway {
    /// Where it answers.
    pub url: String,
    /// A token of its admin, which every other test gateway takes, too.
    pub token: String,
    client: reqwest::Client,
    shutdown: CancellationToken,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

// === impl TestGateway ===

impl TestGateway {
    /// Starts one.
    pub async fn start(broker: &TestBroker) -> Self {
        let jwt = JwtConfig {
            secret: Secret::new("a secret for tests, long enough and made of many letters".to_owned()),
            algorithm: JwtAlgorithm::default(),
            access_ttl: Duration::from_secs(600),
        };
        let token = mint_token(&jwt, "admin", &[ogent_gateway::Role::Admin]).unwrap().expose().to_owned();
        let config = GatewayConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            broker: broker.options(&Role::Gateway),
            jwt,
            admin_password: Secret::new("correct horse battery".to_owned()),
            allowed_origins: Vec::new(),
        };
        let gateway = Gateway::build(config).await.unwrap();
        let url = format!("http://{}", gateway.address());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(gateway.run(shutdown.clone()));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { url, token, client, shutdown, task: Some(task) }
    }

    /// A request with the admin's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// Status and body of a GET.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// Status and body of a POST.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    /// Stops it in order.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            tokio::time::timeout(Duration::from_secs(20), task)
                .await
                .expect("the gateway does not stop")
                .unwrap()
                .unwrap();
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}
