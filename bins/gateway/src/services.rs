//! Receives the parts from `app`, gives them to every route of `http`.

use ogent_broker::enroll::Registrars;
use ogent_broker::{Broker, Directory, Ledger};
use tokio_util::sync::CancellationToken;

use crate::auth::{Passwords, Tokens};
use crate::cancel::Canceller;
use crate::execute::Executor;
use crate::gate::{Analyzer, Decider, Gate};
use crate::headroom::Headroom;
use crate::history::History;
use crate::metrics::{Metrics, Snapshot};
use crate::remind::Reminders;
use crate::streams::Streams;

/// What is made before the gateway runs.
pub(crate) struct Parts {
    pub(crate) broker: Broker,
    pub(crate) ledger: Ledger,
    pub(crate) headroom: Headroom,
    pub(crate) directory: Directory,
    pub(crate) gate: Gate,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) metrics: Metrics,
    pub(crate) allowed_origins: Vec<String>,
}

/// Everything that a route may need.
pub(crate) struct Services {
    pub(crate) directory: Directory,
    pub(crate) ledger: Ledger,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) executor: Executor,
    pub(crate) canceller: Canceller,
    pub(crate) decider: Decider,
    pub(crate) analyzer: Analyzer,
    pub(crate) history: History,
    pub(crate) registrars: Registrars,
    pub(crate) streams: Streams,
    pub(crate) allowed_origins: Vec<String>,
    broker: Broker,
    metrics: Metrics,
}

// === impl Services ===

impl Services {
    /// Whatever waits or streams comes to an end when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(parts: Parts, stopping: &CancellationToken) -> Self {
        let Parts { broker, ledger, headroom, directory, gate, tokens, passwords, metrics, allowed_origins } = parts;
        let reminders = Reminders::new(ledger.clone(), stopping.clone());
        let decider =
            Decider::new(ledger.clone(), headroom.clone(), reminders.clone(), gate.clone(), directory.clone());
        let history = History::new(ledger.clone(), gate.advisors(), decider.clone());
        let (known, found) = (ledger.clone(), history.clone());
        Self {
            executor: Executor::new(known, found, gate.clone(), headroom, directory.clone(), stopping.clone()),
            canceller: Canceller::new(ledger.clone(), history.clone(), decider.clone(), reminders),
            analyzer: Analyzer::new(gate, ledger.clone(), directory.clone()),
            decider,
            streams: Streams::new(stopping.clone()),
            directory,
            ledger,
            tokens,
            passwords,
            history,
            allowed_origins,
            registrars: Registrars::new(&broker),
            broker,
            metrics,
        }
    }

    /// Whether commands can be taken: the broker is there and the picture of the agents is up to date.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        self.broker.is_connected() && self.directory.is_fresh()
    }

    /// The metrics, with what is only known now.
    #[must_use]
    pub(crate) fn render_metrics(&self) -> String {
        let (online, offline) = self.directory.count();
        self.metrics.render(Snapshot { online, offline, reconnects: self.broker.reconnects() })
    }
}
