//! Receives stored events by replay and live ones from the hub, gives one gap-free row of them.

use std::collections::VecDeque;
use std::time::Duration;

use ogent_protocol::subject;
use ogent_protocol::{AgentId, CommandId};

use super::Ledger;
use super::hub::{Listener, Live};
use super::record::{self, StoredEvent};
use crate::connect::{BrokerError, ConnectionState};
use crate::direct::ReadError;

/// How long to wait for a live event before the ledger is asked: republishing is at most once, so silence may be loss.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);
/// Times that the ledger is asked in vain before the one who waits is told.
const MAX_FAILURES: u32 = 5;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchStart {
    /// The command is about to be submitted: there is nothing to replay.
    Fresh,
    /// With the event of this number.
    From(u64),
}

/// The events of one command, in order, without gaps and doubles: first what is stored, then what comes.
pub struct Watch {
    ledger: Ledger,
    subject: String,
    listener: Listener,
    /// Number of the next event.
    next_n: u64,
    /// Sequence in the stream behind the last event that was given out.
    resume: u64,
    /// Whether the ledger has to be read from `resume` on before live events count.
    is_behind: bool,
    ready: VecDeque<StoredEvent>,
    patience: Duration,
}

/// All events of one agent, in the order of the stream.
pub struct AgentFeed {
    ledger: Ledger,
    subject: String,
    listener: Listener,
    /// Sequence behind the last event that was given out; `None` before the first one of a feed without replay.
    resume: Option<u64>,
    is_behind: bool,
    /// How the connection was when this last looked.
    connection: ConnectionState,
    ready: VecDeque<StoredEvent>,
}

// === impl Ledger ===

impl Ledger {
    /// Follows one command. Nothing that is stored after this returns is missed.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn watch(&self, agent: &AgentId, id: &CommandId, start: WatchStart) -> Result<Watch, BrokerError> {
        let (next_n, is_behind) = match start {
            WatchStart::Fresh => (0, false),
            WatchStart::From(n) => (n, true),
        };
        Ok(Watch {
            listener: self.hub.listen(agent, Some(id)).await?,
            ledger: self.clone(),
            subject: subject::result(agent, id),
            next_n,
            resume: 1,
            is_behind,
            ready: VecDeque::new(),
            patience: FIRST_PATIENCE,
        })
    }

    /// Follows one agent: from the event behind sequence `after` on, or from now.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn follow_agent(&self, agent: &AgentId, after: Option<u64>) -> Result<AgentFeed, BrokerError> {
        Ok(AgentFeed {
            listener: self.hub.listen(agent, None).await?,
            ledger: self.clone(),
            subject: subject::results_of(agent),
            resume: after.map(|sequence| sequence.saturating_add(1)),
            is_behind: after.is_some(),
            connection: *self.broker.state().borrow(),
            ready: VecDeque::new(),
        })
    }
}

// === impl Watch ===

impl Watch {
    /// The next event. Waits for it as long as it takes.
    ///
    /// # Errors
    /// When the ledger cannot be read for a while; another call tries again.
    pub async fn next(&mut self) -> Result<StoredEvent, ReadError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(self.give(event));
            }
            if self.is_behind {
                self.read_on().await?;
                continue;
            }
            match tokio::time::timeout(self.patience, self.listener.recv()).await {
                Ok(Some(live)) => self.take(&live),
                Ok(None) => return Err(ReadError::Unavailable("the connection is closed".to_owned())),
                Err(_) => {
                    self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
                    self.is_behind = true;
                }
            }
        }
    }

    fn give(&mut self, event: StoredEvent) -> StoredEvent {
        self.next_n = event.event.n + 1;
        self.resume = event.sequence + 1;
        self.patience = FIRST_PATIENCE;
        event
    }

    fn take(&mut self, live: &Live) {
        let Some(event) = decode(live) else { return };
        match event.event.n.cmp(&self.next_n) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => self.ready.push_back(event),
            std::cmp::Ordering::Greater => self.is_behind = true,
        }
    }

    async fn read_on(&mut self) -> Result<(), ReadError> {
        let page = again(&self.ledger, &self.subject, self.resume).await?;
        let next_n = self.next_n;
        self.ready.extend(page.events.into_iter().filter(|stored| stored.event.n >= next_n));
        match page.next {
            Some(next) => self.resume = next,
            None => self.is_behind = false,
        }
        Ok(())
    }
}

// === impl AgentFeed ===

impl AgentFeed {
    /// The next event. Waits for it as long as it takes.
    ///
    /// # Errors
    /// When the ledger cannot be read for a while; another call tries again.
    pub async fn next(&mut self) -> Result<StoredEvent, ReadError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.resume = Some(event.sequence + 1);
                return Ok(event);
            }
            if let (true, Some(resume)) = (self.is_behind, self.resume) {
                self.read_on(resume).await?;
                continue;
            }
            match tokio::time::timeout(LONGEST_PATIENCE, self.listener.recv()).await {
                Ok(Some(live)) => self.take(&live),
                Ok(None) => return Err(ReadError::Unavailable("the connection is closed".to_owned())),
                Err(_) => {}
            }
            self.look_for_loss();
        }
    }

    fn take(&mut self, live: &Live) {
        let is_new = self.resume.is_none_or(|resume| live.sequence >= resume);
        if let (true, Some(event)) = (is_new, decode(live)) {
            self.ready.push_back(event);
        }
    }

    fn look_for_loss(&mut self) {
        let connection = *self.ledger.broker.state().borrow();
        if self.listener.take_missed() || connection != self.connection {
            self.connection = connection;
            self.is_behind = true;
            // What is ready came after what was lost: the ledger gives both, in order.
            if self.resume.is_some() {
                self.ready.clear();
            }
        }
    }

    async fn read_on(&mut self, resume: u64) -> Result<(), ReadError> {
        let page = again(&self.ledger, &self.subject, resume).await?;
        self.ready.extend(page.events);
        match page.next {
            Some(next) => self.resume = Some(next),
            None => self.is_behind = false,
        }
        Ok(())
    }
}

fn decode(live: &Live) -> Option<StoredEvent> {
    let headers = live.message.headers.as_ref()?;
    let stored_at = headers.get("Nats-Subject")?;
    record::read_event(stored_at.as_str(), live.sequence, headers, &live.message.payload)
        .inspect_err(|error| tracing::warn!(%error, "skipped a live event"))
        .ok()
}

async fn again(ledger: &Ledger, subject: &str, resume: u64) -> Result<super::read::EventPage, ReadError> {
    let mut failures = 0;
    loop {
        match ledger.events_page(subject.to_owned(), resume).await {
            Err(error @ ReadError::Unavailable(_)) => {
                failures += 1;
                if failures >= MAX_FAILURES {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            page => return page,
        }
    }
}
