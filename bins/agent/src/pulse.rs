//! Receives how busy the desk is, tells the broker that the agent lives and who it is.

use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::presence::Presence;
use ogent_broker::{AppendError, Broker};
use ogent_protocol::{AgentInfo, Heartbeat, Programs, limits};
use rand::Rng as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the record may be written anew because more commands have ended.
const REGISTER_EVERY: Duration = Duration::from_secs(30);

/// How often a change of what runs and waits may be told before the next beat is due.
const CHANGES_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// How busy the agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Load {
    pub(crate) running: usize,
    pub(crate) queued: usize,
    pub(crate) settled_through: u64,
}

/// Keeps the agent's two records fresh.
pub(crate) struct Pulse {
    pub(crate) presence: Presence,
    pub(crate) info: AgentInfo,
    pub(crate) machine: String,
    pub(crate) load: watch::Receiver<Load>,
    /// Which programs the machine has, as the inventory is kept.
    pub(crate) programs: watch::Receiver<Option<Programs>>,
}

// === impl Pulse ===

impl Pulse {
    /// Writes both records once.
    ///
    /// # Errors
    /// When the broker does not take them.
    pub(crate) async fn first(&mut self) -> Result<(), AppendError> {
        self.info.programs.clone_from(&self.programs.borrow_and_update());
        self.presence.register(&self.info).await?;
        self.beat().await
    }

    /// Beats until `shutdown`, then says good-bye.
    pub(crate) async fn go(&mut self, broker: &Broker, shutdown: CancellationToken) {
        let mut connection = broker.state();
        let mut registered = tokio::time::Instant::now();
        let mut beaten = registered;
        loop {
            // A fleet that was started in one moment must not beat in one moment.
            let pause = limits::HEARTBEAT.mul_f64(rand::rng().random_range(0.85..1.0));
            let changed = async {
                let _ = self.load.changed().await;
                tokio::time::sleep_until(beaten + CHANGES_AT_MOST_EVERY).await;
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                Ok(()) = self.programs.changed() => {
                    self.info.programs.clone_from(&self.programs.borrow_and_update());
                    let settled = self.info.settled_through;
                    self.register(settled).await;
                    continue;
                }
                () = tokio::time::sleep(pause) => {}
                () = changed => {}
                // A broker that comes back may have forgotten the last beat.
                Ok(()) = connection.changed() => if !connection.borrow_and_update().connected { continue },
            }
            beaten = tokio::time::Instant::now();
            // A heartbeat that fails is no reason to stop: the next one may not.
            if let Err(error) = self.beat().await {
                tracing::debug!(%error, "a heartbeat was not taken");
            }
            let settled = self.load.borrow().settled_through;
            if settled != self.info.settled_through && registered.elapsed() >= REGISTER_EVERY {
                registered = tokio::time::Instant::now();
                self.register(settled).await;
            }
        }
    }

    /// Says that the agent has stopped, and how far everything has ended.
    pub(crate) async fn last(&mut self) {
        let settled = self.load.borrow().settled_through;
        self.register(settled).await;
        if let Err(error) = self.presence.leave().await {
            tracing::debug!(%error, "could not say good-bye");
        }
    }

    async fn register(&mut self, settled_through: u64) {
        self.info.settled_through = settled_through;
        if let Err(error) = self.presence.register(&self.info).await {
            tracing::debug!(%error, "the agent's record was not taken");
        }
    }

    async fn beat(&self) -> Result<(), AppendError> {
        let load = *self.load.borrow();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let heartbeat = Heartbeat {
            instance: self.info.instance.clone(),
            machine: self.machine.clone(),
            at: Timestamp::now(),
            running: count(load.running),
            queued: count(load.queued),
        };
        self.presence.beat(&heartbeat).await
    }
}
