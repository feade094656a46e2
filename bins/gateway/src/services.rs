//! Receives the parts from `app`, gives them to every route of `http`.

use ogent_broker::{Broker, Directory, Ledger};
use tokio_util::sync::CancellationToken;

use crate::access::Principal;
use crate::auth::{BrowserSession, BrowserSessions, Oidc, Passwords, Tickets, Tokens};
use crate::cancel::Canceller;
use crate::execute::Executor;
use crate::gate::{Analyzer, Decider, Gate};
use crate::headroom::Headroom;
use crate::history::History;
use crate::metrics::{Metrics, Snapshot};
use crate::remind::Reminders;
use crate::sites::Sites;
use crate::streams::{Ended, Streams};

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
    pub(crate) sessions: BrowserSessions,
    pub(crate) sites: Sites,
    pub(crate) oidc: Option<Oidc>,
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
    pub(crate) streams: Streams,
    pub(crate) sessions: BrowserSessions,
    pub(crate) tickets: Tickets,
    pub(crate) sites: Sites,
    pub(crate) oidc: Option<Oidc>,
    broker: Broker,
    metrics: Metrics,
}

// === impl Services ===

impl Services {
    /// Whatever waits or streams comes to an end when `stopping` is cancelled.
    #[must_use]
    pub(crate) fn new(parts: Parts, stopping: &CancellationToken) -> Self {
        let Parts { broker, ledger, headroom, directory, gate, tokens, passwords, metrics, sessions, sites, oidc } =
            parts;
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
            sessions,
            tickets: Tickets::new(&broker),
            sites,
            oidc,
            broker,
            metrics,
        }
    }

    /// Whom a browser's session speaks for now; `None` where that user is gone.
    #[must_use]
    pub(crate) fn principal_of(&self, session: BrowserSession) -> Option<Principal> {
        let BrowserSession { key, user, granted, ends_at } = session;
        let roles = granted.or_else(|| self.passwords.roles_of(&user))?;
        Some(Principal { user, roles, expires_at: ends_at, session: Some(key) })
    }

    /// Resolves when a connection that was opened by `principal` has to end.
    pub(crate) fn end_of(&self, principal: &Principal) -> impl Future<Output = Ended> + Send + use<> {
        let end = self.streams.end_of(principal.expires_at);
        let logged_out = principal.session.clone().map(|key| self.sessions.ended(key));
        async move {
            match logged_out {
                None => end.await,
                Some(logged_out) => tokio::select! {
                    ended = end => ended,
                    () = logged_out => Ended::LoggedOut,
                },
            }
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
