//! A TCP proxy between a client and a server that breaks what passes, on purpose: whole links, or single NATS messages.

mod connection;
mod editor;
mod frame;
mod pipe;
mod pump;
mod rules;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use rules::{Action, Match, Rule};

use rules::Rules;

/// How long to leave a listener alone that cannot accept: it has run out of file descriptors, which others give back.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// A listening proxy. It and its connections end with this value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accept: AbortOnDropHandle<()>,
}

/// How bytes pass, in all connections of a proxy.
///
/// Bytes that a link holds back flow on when it lets them through again, as after a real partition; so does the news
/// that one side has closed or is gone.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// As if there were no proxy.
    Up,
    /// Connections stay, nothing passes either way; new ones are accepted and hang.
    Cut,
    /// The same in this direction only; the other one passes.
    HalfOpen(Direction),
    /// Connections are reset at once, the open ones and new ones.
    Refused,
    /// Bytes arrive in order and later, in each direction.
    Slow {
        /// By this much.
        delay: Duration,
        /// And up to this much more, by chance.
        jitter: Duration,
    },
    /// Bytes arrive at this rate, in each direction of each connection.
    Trickle {
        /// Zero counts as one.
        bytes_per_second: u32,
    },
}

/// One of the two ways through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From whoever connected.
    ToServer,
    /// From the target.
    ToClient,
}

/// What the proxy and its connections share.
struct Shared {
    target: Mutex<SocketAddr>,
    link: watch::Sender<Link>,
    /// `None`: what passes is not NATS.
    rules: Option<Rules>,
    /// Resets a connection, by its number.
    open: Mutex<HashMap<u64, CancellationToken>>,
    touched: AtomicU64,
}

// === impl Proxy ===

impl Proxy {
    /// A proxy for a nats-server, on a free port.
    pub async fn start(target: SocketAddr) -> Self {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), target).await
    }

    /// The same on an address of your choice.
    ///
    /// # Panics
    /// When somebody else listens there.
    pub async fn listen(on: SocketAddr, target: SocketAddr) -> Self {
        Self::new(on, target, Some(Rules::default())).await
    }

    /// A proxy for anything else that speaks TCP, on a free port: it knows links, no rules.
    pub async fn raw(target: SocketAddr) -> Self {
        Self::new(SocketAddr::from(([127, 0, 0, 1], 0)), target, None).await
    }

    async fn new(on: SocketAddr, target: SocketAddr, rules: Option<Rules>) -> Self {
        let listener = TcpListener::bind(on).await.expect("the proxy cannot listen");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            link: watch::Sender::new(Link::Up),
            rules,
            open: Mutex::default(),
            touched: AtomicU64::new(0),
        });
        let accept = AbortOnDropHandle::new(tokio::spawn(accept(listener, shared.clone())));
        Self { address, shared, _accept: accept }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections elsewhere.
    pub fn retarget(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Changes the link at once, for open and new connections.
    pub fn set_link(&self, link: Link) {
        let is_refused = link == Link::Refused;
        // In this order: a connection enters the list before it looks at the link, so none is missed.
        self.shared.link.send_replace(link);
        if is_refused {
            self.reset();
        }
    }

    /// Changes the rules for NATS messages, in open and new connections; an empty list lets all pass as they are.
    /// All rules count from zero. What older rules hold back or have promised to replay still comes.
    ///
    /// # Panics
    /// When the proxy is [`Proxy::raw`].
    pub fn set_rules(&self, rules: Vec<Rule>) {
        self.shared.rules.as_ref().expect("a raw proxy knows no rules").set(rules);
    }

    /// Resets all open connections (RST) on both sides, and tells how many there were.
    pub fn reset(&self) -> usize {
        let open = std::mem::take(&mut *self.shared.open());
        for connection in open.values() {
            connection.cancel();
        }
        open.len()
    }

    /// How many messages rules have changed so far: dropped, doubled, held back, stripped; replays count when they
    /// take place.
    #[must_use]
    pub fn touched(&self) -> u64 {
        self.shared.touched.load(Ordering::Relaxed)
    }

    /// How many connections are open, those included that hang.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.open().len()
    }
}

// === impl Link ===

impl Link {
    /// Whether anything passes in this direction.
    fn passes(&self, direction: Direction) -> bool {
        match self {
            Self::Cut | Self::Refused => false,
            Self::HalfOpen(cut) => *cut != direction,
            Self::Up | Self::Slow { .. } | Self::Trickle { .. } => true,
        }
    }
}

// === impl Shared ===

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, CancellationToken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self) -> SocketAddr {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.touched.fetch_add(1, Ordering::Relaxed);
    }
}

/// Accepts for as long as the proxy lives; the connections end with this task, because their set does.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    number += 1;
                    connections.spawn(serve(client, number, &shared));
                }
                Err(_) => tokio::time::sleep(ACCEPT_REST).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Puts a connection on the list at once, and gives the work that is to be done for it.
fn serve(client: TcpStream, number: u64, shared: &Arc<Shared>) -> impl Future<Output = ()> + Send + use<> {
    let reset = CancellationToken::new();
    shared.open().insert(number, reset.clone());
    connection::serve(client, number, reset, shared.clone())
}

#[cfg(test)]
mod tests;
