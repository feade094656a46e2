//! Receives where Ogent is, asks it for commands in all ways, and writes down what it did and heard (`client.jsonl`).
//!
//! `mix` makes wishes, `caps` says which of them the machine bears now, `ask` tries each one until it is clear whether
//! it was taken, through `gateways` or as a `person` with a connection of their own; `cancel` and `follow` do what
//! else is done about it. Everything goes into the `book`, an offer before its first byte is sent.

mod answer;
mod ask;
mod book;
mod cancel;
mod caps;
mod follow;
mod gateways;
mod mix;
mod person;
mod probe;
mod sse;
mod wish;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use ogent_protocol::{AgentId, CommandId};
use rand::Rng as _;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::evidence::{Behaviour, Evidence, Way};

use book::Book;
use caps::{Caps, Leave, harmful_for};
use gateways::Gateways;
use mix::Mix;
use person::Person;
use wish::{Order, Wish};

pub(crate) use person::connect;

/// After [`Load::stop`], how long what is open may take to become clear.
const SETTLE_WITHIN: Duration = Duration::from_secs(20);

/// What the load needs to know.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The gateways: `http://127.0.0.1:8001`.
    pub urls: Vec<String>,
    /// Password of `admin`.
    pub password: String,
    /// The broker, or several with commas between them; not through a proxy.
    pub nats_url: String,
    /// What a person connects with.
    pub person_creds: String,
    /// Whom to give commands to.
    pub agents: Vec<AgentId>,
    /// The program `ogent-witness`.
    pub witness: PathBuf,
    /// Where it writes: the run's `witness.jsonl`.
    pub witness_file: PathBuf,
    /// Where `client.jsonl` is.
    pub evidence: Evidence,
    /// Chooses what is asked for.
    pub seed: u64,
    /// About so many; 15 is what two cores bear.
    pub commands_per_second: f64,
}

/// How much was asked for so far, probes included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Offered.
    pub offered: u64,
    /// Taken.
    pub accepted: u64,
    /// Refused.
    pub refused: u64,
    /// Nobody knows.
    pub unknown: u64,
}

/// A client that asks for commands. Clones are the same client.
#[derive(Clone)]
pub struct Load {
    client: Arc<Client>,
}

/// What all tasks of the load share.
pub(crate) struct Client {
    options: LoadOptions,
    /// Begins the names of this run, which no other run has.
    tag: String,
    probes: AtomicU64,
    gateways: Gateways,
    person: Person,
    book: Book,
    tasks: TaskTracker,
    stopping: CancellationToken,
    stopped_at: OnceLock<Instant>,
}

// === impl Load ===

impl Load {
    /// [`Load::connect`] and [`Load::begin`].
    ///
    /// # Errors
    /// As for [`Load::connect`].
    pub async fn start(options: LoadOptions) -> anyhow::Result<Self> {
        let load = Self::connect(options).await?;
        load.begin();
        Ok(load)
    }

    /// Connects; asks for nothing but probes until [`Load::begin`].
    ///
    /// # Errors
    /// When the broker cannot be reached, or the log not be written.
    pub async fn connect(options: LoadOptions) -> anyhow::Result<Self> {
        let tag = format!("c{:08x}", rand::rng().random::<u32>());
        let client = Client {
            tag,
            probes: AtomicU64::new(0),
            gateways: Gateways::new(&options.urls, &options.password)?,
            person: Person::connect(&options.nats_url, &options.person_creds).await?,
            book: Book::new(options.evidence.log("client.jsonl").context("client.jsonl")?),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            stopped_at: OnceLock::new(),
            options,
        };
        Ok(Self { client: Arc::new(client) })
    }

    /// Begins to ask for commands.
    pub fn begin(&self) {
        self.client.tasks.spawn(Arc::clone(&self.client).offer_all());
    }

    /// Asks for quick commands through one gateway until one has succeeded; how long that took. `None`: not within
    /// `limit`.
    pub async fn probe(&self, gateway: usize, agent: &AgentId, limit: Duration) -> Option<Duration> {
        self.client.probe(gateway, agent, limit).await
    }

    /// Asks for nothing new, and waits (at most 50 s) until everything that was asked for has its line in the log.
    /// Probes still work.
    pub async fn stop(&self) {
        let _ = self.client.stopped_at.set(Instant::now());
        self.client.stopping.cancel();
        self.client.tasks.close();
        // More than what is open may take: the last try has a time-out of its own.
        let _ = timeout(SETTLE_WITHIN + Duration::from_secs(30), self.client.tasks.wait()).await;
    }

