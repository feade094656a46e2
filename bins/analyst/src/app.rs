//! Receives the configuration, wires the parts of the analyst together.

use anyhow::{Context as _, bail};
use ogent_broker::service::{self, Service};
use ogent_broker::{Analyses, Broker};
use tokio_util::sync::CancellationToken;

use crate::advisor;
use crate::config::AnalystConfig;
use crate::counsel::Counsel;
use crate::desk::Desk;

/// An analyst that is connected and hears requests, but does not yet answer.
pub struct Analyst {
    broker: Broker,
    service: Service,
    desk: Desk,
}

/// Runs an analyst until `shutdown`.
///
/// # Errors
/// When it cannot be started, or the connection to the broker is gone for good.
pub async fn run(config: AnalystConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let analyst = tokio::select! {
        analyst = Analyst::build(config) => analyst?,
        () = shutdown.cancelled() => return Ok(()),
    };
    analyst.run(shutdown).await
}

// === impl Analyst ===

impl Analyst {
    /// Connects to the broker and joins the service. The model is not looked for: it may come and go.
    ///
    /// # Errors
    /// Names the step that failed.
    pub async fn build(config: AnalystConfig) -> anyhow::Result<Self> {
        let counsel = match config.advisor {
            Some(config) => {
                let deadline = config.deadline;
                let advisor = advisor::make(config).context("the model cannot be asked")?;
                tracing::info!(model = advisor.model(), "a model explains verdicts");
                Some(Counsel::new(advisor, deadline))
            }
            None => None,
        };
        // The rules are read at their first use: that is now, and not when somebody waits.
        ogent_risk::prepare();
        let broker = Broker::connect(config.broker).await.context("cannot connect to the broker")?;
        let analyses = Analyses::new(&broker);
        let desk = Desk::new(analyses.clone(), counsel);
        let stats = desk.clone();
        let service = Service::start(&broker, &service::ANALYSIS, env!("CARGO_PKG_VERSION"), move || stats.show())
            .await
            .context("the service cannot be joined")?;
        // After this the broker has the subscriptions, too: whoever is told that the analyst is there can ask it.
        if let Err(error) = analyses.check().await {
            tracing::warn!(%error, "analyses are answered but not stored: is 'ogent setup' still to be run?");
        }
        Ok(Self { broker, service, desk })
    }

    /// Answers until `shutdown`, then stores what was answered, for a bounded time.
    ///
    /// # Errors
    /// When the connection to the broker is gone for good: whoever started the analyst should do so again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { broker, service, desk } = self;
        tracing::info!("the analyst is ready");
        let was_told = desk.work(service, shutdown).await;
        broker.drain().await;
        if !was_told {
            bail!("the connection to the NATS server is gone for good");
        }
        tracing::info!("the analyst has stopped");
        Ok(())
    }
}
