//! Receives the live feeds of agents from the broker, gives each message to those in this process who follow its
//! command. One subscription an agent, however many follow it, kept for a while after the last one has left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Message;
use futures::StreamExt as _;
use ogent_protocol::subject::{self, RESULTS};
use ogent_protocol::{AgentId, CommandId};
use tokio::sync::mpsc;

use crate::connect::{Broker, BrokerError};
use crate::direct::{header_number, was_stored_once};
use crate::listen::Published;

/// Live messages that wait for one listener. What comes on top is dropped and read from the ledger later.
const BUFFER: usize = 256;
/// How long a subscription without listeners is kept: the next command on the same agent then costs none.
const LINGER: Duration = Duration::from_secs(60);

/// All feeds that this process follows.
pub(super) struct Hub {
    broker: Broker,
    feeds: tokio::sync::Mutex<HashMap<AgentId, Arc<Feed>>>,
}

/// A live message: an event with its place in the stream.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) sequence: u64,
    pub(super) message: Message,
}

/// Hears the live messages of one agent, or of one of its commands.
pub(super) struct Listener {
    feed: Arc<Feed>,
    token: u64,
    receiver: mpsc::Receiver<Live>,
    missed: Arc<AtomicBool>,
}

#[derive(Default)]
struct Feed {
    tokens: AtomicU64,
    listeners: Mutex<HashMap<u64, Entry>>,
}

struct Entry {
    command: Option<CommandId>,
    sender: mpsc::Sender<Live>,
    missed: Arc<AtomicBool>,
}

// === impl Hub ===

impl Hub {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker, feeds: tokio::sync::Mutex::default() }
    }

    /// Listens to one agent; to one command of it, if one is named. What the broker sends after this returns comes.
    pub(super) async fn listen(
        self: &Arc<Self>,
        agent: &AgentId,
        command: Option<&CommandId>,
    ) -> Result<Listener, BrokerError> {
        let mut feeds = self.feeds.lock().await;
        let feed = match feeds.get(agent) {
            Some(feed) => feed.clone(),
            None => {
                let published = self.broker.listen(subject::feed(agent)).await?;
                let feed = Arc::new(Feed::default());
                feeds.insert(agent.clone(), feed.clone());
                tokio::spawn(serve(Arc::downgrade(self), agent.clone(), feed.clone(), published));
                feed
            }
        };
        Ok(feed.join(command))
    }

    /// Gives up a feed that nobody follows. `false` when somebody has come in between.
    async fn retire(&self, agent: &AgentId, feed: &Feed) -> bool {
        let mut feeds = self.feeds.lock().await;
        let is_idle = feed.entries().is_empty();
        if is_idle {
            feeds.remove(agent);
        }
        is_idle
    }
}

async fn serve(hub: std::sync::Weak<Hub>, agent: AgentId, feed: Arc<Feed>, mut published: Published) {
    loop {
        match tokio::time::timeout(LINGER, published.next()).await {
            Ok(Some(message)) => feed.dispatch(message),
            // The connection is closed for good.
            Ok(None) => return,
            Err(_) => {
                let Some(hub) = hub.upgrade() else { return };
                if hub.retire(&agent, &feed).await {
                    return;
                }
            }
        }
    }
}

// === impl Feed ===

impl Feed {
    fn entries(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        // Nothing panics while it holds this lock; if something did, the map would still be whole.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: Arc<Self>, command: Option<&CommandId>) -> Listener {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(BUFFER);
        let missed = Arc::new(AtomicBool::new(false));
        self.entries().insert(token, Entry { command: command.cloned(), sender, missed: missed.clone() });
        Listener { feed: self, token, receiver, missed }
    }

    /// Only the subject that the broker itself wrote into the headers is looked at here; the body is read by those
    /// who want it.
    fn dispatch(&self, message: Message) {
        let headers = message.headers.as_ref();
        // An answer of the broker's that somebody led here is no event.
        let is_event = |headers: &async_nats::HeaderMap| {
            was_stored_once(headers) && headers.get("Nats-Stream").is_some_and(|stream| stream.as_str() == RESULTS)
        };
        if !headers.is_some_and(is_event) {
            return;
        }
        let Some(sequence) = header_number(headers, "Nats-Sequence") else { return };
        let stored = headers.and_then(|headers| headers.get("Nats-Subject"));
        let Some((_, command)) = stored.and_then(|subject| subject::parse_ledger(subject.as_str())) else { return };
        for entry in self.entries().values() {
            if entry.command.as_ref().is_none_or(|wanted| *wanted == command) {
                let live = Live { sequence, message: message.clone() };
                if entry.sender.try_send(live).is_err() {
                    entry.missed.store(true, Ordering::Release);
                }
            }
        }
    }
}

// === impl Listener ===

impl Listener {
    /// The next live message; `None` when the connection is closed for good.
    pub(super) async fn recv(&mut self) -> Option<Live> {
        self.receiver.recv().await
    }

    /// Whether messages were dropped since this was last asked.
    pub(super) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.feed.entries().remove(&self.token);
    }
}