    /// Accepted commands that have no end yet, as far as the gateways tell. What they do not know at all (after a
    /// store was set back) is not among them.
    pub async fn unfinished(&self) -> Vec<(AgentId, CommandId)> {
        let open = futures::stream::iter(self.client.book.unfinished().into_iter().enumerate());
        let asked = open.map(|(at, (agent, command))| async move {
            self.client.is_open(at, &command).await.then_some((agent, command))
        });
        asked.buffer_unordered(8).filter_map(std::future::ready).collect().await
    }

    /// How much was asked for so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.client.book.tally()
    }

    /// Whether this nonce is one of a probe.
    #[must_use]
    pub fn is_probe(nonce: &str) -> bool {
        nonce.split_once('-').is_some_and(|(_, rest)| rest.starts_with('p'))
    }

    /// For those who follow: a command that prints so much, as fast as it can.
    pub(crate) async fn print(&self, gateway: usize, agent: &AgentId, bytes: u64) -> Option<CommandId> {
        let order = self.client.order(Wish {
            nonce: self.client.probe_name(),
            agent: agent.clone(),
            way: Way::Rest { gateway },
            behaviour: Behaviour::Print { bytes, pause_ms: 0 },
            timeout: Duration::from_secs(30),
            start_within: Some(Duration::from_secs(30)),
            max_output_bytes: None,
            wait: 0,
            cancel_after: None,
            is_followed: false,
            is_doubled: false,
        });
        // Whoever follows may be stopped before there is an answer; what has been offered is seen through.
        let client = Arc::clone(&self.client);
        let asking = self.client.tasks.spawn(async move { client.ask(&order).await });
        asking.await.ok().flatten().map(|taken| taken.command)
    }

    /// An address and a token.
    pub(crate) async fn way_in(&self, gateway: usize) -> anyhow::Result<(String, String)> {
        let token = self.client.gateways.token(gateway, None).await.map_err(anyhow::Error::msg)?;
        Ok((self.client.gateways.url(gateway).to_owned(), token))
    }

    pub(crate) fn options(&self) -> &LoadOptions {
        &self.client.options
    }
}

// === impl Client ===

impl Client {
    async fn offer_all(self: Arc<Self>) {
        let options = &self.options;
        let mean = Duration::from_secs_f64(1.0 / options.commands_per_second.max(0.01));
        let mut mix = Mix::new(options.seed, &self.tag, &options.agents, options.urls.len());
        let caps = Caps::new();
        while self.stopping.run_until_cancelled(sleep(mix.pause(mean))).await.is_some() {
            let wish = mix.wish();
            if let Some(leave) = caps.leave(&wish) {
                self.tasks.spawn(Arc::clone(&self).carry_out(wish, leave));
            }
        }
    }

    /// One wish, from its offer to all that is done about it.
    async fn carry_out(self: Arc<Self>, wish: Wish, leave: Leave) {
        let order = self.order(wish);
        let (taken, ()) = tokio::join!(self.ask(&order), self.cancel(&order));
        drop(leave.asking);
        let wish = &order.wish;
        if let Some(nasty) = leave.nasty {
            let is_over = taken.as_ref().is_some_and(|taken| taken.outcome.is_some());
            let held = if is_over { Duration::from_secs(1) } else { harmful_for(wish) };
            let stopping = self.stopping.clone();
            self.tasks.spawn(async move {
                let _ = stopping.run_until_cancelled(sleep(held)).await;
                drop(nasty);
            });
        }
        if let Some(taken) = taken.filter(|_| wish.is_followed) {
            let limit = wish.patience().min(Duration::from_secs(120)) + wish.timeout + Duration::from_secs(90);
            self.follow(taken.command, wish.gateway(), limit).await;
        }
    }

    /// Writes the offer down; from here on it may be sent.
    fn order(&self, wish: Wish) -> Order {
        self.book.offered(&wish);
        Order::new(wish, &self.options.witness, &self.options.witness_file)
    }

    fn probe_name(&self) -> String {
        format!("{}-p{}", self.tag, self.probes.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// When to give up what would be given up at `planned`.
    fn give_up_at(&self, planned: Instant) -> Instant {
        self.stopped_at.get().map_or(planned, |stopped| planned.min(*stopped + SETTLE_WITHIN))
    }

    async fn is_open(&self, at: usize, command: &CommandId) -> bool {
        match self.gateways.show(at, command).await {
            Ok(view) if view.status.is_final() => {
                self.book.ended(command);
                false
            }
            Err(404) => false,
            Ok(_) | Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_known_by_their_names() {
        assert!(Load::is_probe("c0123abcd-p7"));
        assert!(!Load::is_probe("c0123abcd-7"));
        assert!(!Load::is_probe("p7"));
    }
}
