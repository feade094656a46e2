//! Receives the configuration, wires the parts of the registrar together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ogent_broker::enroll::Book;
use ogent_broker::service::{self, Ear, Service};
use ogent_broker::{Broker, Ledger};
use ogent_protocol::subject::{ALL_RENEWALS, ENROLL_REQUESTS};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::config::RegistrarConfig;
use crate::desk::Desk;
use crate::door::Door;
use crate::limiter::Limiter;
use crate::revocations::Revocations;

/// How long the last security events may take.
const AUDIT_WITHIN: Duration = Duration::from_secs(2);

/// A registrar that is connected and hears requests, but does not yet answer.
pub struct Registrar {
    broker: Broker,
    system: Broker,
    service: Service,
    ears: (Ear, Ear),
    desk: Arc<Desk>,
    revocations: Revocations,
    ledger: Ledger,
}

/// Runs a registrar until `shutdown`.
///
/// # Errors
/// When it cannot be started, or the connection to the broker is gone for good.
pub async fn run(config: RegistrarConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let registrar = tokio::select! {
        registrar = Registrar::build(config) => registrar?,
        () = shutdown.cancelled() => return Ok(()),
    };
    registrar.run(shutdown).await
}

// === impl Registrar ===

impl Registrar {
    /// Connects to the broker and joins the service.
    ///
    /// # Errors
    /// Names the step that failed.
    pub async fn build(config: RegistrarConfig) -> anyhow::Result<Self> {
        let RegistrarConfig { broker, system, keys, terms } = config;
        let keys = Arc::new(keys);
        let broker = Broker::connect(broker).await.context("cannot connect to the broker")?;
        let system = Broker::connect(system).await.context("cannot connect to the broker's system account")?;
        let (invites, identities) = (Book::invites(&broker), Book::identities(&broker));
        let revocations = Revocations::new(keys.clone(), identities.clone(), &system);
        let (limiter, ledger) = (Limiter::default(), Ledger::new(&broker));
        let door = Door {
            keys,
            terms,
            invites,
            identities,
            revocations: revocations.clone(),
            limiter,
            ledger: ledger.clone(),
        };
        let desk = Desk::new(Arc::new(door));
        let service = Service::start(&broker, &service::REGISTRAR, env!("CARGO_PKG_VERSION"), || json!({}))
            .await
            .context("the service cannot be joined")?;
        let joins = service.also("enroll", ENROLL_REQUESTS).await.context("the service cannot be joined")?;
        let renewals = service.also("renew", ALL_RENEWALS).await.context("the service cannot be joined")?;
        // After this the broker has the subscriptions, too: whoever is told that the registrar is there can ask it.
        broker.ping().await.context("the broker does not answer")?;
        Ok(Self { broker, system, service, ears: (joins, renewals), desk, revocations, ledger })
    }

    /// Answers until `shutdown`.
    ///
    /// # Errors
    /// When the connection to the broker is gone for good: whoever started the registrar should do so again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { broker, system, service, ears, desk, revocations, ledger } = self;
        tracing::info!("the registrar is ready");
        let keeping = CancellationToken::new();
        let ends_with_this = keeping.clone().drop_guard();
        tokio::spawn(revocations.keep(keeping));
        let was_told = desk.work(service, ears, shutdown).await;
        drop(ends_with_this);
        ledger.flush_audit(AUDIT_WITHIN).await;
        broker.drain().await;
        system.drain().await;
        if !was_told {
            bail!("the connection to the NATS server is gone for good");
        }
        tracing::info!("the registrar has stopped");
        Ok(())
    }
}
