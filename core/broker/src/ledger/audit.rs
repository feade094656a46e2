//! Receives security events from every part, keeps them in the stream AUDIT without holding anybody up, and gives them
//! back, newest first or from a place on.
//!
//! Who reports an event does not wait for the broker. The queue between has a bound; what does not fit is counted, and
//! the count becomes an event itself once there is room. What strangers can cause is told one by one only up to a rate
//! ([`sieve`]), and in sums beyond.

mod sieve;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use ogent_protocol::subject::{self, AUDIT};
use ogent_protocol::{AuditEvent, AuditKind, Encoding, limits};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Ledger, record};
use crate::append::{AppendError, Entry};
use crate::connect::Broker;
use crate::direct::{MAX_BATCH, Query, ReadError, Record};
use sieve::Sieve;

/// Events that wait for the broker: half a minute of it being away, with all that [`sieve`] lets through.
const QUEUE: usize = 1024;
/// How long one event is tried before it counts as lost, in steps of [`PAUSE`].
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);
/// How often the sums are looked at.
const SUM_EVERY: Duration = Duration::from_secs(5);
/// Sequences that one page looks at, at most.
const BUDGET: u64 = 16 * MAX_BATCH;

/// Which events to give.
#[derive(Default)]
pub struct AuditScan {
    /// Only those stored before this sequence: where the last page ended.
    pub before: Option<u64>,
    /// Instead: those stored after this sequence, the oldest first.
    pub after: Option<u64>,
    /// Only events of this kind.
    pub kind: Option<AuditKind>,
    /// Only events by or about this user.
    pub user: Option<String>,
    /// Only those stored at this moment or later.
    pub since: Option<Timestamp>,
    /// So many at most.
    pub limit: usize,
}

/// A security event as the stream keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its place in the stream.
    pub sequence: u64,
    /// What happened.
    pub event: AuditEvent,
}

/// What was found.
#[derive(Debug, Default)]
pub struct AuditPage {
    /// In the order that was asked for.
    pub records: Vec<AuditRecord>,
    /// Give it as `before` to go on with older ones; `None` at the end.
    pub next_before: Option<u64>,
    /// Give it as `after` to go on with what is stored later.
    pub through: u64,
}

/// Where events wait for the broker.
pub(super) struct Desk {
    broker: Broker,
    queue: OnceLock<mpsc::Sender<Job>>,
    dropped: std::sync::Arc<AtomicU64>,
}

enum Job {
    Event(AuditEvent),
    Flush(oneshot::Sender<()>),
}

// === impl Desk ===

impl Desk {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker, queue: OnceLock::new(), dropped: std::sync::Arc::default() }
    }

    /// The way to the task that stores, which begins with the first event.
    fn queue(&self) -> &mpsc::Sender<Job> {
        self.queue.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            // It ends when the last `Ledger` is gone, which drops the sender.
            tokio::spawn(write(self.broker.clone(), receiver, self.dropped.clone()));
            sender
        })
    }
}

async fn write(broker: Broker, mut queue: mpsc::Receiver<Job>, dropped: std::sync::Arc<AtomicU64>) {
    let mut sieve = Sieve::default();
    let mut sums = tokio::time::interval(SUM_EVERY);
    sums.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let (due, flush, ends) = tokio::select! {
            job = queue.recv() => match job {
                Some(Job::Event(event)) => (sieve.take(event, Instant::now()).into_iter().collect(), None, false),
                Some(Job::Flush(done)) => (sieve.all(), Some(done), false),
                None => (sieve.all(), None, true),
            },
            _ = sums.tick() => (sieve.due(Instant::now()), None, false),
        };
        for event in due {
            store(&broker, &event, &dropped).await;
        }
        report_dropped(&broker, &dropped).await;
        if let Some(done) = flush {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
        if ends {
            return;
        }
    }
}

async fn store(broker: &Broker, event: &AuditEvent, dropped: &AtomicU64) {
    let Ok(payload) = Encoding::Json.encode(event) else {
        dropped.fetch_add(event.facts.count, Ordering::Relaxed);
        tracing::error!(kind = event.kind.as_str(), "invariant violated: a security event cannot be written");
        return;
    };
    // The id lets the broker know a second try whose first has arrived.
    let entry = Entry::new(subject::audit(event.kind), payload)
        .header("Content-Type", "application/cloudevents+json")
        .message_id(&event.id);
    for _ in 0..TRIES {
        match broker.append(entry.clone()).await {
            Ok(_) => return,
            Err(AppendError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(kind = event.kind.as_str(), %error, "a security event is not stored");
                break;
            }
        }
    }
    dropped.fetch_add(event.facts.count, Ordering::Relaxed);
}

/// Says how many events are missing, once it can be said.
async fn report_dropped(broker: &Broker, dropped: &AtomicU64) {
    let missing = dropped.load(Ordering::Relaxed);
    if missing == 0 || !broker.is_connected() {
        return;
    }
    let event = AuditEvent::new("audit", AuditKind::Dropped).times(missing);
    let Ok(payload) = Encoding::Json.encode(&event) else { return };
    if broker.append(Entry::new(subject::audit(event.kind), payload).message_id(&event.id)).await.is_ok() {
        dropped.fetch_sub(missing, Ordering::Relaxed);
        tracing::warn!(missing, "security events were lost");
    }
}

