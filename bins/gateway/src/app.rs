//! Receives a configuration from `main` or `ogent up`, wires the parts together, and runs them until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ogent_broker::sign::Verifier;
use ogent_broker::{Analysts, Broker, Directory, Grants, Ledger, Logins, topology};
use ogent_runtime::tls::ServerTls;
use tokio::net::TcpListener;
use tokio::time::{Instant, interval, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::access::{Access, AccessPolicy};
use crate::auth::{Authority, BrowserSessions, Oidc, Tokens};
use crate::config::GatewayConfig;
use crate::gate::{Gate, Sweeper};
use crate::headroom::Headroom;
use crate::history::Seal;
use crate::http;
use crate::limits::SHUTDOWN_GRACE;
use crate::metrics::{Metrics, UPKEEP_EVERY};
use crate::people::People;
use crate::services::{Parts, Services};
use crate::sites::Sites;

/// How long the last security events may take.
const AUDIT_WITHIN: Duration = Duration::from_secs(2);

/// A gateway that is connected and listens, but does not yet answer.
pub struct Gateway {
    parts: Parts,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<ServerTls>,
    // Ends what runs beside the requests; dropped last, because the last requests still need it.
    background: DropGuard,
}

// === impl Gateway ===

impl Gateway {
    /// Connects to the broker, reads the directory, and listens.
    ///
    /// # Errors
    /// Names the step that failed.
    pub async fn build(config: GatewayConfig) -> anyhow::Result<Self> {
        let listen = config.listen;
        // Before anything else: a busy port is the most likely mistake, and the quickest to find.
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        Self::build_on(config, listener).await
    }

    /// The same on a listener that is already there; `config.listen` is not used.
    ///
    /// # Errors
    /// Names the step that failed.
    pub async fn build_on(config: GatewayConfig, listener: TcpListener) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the listener has no address")?;
        let tls = config.web.tls.map(|files| ServerTls::load(files, &["http/1.1"])).transpose();
        let tls = tls.context("TLS cannot be spoken")?;
        let broker = Broker::connect(config.broker).await.context("cannot connect to the broker")?;
        topology::check(&broker).await.context("the broker is not set up for Ogent")?;
        let stop = CancellationToken::new();
        let background = stop.clone().drop_guard();
        let ledger = Ledger::new(&broker).signed(config.signer).checked(config.trust.map(Verifier::new));
        let headroom =
            Headroom::watch(ledger.clone(), stop.clone()).await.context("cannot see how full the ledger is")?;
        let directory = Directory::follow(&broker, stop.clone()).await.context("cannot read which agents there are")?;
        let people = People::open(&broker, config.admin_password, config.users, stop.clone())
            .await
            .context("cannot set up the users")?;
        let sessions = BrowserSessions::follow(&broker, stop.clone()).await.context("cannot follow who logs out")?;
        let policy = AccessPolicy::follow(&broker, stop.clone()).await.context("cannot read the access policy")?;
        let access = Access::new(policy, people.clone(), directory.clone());
        let grants = Grants::follow(&broker, stop.clone()).await.context("cannot read the sessions")?;
        let name = uuid::Uuid::now_v7().to_string();
        let (logins, heard) = Logins::join(&broker, &name, stop.clone()).await.context("cannot hear other gateways")?;
        let authority = Authority::new(Tokens::new(&config.jwt), people.clone(), grants, ledger.clone(), logins);
        tokio::spawn(authority.clone().attend(heard, stop));
        let root = config.jwt.keys.root();
        let gate = Gate::new(config.policy, config.approval_window, directory.clone(), Analysts::new(&broker));
        let parts = Parts {
            broker,
            ledger,
            headroom,
            directory,
            gate,
            seal: Seal::new(&root),
            people,
            access,
            metrics: Metrics::install(),
            sessions,
            sites: Sites::new(config.web.public_origin, tls.is_some(), config.allowed_origins),
            oidc: config.web.oidc.map(|oidc| Oidc::new(oidc, &root)).transpose()?,
            authority,
            trusted_proxies: config.trusted_proxies,
            api_rate: config.api_rate,
        };
        Ok(Self { parts, listener, address, tls, background })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown`; then finishes what is under way, for a bounded time.
    ///
    /// # Errors
    /// None so far; a listener that fails for a moment is tried again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { parts, listener, address, tls, background } = self;
        tracing::info!(%address, tls = tls.is_some(), "gateway is ready");
        let (broker, ledger) = (parts.broker.clone(), parts.ledger.clone());
        let stop = background.disarm();
        let background = stop.clone().drop_guard();
        tokio::spawn(upkeep(parts.metrics.clone(), stop.clone()));
        tokio::spawn(parts.gate.advisors().look_for_model(stop.clone()));
        let services = Arc::new(Services::new(parts, &shutdown));
        tokio::spawn(Sweeper::new(services.ledger.clone(), services.decider.clone()).run(stop.clone()));
        let acceptor = tls.as_ref().map(ServerTls::acceptor);
        if let Some(tls) = tls {
            tokio::spawn(tls.watch(stop));
        }
        let connections = http::serve(listener, acceptor, http::router(Arc::clone(&services)), &shutdown).await;
        let deadline = Instant::now() + SHUTDOWN_GRACE;
        let finished = async {
            connections.finish().await;
            services.streams.finished().await;
        };
        match timeout_at(deadline, finished).await {
            Ok(()) => tracing::info!("gateway has stopped"),
            Err(_) => tracing::warn!(grace = ?SHUTDOWN_GRACE, "gateway has stopped before all requests were answered"),
        }
        ledger.flush_audit(AUDIT_WITHIN).await;
        drop(background);
        broker.drain().await;
        Ok(())
    }
}

async fn upkeep(metrics: Metrics, stop: CancellationToken) {
    let mut tick = interval(UPKEEP_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => metrics.upkeep(),
        }
    }
}
