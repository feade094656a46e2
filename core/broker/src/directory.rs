//! Receives what agents write about themselves, gives a picture of all of them that is asked without waiting.
//!
//! A heartbeat is an ordinary message on the bucket's own subject, so the gateway hears it without any consumer; the
//! bucket is only read at the start, after a reconnect, and once in a while for what may have been missed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_nats::Message;
use futures::StreamExt as _;
use jiff::Timestamp;
use ogent_protocol::subject::{AGENTS_BUCKET, IDENTITIES_BUCKET, INVENTORY_BUCKET, PRESENCE_BUCKET};
use ogent_protocol::{AgentId, AgentInfo, Heartbeat, Identity, IdentityState, Inventory, limits};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connect::{Broker, BrokerError};
use crate::direct::{ReadError, Record, was_given_out};
use crate::listen::Published;
use crate::presence;

/// How often the buckets are read again, in case a live message was lost.
const REFRESH: Duration = Duration::from_secs(60);
/// How often heartbeats are looked at for age.
const SWEEP: Duration = Duration::from_secs(1);
/// Changes that wait for one subscriber; one that is slower is told that it has missed some.
const CHANGES: usize = 1024;

/// All agents, as far as this process has heard.
#[derive(Clone)]
pub struct Directory {
    shared: Arc<Shared>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentState {
    /// Who it is.
    pub info: AgentInfo,
    /// Its latest heartbeat; `None` when it is offline.
    pub heartbeat: Option<Heartbeat>,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Whether its id is shut out: nothing runs there until another machine has it.
    pub is_revoked: bool,
}

struct Shared {
    broker: Broker,
    agents: RwLock<BTreeMap<AgentId, Entry>>,
    named: RwLock<BTreeMap<AgentId, Named>>,
    changes: broadcast::Sender<AgentState>,
}

/// What registrars know of an agent.
struct Named {
    /// What admins have said about it when they let it in. It goes before what it says about itself.
    labels: BTreeMap<String, String>,
    is_revoked: bool,
}

struct Entry {
    state: AgentState,
    /// When the heartbeat stops counting.
    expires: Option<Instant>,
}

// === impl AgentState ===

impl AgentState {
    /// Whether its heartbeat is fresh, and it may still come.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.heartbeat.is_some() && !self.is_revoked
    }
}

// === impl Directory ===

impl Directory {
    /// Reads both buckets and follows them until `shutdown`.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn follow(broker: &Broker, shutdown: CancellationToken) -> Result<Self, BrokerError> {
        let (changes, _) = broadcast::channel(CHANGES);
        let shared =
            Arc::new(Shared { broker: broker.clone(), agents: RwLock::default(), named: RwLock::default(), changes });
        let subscribe = async |bucket: &str| broker.listen(format!("$KV.{bucket}.*")).await;
        // First listen, then read: what is written in between is heard.
        let feeds = [AGENTS_BUCKET, PRESENCE_BUCKET, IDENTITIES_BUCKET];
        let [infos, heartbeats, identities] = feeds.map(subscribe);
        let feeds = (infos.await?, heartbeats.await?, identities.await?);
        shared.load().await.map_err(|error| BrokerError::Unavailable(error.to_string()))?;
        tokio::spawn(follow(shared.clone(), feeds, shutdown));
        Ok(Self { shared })
    }

    /// The agent with this id.
    #[must_use]
    pub fn get(&self, id: &AgentId) -> Option<AgentState> {
        self.shared.read().get(id).map(|entry| entry.state.clone())
    }

    /// What the owner of an agent says about it; `None` where there is no such agent.
    #[must_use]
    pub fn labels(&self, id: &AgentId) -> Option<BTreeMap<String, String>> {
        self.shared.read().get(id).map(|entry| entry.state.info.labels.clone())
    }

    /// The programs that an agent says it has; `None` where it says nothing, or what is not whole.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn inventory(&self, id: &AgentId) -> Result<Option<Inventory>, ReadError> {
        let (stream, key) = (presence::stream(INVENTORY_BUCKET), presence::key(INVENTORY_BUCKET, id));
        let found = self.shared.broker.last(&stream, &key).await?;
        Ok(found.and_then(|record| presence::value::<Inventory>(&record)).filter(Inventory::is_whole))
    }

    /// All agents, by id.
    #[must_use]
    pub fn list(&self) -> Vec<AgentState> {
        self.shared.read().values().map(|entry| entry.state.clone()).collect()
    }

    /// How many agents are online, and how many are not.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let agents = self.shared.read();
        let online = agents.values().filter(|entry| entry.state.is_online()).count();
        (online, agents.len() - online)
    }

    /// Every change from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<AgentState> {
        self.shared.changes.subscribe()
    }

    /// Whether the picture is kept up to date.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.shared.broker.is_connected()
    }
}

async fn follow(shared: Arc<Shared>, feeds: (Published, Published, Published), shutdown: CancellationToken) {
    let (mut infos, mut heartbeats, mut identities) = feeds;
    let mut state = shared.broker.state();
    let mut refresh = tokio::time::interval_at(Instant::now() + REFRESH, REFRESH);
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some(message) = infos.next() => shared.hear_info(&message),
            Some(message) = heartbeats.next() => shared.hear_heartbeat(&message).await,
            Some(message) = identities.next() => shared.hear_identity(&message),
            _ = sweep.tick() => shared.sweep(),
            Ok(()) = state.changed() => shared.reload().await,
            _ = refresh.tick() => shared.reload().await,
        }
    }
}

// === impl Shared ===