// === impl Ledger ===

impl Ledger {
    /// Has a security event stored, without waiting for it.
    pub fn audit(&self, event: AuditEvent) {
        let count = event.facts.count;
        if self.audit.queue().try_send(Job::Event(event)).is_err() {
            self.audit.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Security events that could not be stored and of which the stream does not say so yet.
    #[must_use]
    pub fn audit_missing(&self) -> u64 {
        self.audit.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all that was reported is stored, for the end of a part. At most so long.
    pub async fn flush_audit(&self, within: Duration) {
        let (done, waiting) = oneshot::channel();
        let flushed = async {
            if self.audit.queue().send(Job::Flush(done)).await.is_ok() {
                let _ = waiting.await;
            }
        };
        let is_used = self.audit.queue.get().is_some();
        if is_used && tokio::time::timeout(within, flushed).await.is_err() {
            tracing::warn!("security events may be lost: the broker does not take them");
        }
    }

    /// A page of security events.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn audit_page(&self, scan: &AuditScan) -> Result<AuditPage, ReadError> {
        match scan.after {
            Some(after) => self.audit_after(scan, after).await,
            None => self.audit_before(scan).await,
        }
    }

    async fn audit_after(&self, scan: &AuditScan, after: u64) -> Result<AuditPage, ReadError> {
        let mut page = AuditPage { through: after, ..AuditPage::default() };
        let query = Query {
            seq: Some(after.saturating_add(1)),
            next_by_subj: Some(filter(scan)),
            batch: MAX_BATCH,
            is_lenient: true,
            ..Query::default()
        };
        let batch = self.broker.read(AUDIT, &query).await?;
        for stored in &batch.records {
            if page.records.len() == scan.limit {
                return Ok(page);
            }
            page.through = page.through.max(stored.sequence);
            page.records.extend(read(stored).filter(|found| scan.wants(found, stored.stored_at)));
        }
        Ok(page)
    }

    async fn audit_before(&self, scan: &AuditScan) -> Result<AuditPage, ReadError> {
        let (first, mut before) = self.bounds(AUDIT, subject::ALL_AUDIT, scan.before, None).await?;
        let floor = before.saturating_sub(BUDGET).max(first);
        let mut page = AuditPage { through: before.saturating_sub(1), ..AuditPage::default() };
        let mut window = 64;
        while before > floor {
            let from = before.saturating_sub(window).max(floor);
            for stored in self.audit_window(scan, from, before).await?.into_iter().rev() {
                if scan.since.is_some_and(|since| stored.stored_at < since) {
                    return Ok(page);
                }
                let Some(found) = read(&stored).filter(|found| scan.wants(found, stored.stored_at)) else { continue };
                if page.records.len() == scan.limit {
                    // The one that did not fit comes first on the next page.
                    page.next_before = Some(found.sequence + 1);
                    return Ok(page);
                }
                page.records.push(found);
            }
            before = from;
            window = (window * 4).min(MAX_BATCH);
        }
        page.next_before = (before > first).then_some(before);
        Ok(page)
    }

    async fn audit_window(&self, scan: &AuditScan, from: u64, before: u64) -> Result<Vec<Record>, ReadError> {
        let (mut records, mut seq) = (Vec::new(), from);
        while seq < before {
            let query = Query {
                seq: Some(seq),
                next_by_subj: Some(filter(scan)),
                batch: (before - seq).min(MAX_BATCH),
                is_lenient: true,
                ..Query::default()
            };
            let batch = self.broker.read(AUDIT, &query).await?;
            if batch.through < seq {
                break;
            }
            seq = batch.through + 1;
            records.extend(batch.records.into_iter().filter(|stored| stored.sequence < before));
        }
        Ok(records)
    }
}

// === impl AuditScan ===

impl AuditScan {
    fn wants(&self, found: &AuditRecord, stored_at: Timestamp) -> bool {
        let facts = &found.event.facts;
        self.since.is_none_or(|since| stored_at >= since)
            && self
                .user
                .as_ref()
                .is_none_or(|user| facts.by.as_ref() == Some(user) || facts.about.as_ref() == Some(user))
    }
}

fn filter(scan: &AuditScan) -> String {
    scan.kind.map_or_else(|| subject::ALL_AUDIT.to_owned(), subject::audit)
}

/// The event in a stored message. One that cannot be read must not hide all others.
fn read(stored: &Record) -> Option<AuditRecord> {
    let event = || {
        if stored.is_led_here {
            return Err(record::LED_HERE.to_owned());
        }
        let event: AuditEvent = record::encoding_of(&stored.headers)?
            .decode(&stored.payload, limits::MAX_PAYLOAD_BYTES)
            .map_err(|error| error.to_string())?;
        match subject::audit(event.kind) == stored.subject {
            true => Ok(event),
            false => Err("it is of another kind than its subject".to_owned()),
        }
    };
    let event = event().inspect_err(|problem| tracing::warn!(stored.sequence, problem, "skipped a security event"));
    Some(AuditRecord { sequence: stored.sequence, event: event.ok()? })
}
