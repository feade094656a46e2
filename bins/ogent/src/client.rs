//! Receives what the commands want, asks a gateway for it over HTTP, gives its answers as the contract's types.

pub mod address;
pub mod answer;
pub mod credentials;
pub mod enroll;
pub mod error;
pub mod follow;
pub mod history;
mod identity;
pub mod retry;
pub mod rights;
pub mod sse;
pub mod trust;

use std::time::Duration;

use ogent_protocol::rest::{
    AgentList, AgentView, AnalyzeRequest, ApprovalList, ApprovalView, ApproveRequest, AuditList, CancelRequest,
    CommandPage, CommandView, CreatedToken, DenyRequest, DryRun, EvidencePage, ExecuteRequest, Me, SessionList,
    SessionView, TokenList, TokenRequest, TokenResponse, TokenView,
};
use ogent_protocol::{AgentId, Analysis, CommandId, CommandStatus, GrantId, OutputStream, Ruling, Verdict};
use ogent_runtime::Secret;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response};
use serde::{Deserialize, Serialize};

pub use address::GatewayUrl;
use credentials::{CredentialStore, Login};
pub use error::ClientError;
pub use follow::{Follow, News};
pub use history::{ApprovalsQuery, AuditQuery, HistoryQuery};
use identity::Identity;
pub use trust::{Trust, TrustError};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take as a whole, where it is a document.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a stream may be silent: the gateway says something every 15 seconds, so that two were missed.
const SILENCE: Duration = Duration::from_secs(45);

/// A gateway, and who we are there.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: GatewayUrl,
    identity: Identity,
}

/// What `execute` says of a command, whether it has ended yet or not.
#[derive(Debug, Clone, Deserialize)]
pub struct Submitted {
    /// The command.
    pub id: CommandId,
    /// Where it stands.
    #[serde(default)]
    pub status: Option<CommandStatus>,
    /// What the rules make of it.
    #[serde(default)]
    pub verdict: Option<Box<Verdict>>,
    /// What policy says to that.
    #[serde(default)]
    pub ruling: Option<Ruling>,
    /// Who has to approve it.
    #[serde(default)]
    pub approval: Option<ApprovalView>,
}

// === impl Client ===

impl Client {
    /// A client that sends `token` with every request. Connects to nothing yet.
    ///
    /// # Errors
    /// When the system's certificates cannot be read, which `https` needs.
    pub fn new(url: GatewayUrl, token: Option<Secret>) -> Result<Self, ClientError> {
        Self::trusting(url, token, &Trust::System)
    }