impl Shared {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<AgentId, Entry>> {
        // Nothing panics while it holds this lock; if something did, the map would still be whole.
        self.agents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<AgentId, Entry>> {
        self.agents.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reload(&self) {
        if self.broker.is_connected()
            && let Err(error) = self.load().await
        {
            tracing::debug!(%error, "the agents' records cannot be read now");
        }
    }

    async fn load(&self) -> Result<(), ReadError> {
        for record in self.bucket(IDENTITIES_BUCKET).await? {
            // What cannot be read leaves what was known.
            if let Some(identity) = presence::value::<Identity>(&record)
                && key(&record.subject).as_ref() == Some(&identity.id)
            {
                self.set_name(identity);
            }
        }
        for record in self.bucket(AGENTS_BUCKET).await? {
            if let Some(info) = presence::value::<AgentInfo>(&record)
                && key(&record.subject).as_ref() == Some(&info.id)
            {
                self.set_info(info, record.stored_at);
            }
        }
        for record in self.bucket(PRESENCE_BUCKET).await? {
            if let (Some(id), Some(heartbeat)) = (key(&record.subject), presence::value(&record)) {
                self.set_heartbeat(&id, Some(heartbeat), record.stored_at);
            }
        }
        Ok(())
    }

    async fn bucket(&self, bucket: &str) -> Result<Vec<Record>, ReadError> {
        let found = self.broker.read_all(&presence::stream(bucket), &format!("$KV.{bucket}.*")).await?;
        Ok(found.0)
    }

    fn hear_info(&self, message: &Message) {
        let headers = message.headers.clone().unwrap_or_default();
        if was_given_out(&headers) {
            return;
        }
        // Nobody says who another one is.
        if let Some(info) = presence::decode::<AgentInfo>(&headers, &message.payload)
            && key(&message.subject).as_ref() == Some(&info.id)
        {
            self.set_info(info, Timestamp::now());
        }
    }

    async fn hear_heartbeat(&self, message: &Message) {
        let Some(id) = key(&message.subject) else { return };
        let headers = message.headers.clone().unwrap_or_default();
        // A heartbeat comes from its agent; an answer of the broker's carries the headers of a stream.
        if was_given_out(&headers) {
            return;
        }
        let heartbeat = presence::decode::<Heartbeat>(&headers, &message.payload);
        let is_stranger = !self.read().contains_key(&id);
        if is_stranger && heartbeat.is_some() {
            self.reload().await;
        }
        self.set_heartbeat(&id, heartbeat, Timestamp::now());
    }

    fn hear_identity(&self, message: &Message) {
        let headers = message.headers.clone().unwrap_or_default();
        if was_given_out(&headers) {
            return;
        }
        if let Some(identity) = presence::decode::<Identity>(&headers, &message.payload)
            && key(&message.subject).as_ref() == Some(&identity.id)
        {
            self.set_name(identity);
        }
    }

    fn set_name(&self, identity: Identity) {
        let Identity { id, labels, state, .. } = identity;
        let named = Named { labels, is_revoked: state == IdentityState::Revoked };
        self.named.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), named);
        let known = self.read().get(&id).map(|entry| (entry.state.info.clone(), entry.state.last_seen));
        if let Some((info, at)) = known {
            self.set_info(info, at);
        }
    }

    fn set_info(&self, mut info: AgentInfo, at: Timestamp) {
        let mut is_revoked = false;
        if let Some(named) = self.named.read().unwrap_or_else(PoisonError::into_inner).get(&info.id) {
            info.labels.extend(named.labels.clone());
            is_revoked = named.is_revoked;
        }
        let mut agents = self.write();
        let entry = match agents.get_mut(&info.id) {
            Some(entry) if entry.state.info == info && entry.state.is_revoked == is_revoked => return,
            Some(entry) => {
                entry.state.info = info;
                entry.state.is_revoked = is_revoked;
                entry
            }
            None => {
                let id = info.id.clone();
                let state = AgentState { info, heartbeat: None, last_seen: at, is_revoked };
                agents.entry(id).or_insert(Entry { state, expires: None })
            }
        };
        entry.state.last_seen = entry.state.last_seen.max(at);
        let _ = self.changes.send(entry.state.clone());
    }

    fn set_heartbeat(&self, id: &AgentId, heartbeat: Option<Heartbeat>, at: Timestamp) {
        let mut agents = self.write();
        let Some(entry) = agents.get_mut(id) else { return };
        // A record that was read from the bucket may be older than what was heard.
        if at < entry.state.last_seen && entry.state.heartbeat.is_some() {
            return;
        }
        let load = |heartbeat: &Option<Heartbeat>| heartbeat.as_ref().map(|beat| (beat.running, beat.queued));
        let is_news = load(&entry.state.heartbeat) != load(&heartbeat);
        let age = Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default();
        entry.expires = heartbeat.is_some().then(|| Instant::now() + limits::PRESENCE_TTL.saturating_sub(age));
        entry.state.heartbeat = heartbeat;
        entry.state.last_seen = entry.state.last_seen.max(at);
        if is_news {
            let _ = self.changes.send(entry.state.clone());
        }
    }

    /// Agents that have gone silent become offline, by this process's own clock.
    fn sweep(&self) {
        let now = Instant::now();
        if self.read().values().all(|entry| entry.expires.is_none_or(|expires| expires > now)) {
            return;
        }
        for entry in self.write().values_mut().filter(|entry| entry.expires.is_some_and(|expires| expires <= now)) {
            entry.expires = None;
            entry.state.heartbeat = None;
            let _ = self.changes.send(entry.state.clone());
        }
    }
}

/// The agent whose key a bucket subject names.
fn key(subject: &str) -> Option<AgentId> {
    subject.rsplit('.').next()?.parse().ok()
}
