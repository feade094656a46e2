//! A fleet with a registrar, machines that want in, and somebody who does not want to go.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use ogent_agent::{Agent, AgentConfig, Enrolled, JoinArgs};
use ogent_broker::credentials::Creds;
use ogent_broker::enroll::{RegistrarError, Registrars};
use ogent_broker::permissions::Role;
use ogent_broker::{BrokerArgs, Ledger, Submission, WatchStart};
use ogent_protocol::enroll::admin::{
    AdminAction, AdminRequest, AdminResponse, DecideAgent, InviteCreated, InviteRequest, InviteView,
};
use ogent_protocol::{
    AgentId, CommandId, EventKind, Identity, Intent, IntentWire, JoinToken, Outcome, PolicyMode, Run,
};
use ogent_registrar::RegistrarArgs;
use ogent_risk::Policy;
use ogent_testkit::{TestBroker, TestRegistrar};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Fleet {
    pub broker: TestBroker,
    registrar: Option<TestRegistrar>,
    change: fn(&mut RegistrarArgs),
    admin: Registrars,
    ledger: Ledger,
    heard: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Fleet {
    pub async fn start() -> Self {
        Self::with(TestBroker::start().await, |_| {}).await
    }

    pub async fn with(broker: TestBroker, change: impl Fn(&mut RegistrarArgs)) -> Self {
        let mut ttl = 86_400;
        let registrar = TestRegistrar::start_with(&broker, |args| {
            change(args);
            ttl = args.credentials_ttl;
        })
        .await;
        let gateway = broker.connect(&Role::Gateway).await;
        let heard: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let mut beats = broker.client(&Role::Gateway).await.subscribe("$KV.presence.*").await.unwrap();
        tokio::spawn({
            let heard = heard.clone();
            async move {
                while let Some(beat) = beats.next().await {
                    let id = beat.subject.rsplit('.').next().unwrap().to_owned();
                    *heard.lock().unwrap().entry(id).or_default() += 1;
                }
            }
        });
        let change: fn(&mut RegistrarArgs) = if ttl == 2 { |args| args.credentials_ttl = 2 } else { |_| {} };
        let (admin, ledger) = (Registrars::new(&gateway), Ledger::new(&gateway));
        Self { broker, registrar: Some(registrar), change, admin, ledger, heard }
    }

    pub async fn stop_registrar(&mut self) {
        self.registrar.take().unwrap().stop().await;
    }

    pub async fn start_registrar(&mut self) {
        self.registrar = Some(TestRegistrar::start_with(&self.broker, self.change).await);
    }

    pub async fn restart_broker(&mut self) {
        self.broker.restart().await;
    }

    pub async fn admin(&self, action: AdminAction) -> Result<AdminResponse, RegistrarError> {
        self.admin.admin(&AdminRequest { by: "alice".into(), action }).await
    }

    pub async fn invite(&self, request: InviteRequest) -> InviteCreated {
        match self.admin(AdminAction::Invite(request)).await.unwrap() {
            AdminResponse::Invited(created) => *created,
            other => panic!("{other:?}"),
        }
    }

    pub async fn invites(&self) -> Vec<InviteView> {
        match self.admin(AdminAction::Invites).await.unwrap() {
            AdminResponse::Invites(invites) => invites,
            other => panic!("{other:?}"),
        }
    }

    pub async fn identities(&self) -> Vec<Identity> {
        match self.admin(AdminAction::Identities { state: None }).await.unwrap() {
            AdminResponse::Identities(identities) => identities,
            other => panic!("{other:?}"),
        }
    }

    pub async fn accept(&self, id: &str) -> Result<AdminResponse, RegistrarError> {
        self.admin(AdminAction::Accept(decide(id))).await
    }

    pub async fn reject(&self, id: &str) -> Result<AdminResponse, RegistrarError> {
        self.admin(AdminAction::Reject(decide(id))).await
    }

    pub async fn revoke(&self, id: &str) -> Result<AdminResponse, RegistrarError> {
        self.admin(AdminAction::Revoke(decide(id))).await
    }

    /// Runs a line on an agent, to its end.
    pub async fn run(&self, agent: &str, line: &str) -> Outcome {
        let agent: AgentId = agent.parse().unwrap();
        let wire = IntentWire { command: Some(line.to_owned()), agent: Some(agent.clone()), ..IntentWire::default() };
        let run: Run = match wire.admit(CommandId::generate).unwrap() {
            Intent::Run(run) => *run,
            Intent::Cancel(_) => unreachable!(),
        };
        let mut watch = ogent_testkit::wait_until("the ledger", LIMIT, async || {
            self.ledger.watch(&agent, &run.id, WatchStart::Fresh).await.ok()
        })
        .await;
        let stored =
            ogent_testkit::wait_until("the ledger", LIMIT, async || self.ledger.submit(&agent, &run).await.ok());
        assert!(matches!(stored.await, Submission::New { .. }));
        let mut starts = 0;
        loop {
            let next = tokio::time::timeout(2 * LIMIT, watch.next()).await.expect("no end in time").unwrap();
            match next.event.kind {
                EventKind::Accepted(_) => starts += 1,
                EventKind::Finished(end) => {
                    assert_eq!(starts, 1);
                    return end.outcome;
                }
                _ => {}
            }
        }
    }

    /// How many beats were heard of an agent.
    pub fn heard_from(&self, id: &str) -> usize {
        self.heard.lock().unwrap().get(id).copied().unwrap_or_default()
    }

    /// Whether the broker takes the machine's credentials.
    pub async fn is_let_in(&self, machine: &Machine) -> bool {
        let text = machine.read("agent.creds");
        let options = async_nats::ConnectOptions::with_credentials(&text).unwrap();
        options.connect(self.broker.url()).await.is_ok()
    }

    pub async fn as_agent(&self, machine: &Machine, id: &str) -> async_nats::Client {
        let text = machine.read("agent.creds");
        let options = async_nats::ConnectOptions::with_credentials(&text).unwrap();
        options.custom_inbox_prefix(format!("_INBOX_agent_{id}")).connect(self.broker.url()).await.unwrap()
    }

    pub async fn stranger(&self, token: &JoinToken) -> async_nats::Client {
        let jwt = token.jwt.clone();
        let options = async_nats::ConnectOptions::with_auth_callback(move |_| {
            let mut auth = async_nats::Auth::new();
            auth.jwt = Some(jwt.clone());
            std::future::ready(Ok(auth))
        });
        options.custom_inbox_prefix(token.inbox_prefix()).connect(self.broker.url()).await.unwrap()
    }

    /// Asks again and again with a wrong secret, and gives the codes of the refusals.
    pub async fn guess(&self, token: &JoinToken, times: usize) -> Vec<String> {
        let machine = Machine::new();
        let tap = Wiretap::start(&self.broker.url()).await;
        let listening = JoinToken { urls: vec![tap.url.clone()], ..token.clone() };
        // One real request, as the agent writes it, which is then repeated.
        machine.join(&listening.to_string()).await.unwrap_err();
        let heard = String::from_utf8_lossy(&tap.heard()).into_owned();
        let body = heard.split("\r\n").find(|line| line.starts_with("{\"ground\"")).unwrap().to_owned();
        let client = self.stranger(token).await;
        let mut codes = Vec::new();
        for _ in 0..times {
            let answer = client.request("enroll.requests", body.clone().into()).await.unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
            codes.push(answer["code"].as_str().unwrap().to_owned());
        }
        codes
    }

    /// Somebody with the machine's credentials who does not want to go.
    pub async fn attack(&self, machine: &Machine) -> Attack {
        let mut attack = Attack { connected: Arc::default(), tried: Arc::default(), tasks: Vec::new() };
        let (url, creds) = (self.broker.url(), machine.read("agent.creds"));
        let tasks = (0..4).map(|_| {
            let (url, creds, connected, tried) =
                (url.clone(), creds.clone(), attack.connected.clone(), attack.tried.clone());
            tokio::spawn(async move {
                let mut kept = Vec::new();
                loop {
                    tried.fetch_add(1, Ordering::SeqCst);
                    let options = async_nats::ConnectOptions::with_credentials(&creds).unwrap();
                    if let Ok(client) = options.connect(&url).await {
                        connected.fetch_add(1, Ordering::SeqCst);
                        if kept.len() < 10 {
                            kept.push(client);
                        }
                    }
                    for client in &kept {
                        let _ = client.publish("$KV.presence.web-1", "{}".into()).await;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        attack.tasks = tasks;
        attack
    }
}

fn decide(id: &str) -> DecideAgent {
    DecideAgent { agent: id.parse().unwrap(), generation: None, reason: None }
}

pub struct Attack {
    connected: Arc<AtomicUsize>,
    tried: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Attack {
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }

    pub fn tried(&self) -> usize {
        self.tried.load(Ordering::SeqCst)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// A machine with a state folder.
#[derive(Clone)]
pub struct Machine(Arc<TempDir>);

impl Machine {
    pub fn new() -> Self {
        Self(Arc::new(TempDir::new().unwrap()))
    }

    pub async fn join(&self, token: &str) -> anyhow::Result<Enrolled> {
        self.join_with(token, |_| {}).await
    }

    pub async fn join_with(&self, token: &str, change: impl FnOnce(&mut JoinArgs)) -> anyhow::Result<Enrolled> {
        let mut args = JoinArgs {
            token: Some(token.to_owned().into()),
            id: None,
            state_dir: self.0.path().to_owned(),
            labels: Vec::new(),
            new_keys: false,
        };
        change(&mut args);
        ogent_agent::join(args, |_| {}).await
    }

    /// Starts the agent as `ogent-agent run --state-dir DIR` does.
    pub async fn run(&self) -> anyhow::Result<Running> {
        let broker = BrokerArgs {
            nats_url: "nats://127.0.0.1:1".to_owned(),
            nats_nkey: None,
            nats_creds: None,
            nats_ca: None,
            nats_inbox_prefix: None,
            nats_api_prefix: None,
        };
        let config = AgentConfig {
            trust: ogent_agent::TrustConfig::default(),
            id: None,
            state_dir: self.0.path().to_owned(),
            labels: BTreeMap::new(),
            max_concurrent: 4,
            kill_grace: Duration::from_millis(300),
            drain: Duration::ZERO,
            policy: Policy::shipped(PolicyMode::Advise),
            broker,
        };
        let agent = Agent::build(config).await?;
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(agent.run(shutdown.clone()));
        Ok(Running { shutdown, task: Some(task) })
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }

    pub fn mode(&self, file: &str) -> u32 {
        std::fs::metadata(self.path(file)).unwrap().permissions().mode() & 0o777
    }

    pub fn enrolled(&self) -> Enrolled {
        Enrolled::load(self.0.path()).unwrap().unwrap()
    }

    pub fn facts(&self) -> serde_json::Value {
        assert!(Creds::load(&self.path("agent.creds")).is_ok());
        serde_json::json!({
            "platform": {"os": "linux", "arch": "x86_64", "kernel": "6"}, "version": "1", "machine": "m", "user": "u",
        })
    }
}

pub struct Running {
    shutdown: CancellationToken,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    pub async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.ended().await
    }

    /// What it ends with by itself.
    pub async fn ended(mut self) -> anyhow::Result<()> {
        let task = self.task.take().unwrap();
        tokio::time::timeout(2 * LIMIT, task).await.expect("the agent does not end").unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Hears every byte between some machines and the broker.
pub struct Wiretap {
    pub url: String,
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Wiretap {
    pub async fn start(broker: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let target = broker.strip_prefix("nats://").unwrap().to_owned();
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let task = tokio::spawn({
            let heard = heard.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let Ok(server) = TcpStream::connect(&target).await else { continue };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::spawn(copy(from_client, to_server, heard.clone()));
                    tokio::spawn(copy(from_server, to_client, heard.clone()));
                }
            }
        });
        Self { url, heard, task }
    }

    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        heard.lock().unwrap().extend_from_slice(&buffer[..count]);
    }
}