    /// The same, for a gateway whose certificate is not one that the system believes.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn trusting(url: GatewayUrl, token: Option<Secret>, trust: &Trust) -> Result<Self, ClientError> {
        Self::with(url, token.map_or(Identity::Nobody, Identity::Fixed), trust)
    }

    /// A client for whoever has logged in. It asks for the next token by itself, and keeps it.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn logged_in(
        url: GatewayUrl,
        store: CredentialStore,
        login: Login,
        trust: &Trust,
    ) -> Result<Self, ClientError> {
        Self::with(url, Identity::kept(store, login), trust)
    }

    fn with(url: GatewayUrl, identity: Identity, trust: &Trust) -> Result<Self, ClientError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ogent/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // No gateway redirects: a token must not follow one.
            .redirect(Policy::none());
        if url.is_loopback() {
            builder = builder.no_proxy();
        }
        if !url.is_encrypted() {
            // Reading the system's certificates takes longer than the request, and some containers have none.
            builder = builder.tls_certs_only([]);
        } else if let Trust::Only(certificates) = trust {
            builder = builder.tls_certs_only(certificates.clone());
        }
        let http = builder.build().map_err(ClientError::Setup)?;
        Ok(Self { http, url, identity })
    }

    /// The gateway that it asks.
    #[must_use]
    pub fn url(&self) -> &GatewayUrl {
        &self.url
    }

    /// Exchanges a password for a token.
    ///
    /// # Errors
    /// When the gateway refuses them, or does not answer.
    pub async fn log_in(&self, username: &str, password: &Secret) -> Result<TokenResponse, ClientError> {
        let form = [("username", username), ("password", password.expose())];
        let request = self.request(Method::POST, &["token"]).form(&form);
        answer::json(self.send(request.timeout(ANSWER)).await?).await
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn log_out(&self) -> Result<(), ClientError> {
        self.send(self.request(Method::POST, &["logout"]).timeout(ANSWER)).await.map(drop)
    }

    /// Who we are.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn me(&self) -> Result<Me, ClientError> {
        self.get(&["me"]).await
    }

    /// Sessions of ours, of somebody else, or of all (`*`).
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn sessions(&self, user: Option<&str>) -> Result<Vec<SessionView>, ClientError> {
        let list: SessionList = self.get_of("sessions", &user.map(|user| ("user", user)).as_slice()).await?;
        Ok(list.sessions)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When there is none, the gateway refuses, or does not answer.
    pub async fn end_session(&self, id: &GrantId) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, &["sessions", id.as_str()]).timeout(ANSWER)).await.map(drop)
    }

    /// Makes an API token. Not tried again: each try makes another one.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn create_token(&self, request: &TokenRequest) -> Result<CreatedToken, ClientError> {
        let request = self.request(Method::POST, &["tokens"]).json(request).timeout(ANSWER);
        answer::json(self.send(request).await?).await
    }

    /// API tokens of ours, of somebody else, or of all (`*`).
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn tokens(&self, user: Option<&str>) -> Result<Vec<TokenView>, ClientError> {
        let list: TokenList = self.get_of("tokens", &user.map(|user| ("user", user)).as_slice()).await?;
        Ok(list.tokens)
    }

    /// Revokes an API token.
    ///
    /// # Errors
    /// When there is none, the gateway refuses, or does not answer.
    pub async fn revoke_token(&self, id: &GrantId) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, &["tokens", id.as_str()]).timeout(ANSWER)).await.map(drop)
    }

    /// One page of security events.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditList, ClientError> {
        self.get_of("audit", query).await
    }

    /// All agents.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn agents(&self) -> Result<Vec<AgentView>, ClientError> {
        let list: AgentList = self.get(&["agents"]).await?;
        Ok(list.agents)
    }

    /// One agent.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn agent(&self, id: &AgentId) -> Result<AgentView, ClientError> {
        self.get(&["agents", id.as_str()]).await
    }

    /// Asks what a command would do on an agent. Nothing is run.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn analyze(&self, agent: &AgentId, request: &AnalyzeRequest) -> Result<Analysis, ClientError> {
        self.post(&["agents", agent.as_str(), "analyze"], request).await
    }

    /// An analysis that was made before: with a model's words, once they are there.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn analysis(&self, id: &CommandId) -> Result<Analysis, ClientError> {
        self.get(&["analyses", id.as_str()]).await
    }

    /// Asks for a command to be run, without waiting for its end. `key` makes it the same command however often the
    /// request has to be sent.
    ///
    /// # Errors
    /// When the gateway refuses it, or does not answer even after some time.
    pub async fn execute(&self, agent: &AgentId, run: &ExecuteRequest, key: &str) -> Result<Submitted, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::POST, &["agents", agent.as_str(), "execute"]);
            let request = request.query(&[("wait", "0")]).header("idempotency-key", key).json(run);
            answer::json(self.send(request.timeout(ANSWER)).await?).await
        })
        .await
    }

    /// Asks what would become of a command, which is neither kept nor run.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn dry_run(&self, agent: &AgentId, run: &ExecuteRequest) -> Result<DryRun, ClientError> {
        let run = ExecuteRequest { dry_run: true, ..run.clone() };
        self.post(&["agents", agent.as_str(), "execute"], &run).await
    }

    /// One page of the commands that somebody has to approve, or had to, newest first.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn approvals(&self, query: &ApprovalsQuery) -> Result<ApprovalList, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::GET, &["approvals"]).query(query);
            answer::json(self.send(request.timeout(ANSWER)).await?).await
        })
        .await
    }

    /// Approves a command that waits for it, and gives it as it stands.
    ///
    /// # Errors
    /// When nobody waits for that, the gateway refuses, or does not answer.
    pub async fn approve(&self, id: &CommandId, request: &ApproveRequest) -> Result<CommandView, ClientError> {
        self.post(&["commands", id.as_str(), "approve"], request).await
    }

    /// Denies a command that waits for its approval, and gives it as it stands.
    ///
    /// # Errors
    /// When nobody waits for that, the gateway refuses, or does not answer.
    pub async fn deny(&self, id: &CommandId, request: &DenyRequest) -> Result<CommandView, ClientError> {
        self.post(&["commands", id.as_str(), "deny"], request).await
    }

    /// One command of the history.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn command(&self, id: &CommandId) -> Result<CommandView, ClientError> {
        self.get(&["commands", id.as_str()]).await
    }

    /// Everything that the ledger holds of a command, byte by byte: the first page, or the one that begins with `from`.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn evidence(&self, id: &CommandId, from: Option<u64>) -> Result<EvidencePage, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::GET, &["commands", id.as_str(), "evidence"]);
            let request = request.query(&from.map(|from| ("from", from)).as_slice());
            answer::json(self.send(request.timeout(ANSWER)).await?).await
        })
        .await
    }

    /// One page of the history, newest first.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn commands(&self, query: &HistoryQuery) -> Result<CommandPage, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::GET, &["commands"]).query(query);
            answer::json(self.send(request.timeout(ANSWER)).await?).await
        })
        .await
    }

    /// What a command has printed until now: [`answer::chunk`] reads it.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn output(&self, id: &CommandId, stream: Option<OutputStream>) -> Result<Response, ClientError> {
        let request = self.request(Method::GET, &["commands", id.as_str(), "output"]);
        self.send(request.query(&stream.map(|stream| ("stream", stream)).as_slice())).await
    }

    /// Asks for a command to be ended, and gives it as it stands. Once is as good as often.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer even after some time.
    pub async fn cancel(&self, id: &CommandId, reason: Option<String>) -> Result<CommandView, ClientError> {
        self.post(&["commands", id.as_str(), "cancel"], &CancelRequest { reason }).await
    }

    /// Everything that happens to a command, from its beginning to its end.
    #[must_use]
    pub fn follow(&self, id: &CommandId) -> Follow {
        Follow::new(self.clone(), id.clone())
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &[&str]) -> Result<T, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::GET, path).timeout(ANSWER);
            answer::json(self.send(request).await?).await
        })
        .await
    }

    async fn get_of<T: for<'de> Deserialize<'de>>(&self, path: &str, query: &impl Serialize) -> Result<T, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::GET, &[path]).query(query).timeout(ANSWER);
            answer::json(self.send(request).await?).await
        })
        .await
    }

    async fn post<T: for<'de> Deserialize<'de>>(&self, path: &[&str], body: &impl Serialize) -> Result<T, ClientError> {
        retry::patiently(|| async {
            let request = self.request(Method::POST, path).json(body).timeout(ANSWER);
            answer::json(self.send(request).await?).await
        })
        .await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.http.request(method, self.url.join(path))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let request = match self.identity.token(&self.http, &self.url).await? {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let response = request.send().await.map_err(|error| ClientError::transport(&self.url, error))?;
        answer::accepted(response).await
    }
}
