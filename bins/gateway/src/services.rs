//! Receives the parts from `app`, gives them to every route of `http`.

use ogent_broker::enroll::Registrars;
use ogent_broker::{Broker, Directory, Ledger};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Principal, Rehearsal};
use crate::auth::{Authority, BrowserSession, BrowserSessions, Oidc, Tickets};
use crate::cancel::Canceller;
use crate::execute::Executor;
use crate::gate::{Analyzer, Decider, Gate};
use crate::headroom::Headroom;
use crate::history::{History, Seal};
use crate::meter::Meter;
use crate::metrics::{Metrics, Snapshot};
use crate::network::Network;
use crate::people::People;
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
    pub(crate) people: People,
    pub(crate) access: Access,
    pub(crate) metrics: Metrics,
    pub(crate) sessions: BrowserSessions,
    pub(crate) sites: Sites,
    pub(crate) oidc: Option<Oidc>,
    pub(crate) seal: Seal,
    pub(crate) authority: Authority,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) api_rate: u32,
}

/// Everything that a route may need.
pub(crate) struct Services {
    pub(crate) directory: Directory,
    pub(crate) ledger: Ledger,
    pub(crate) people: People,
    pub(crate) access: Access,
    pub(crate) gate: Gate,
    pub(crate) authority: Authority,
    pub(crate) seal: Seal,
    pub(crate) users_meter: Meter<String>,
    pub(crate) networks_meter: Meter<Network>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) executor: Executor,
    pub(crate) canceller: Canceller,
    pub(crate) decider: Decider,
    pub(crate) analyzer: Analyzer,
    pub(crate) history: History,
    pub(crate) registrars: Registrars,
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
        let Parts {
            broker,
            ledger,
            headroom,
            directory,
            gate,
            people,
            access,
            metrics,
            sessions,
            sites,
            oidc,
            seal,
            authority,
            trusted_proxies,
            api_rate,
        } = parts;
        let reminders = Reminders::new(ledger.clone(), stopping.clone());
        let decider =
            Decider::new(ledger.clone(), headroom.clone(), reminders.clone(), gate.clone(), directory.clone());
        let history = History::new(ledger.clone(), gate.advisors(), decider.clone(), seal.clone());
        let (known, found) = (ledger.clone(), history.clone());
        Self {
            executor: Executor::new(
                known,
                found,
                gate.clone(),
                access.clone(),
                headroom,
                directory.clone(),
                stopping.clone(),
            ),
            canceller: Canceller::new(ledger.clone(), history.clone(), decider.clone(), reminders),
            gate: gate.clone(),
            analyzer: Analyzer::new(gate, ledger.clone(), directory.clone()),
            decider,
            streams: Streams::new(authority.clone(), stopping.clone()),
            directory,
            ledger,
            people,
            access,
            authority,
            seal,
            users_meter: Meter::new(api_rate),
            // Several people may come from one network.
            networks_meter: Meter::new(api_rate.saturating_mul(4)),
            trusted_proxies,
            history,
            sessions,
            tickets: Tickets::new(&broker),
            sites,
            oidc,
            registrars: Registrars::new(&broker),
            broker,
            metrics,
        }
    }

    /// Whom a browser's session speaks for now; `None` where that user is gone.
    #[must_use]
    pub(crate) fn principal_of(&self, session: BrowserSession) -> Option<Principal> {
        let BrowserSession { key, user, epoch: begun_in, granted, ends_at, .. } = session;
        let (roles, epoch) = match granted {
            Some(roles) => (roles, 0),
            None => {
                let person = self.people.current(&user).filter(|person| !person.disabled)?;
                // Whoever has changed since, or is another one of that name, logs in anew.
                if begun_in != Some(person.epoch) {
                    return None;
                }
                (person.roles.clone(), person.epoch)
            }
        };
        let session = Some(key);
        Some(Principal { user, roles, epoch, grant: None, scope: None, expires_at: ends_at, session })
    }

    /// Resolves when a connection that was opened by `principal` has to end.
    pub(crate) fn end_of(&self, principal: &Principal) -> impl Future<Output = Ended> + Send + use<> {
        let end = self.streams.end_of(principal);
        let logged_out = principal.session.clone().map(|key| self.sessions.ended(key));
        async move {
            match logged_out {
                None => end.await,
                Some(logged_out) => tokio::select! {
                    ended = end => ended,
                    () = logged_out => Ended::Revoked,
                },
            }
        }
    }

    /// Whether commands can be taken: the broker is there and the picture of the agents is up to date.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        self.broker.is_connected() && self.directory.is_fresh()
    }

    /// What answers questions about the access policy.
    #[must_use]
    pub(crate) fn rehearsal(&self) -> Rehearsal<'_> {
        Rehearsal { access: &self.access, gate: &self.gate, directory: &self.directory }
    }

    /// The metrics, with what is only known now.
    #[must_use]
    pub(crate) fn render_metrics(&self) -> String {
        let (online, offline) = self.directory.count();
        self.metrics.render(Snapshot { online, offline, reconnects: self.broker.reconnects() })
    }
}
