//! A gateway in this process, and an HTTP client of it.

use std::sync::OnceLock;
use std::time::Duration;

use ogent_broker::permissions::Role;
use ogent_gateway::{
    Gateway, GatewayConfig, JwtAlgorithm, JwtConfig, JwtKeys, User, mint_token, read_users, user_line,
};
use ogent_protocol::PolicyMode;
use ogent_risk::Policy;
use ogent_runtime::Secret;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TestBroker;

/// The secret that signs the tokens of test gateways.
pub const JWT_SECRET: &str = "a secret for tests, long enough and made of many letters";

/// The password of everybody in [`people`] but the admin.
pub const PASSWORD: &str = "battery staple";

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
        Self::start_with(broker, |_| {}).await
    }

    /// The same, with another configuration.
    pub async fn start_with(broker: &TestBroker, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let token = Self::token_of("admin");
        let mut config = GatewayConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            broker: broker.options(&Role::Gateway),
            jwt: jwt(),
            admin_password: Secret::new("correct horse battery".to_owned()),
            allowed_origins: Vec::new(),
            policy: Policy::shipped(PolicyMode::Advise),
            approval_window: Duration::from_secs(3600),
            signer: None,
            trust: None,
            web: ogent_gateway::WebConfig::default(),
            users: people(),
            trusted_proxies: Vec::new(),
            api_rate: 10_000,
        };
        change(&mut config);
        let gateway = Gateway::build(config).await.unwrap();
        let url = format!("http://{}", gateway.address());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(gateway.run(shutdown.clone()));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { url, token, client, shutdown, task: Some(task) }
    }

    /// A token without a session for one of [`people`], which every test gateway takes.
    pub fn token_of(user: &str) -> String {
        mint_token(&jwt(), user).unwrap().expose().to_owned()
    }

    /// Status and body of a GET with that token.
    pub async fn get_as(&self, token: &str, path: &str) -> (u16, Value) {
        answer(self.client.get(format!("{}{path}", self.url)).bearer_auth(token)).await
    }

    /// Status and body of a POST with that token.
    pub async fn post_as(&self, token: &str, path: &str, body: Value) -> (u16, Value) {
        answer(self.client.post(format!("{}{path}", self.url)).bearer_auth(token).json(&body)).await
    }

    /// Status and body of any request, with that token where there is one.
    pub async fn ask(&self, token: Option<&str>, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    /// The token that somebody gets for their password; the status where there is none.
    pub async fn log_in(&self, user: &str, password: &str) -> Result<String, u16> {
        let form = [("username", user), ("password", password)];
        let (status, body) = answer(self.client.post(format!("{}/token", self.url)).form(&form)).await;
        body["access_token"].as_str().map(str::to_owned).ok_or(status)
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

    /// Ends it as a crash would: requests under way get no answer.
    pub async fn crash(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
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

/// Who may log in at a test gateway beside `admin`, one a line as in a users file.
pub fn people_file() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = HASH.get_or_init(|| {
        let line = user_line("x", &["viewer"], &Secret::new(PASSWORD.to_owned())).unwrap();
        line.splitn(3, ':').nth(2).unwrap().to_owned()
    });
    let people = [
        ("alice", "operator"),
        ("bob", "approver"),
        ("both", "operator,approver"),
        ("dave", "approver"),
        ("erin", "approver"),
        ("olga", "operator"),
        ("eve", "viewer"),
        ("vera", "viewer"),
        ("mallory", "viewer"),
        ("carol", "operator"),
        ("cora", "operator,approver"),
        ("viewer", "viewer"),
        ("operator", "operator"),
        ("approver", "approver"),
    ];
    people.map(|(name, roles)| format!("{name}:{roles}:{hash}\n")).concat()
}

fn people() -> Vec<User> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), people_file()).unwrap();
    read_users(file.path()).unwrap()
}

fn jwt() -> JwtConfig {
    JwtConfig {
        keys: JwtKeys::Shared { secret: Secret::new(JWT_SECRET.to_owned()), algorithm: JwtAlgorithm::default() },
        access_ttl: Duration::from_secs(600),
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}
