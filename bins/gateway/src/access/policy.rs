//! Receives the access policy from its bucket, gives the latest one that can be used to every question, a moment after any
//! gateway has taken it; one that cannot be used changes nothing.

use std::sync::Arc;

use jiff::Timestamp;
use ogent_access::{Policies, PolicyError, PolicyFile, admins_only, shipped};
use ogent_broker::{Broker, BrokerError, ReadError, Shelf, ShelfError, Shelved};
use ogent_protocol::subject::POLICIES_BUCKET;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// The key of the one policy there is.
const KEY: &str = "access";
/// The name by which errors call it.
const NAME: &str = "policy";

/// The policy as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyRecord {
    /// Counts from 1.
    version: u64,
    text: String,
    author: String,
    at: Timestamp,
    #[serde(default)]
    note: Option<String>,
}

/// A policy that holds, or has held.
#[derive(Debug, Clone)]
pub(crate) struct PolicyChange {
    /// Counts from 1; 0 is the one that is shipped.
    pub(crate) version: u64,
    /// What it says.
    pub(crate) text: String,
    /// Who has set it, and when; nobody has set the one that is shipped.
    pub(crate) by: Option<(String, Timestamp)>,
    /// Why, in that person's words.
    pub(crate) note: Option<String>,
}

/// The policy that holds.
#[derive(Debug)]
pub(crate) struct Current {
    /// What it is.
    pub(crate) change: PolicyChange,
    /// The same, ready to decide.
    pub(crate) policies: Policies,
    /// Why a later one does not hold, where there is one.
    pub(crate) problem: Option<String>,
}

/// Why a policy was not put into place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetPolicyError {
    /// It cannot be used.
    #[error(transparent)]
    Invalid(#[from] PolicyError),
    /// Whoever sets it could not set another one.
    #[error("under this policy {0} could not change the policy any more")]
    LocksOut(String),
    /// It was made from another one than the one that holds.
    #[error("the policy was changed meanwhile: it has version {0}")]
    Changed(u64),
    /// The bucket did not take it.
    #[error("the policy cannot be stored")]
    Store(#[from] ShelfError),
    /// It could not be read in.
    #[error("the policy was not checked")]
    Gone(#[source] tokio::task::JoinError),
}

/// The access policy of the fleet.
#[derive(Clone)]
pub(crate) struct AccessPolicy {
    shelf: Shelf<PolicyRecord>,
    current: Arc<watch::Sender<Arc<Current>>>,
}

// === impl AccessPolicy ===

impl AccessPolicy {
    /// Reads the policy and follows it until `shutdown`.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn follow(broker: &Broker, shutdown: CancellationToken) -> Result<Self, BrokerError> {
        let shelf: Shelf<PolicyRecord> = Shelf::follow(broker, POLICIES_BUCKET, shutdown.clone()).await?;
        let changes = shelf.subscribe();
        let first = first(&shelf).await.map_err(|problem| BrokerError::Unavailable(problem.clone()))?;
        let (current, _) = watch::channel(Arc::new(first));
        let policy = Self { shelf, current: Arc::new(current) };
        let kept = policy.clone();
        tokio::spawn(async move {
            let mut changes = changes;
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    // Whatever it says, also that some were missed: what counts is what is there now.
                    _ = changes.recv() => kept.look().await,
                }
            }
        });
        Ok(policy)
    }

    /// The policy that holds.
    #[must_use]
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells when another one holds.
    #[must_use]
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Current>> {
        self.current.subscribe()
    }

    /// Puts another policy into place: on every gateway, within a second. `from`: the version that it was made from.
    ///
    /// # Errors
    /// See [`SetPolicyError`]. Then the one before goes on to hold.
    pub(crate) async fn set(
        &self,
        author: &str,
        text: String,
        note: Option<String>,
        from: Option<u64>,
        keeps_right: impl FnOnce(&Policies) -> bool,
    ) -> Result<Arc<Current>, SetPolicyError> {
        let policies = check(&text).await?;
        if !keeps_right(&policies) {
            return Err(SetPolicyError::LocksOut(author.to_owned()));
        }
        self.shelf.refresh().await.map_err(ShelfError::Read)?;
        let known = self.shelf.get(KEY);
        let (version, revision) = known.as_ref().map_or((0, 0), |known| (known.value.version, known.revision));
        if from.is_some_and(|from| from != version) {
            return Err(SetPolicyError::Changed(version));
        }
        let author = author.to_owned();
        let record = PolicyRecord { version: version + 1, text, author, at: Timestamp::now(), note };
        let stored = self.shelf.put(KEY, record, revision).await.map_err(|error| match error {
            ShelfError::Conflict => SetPolicyError::Changed(version + 1),
            other => SetPolicyError::Store(other),
        })?;
        tracing::info!(version = stored.value.version, author = stored.value.author, "another access policy holds");
        let current = Arc::new(Current { change: stored.value.clone().into(), policies, problem: None });
        self.hold(Arc::clone(&current));
        Ok(current)
    }

    /// The policies that held, the latest first, as far as they are kept.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn history(&self) -> Result<Vec<PolicyChange>, ReadError> {
        let mut found = self.shelf.history(KEY).await?;
        found.reverse();
        Ok(found.into_iter().map(|shelved| shelved.value.into()).collect())
    }

    /// Takes over what the bucket has, where it can be used.
    async fn look(&self) {
        let Some(shelved) = self.shelf.get(KEY) else { return };
        let current = self.current();
        if shelved.value.version == current.change.version && shelved.value.text == current.change.text {
            return;
        }
        match check(&shelved.value.text).await {
            Ok(policies) => {
                tracing::info!(version = shelved.value.version, "another access policy holds");
                self.hold(Arc::new(Current { change: shelved.value.clone().into(), policies, problem: None }));
            }
            Err(error) => {
                let problem = broken(&shelved, &error);
                tracing::error!(
                    problem,
                    "the access policy in the bucket cannot be used; the one before goes on to hold"
                );
                self.keep(&current, problem).await;
            }
        }
    }

    fn hold(&self, next: Arc<Current>) {
        self.current.send_if_modified(|current| {
            // Two may have looked at the same time.
            let is_newer = next.change.version >= current.change.version;
            if is_newer {
                *current = next;
            }
            is_newer
        });
    }

    /// Goes on with what holds, and says why.
    async fn keep(&self, current: &Current, problem: String) {
        if let Ok(policies) = check(&current.change.text).await {
            let kept = Current { change: current.change.clone(), policies, problem: Some(problem) };
            self.current.send_modify(|current| *current = Arc::new(kept));
        }
    }
}

/// What holds at the start: the latest that can be used. Where there are some and none can, admins alone may do anything.
async fn first(shelf: &Shelf<PolicyRecord>) -> Result<Current, String> {
    let found = shelf.history(KEY).await.map_err(|error| error.to_string())?;
    let mut problem = None;
    if found.is_empty() && shelf.has_any(KEY).await.map_err(|error| error.to_string())? {
        // Something has been written over it, so there was one.
        tracing::error!("the access policy in the bucket cannot be read; admins alone may do anything");
        problem = Some("what the bucket has of it cannot be read".to_owned());
    }
    for shelved in found.iter().rev() {
        match check(&shelved.value.text).await {
            Ok(policies) => return Ok(Current { change: shelved.value.clone().into(), policies, problem }),
            Err(error) => {
                let text = broken(shelved, &error);
                tracing::error!(problem = text, "the access policy in the bucket cannot be used; an earlier one holds");
                problem.get_or_insert(text);
            }
        }
    }
    let files = if problem.is_some() { admins_only() } else { shipped() };
    let text = files.into_iter().map(|file| file.text).collect::<Vec<_>>().join("\n");
    let policies = check(&text).await.map_err(|error| error.to_string())?;
    Ok(Current { change: PolicyChange { version: 0, text, by: None, note: None }, policies, problem })
}

fn broken(shelved: &Shelved<PolicyRecord>, error: &SetPolicyError) -> String {
    format!("version {} by {}: {error}", shelved.value.version, shelved.value.author)
}

async fn check(text: &str) -> Result<Policies, SetPolicyError> {
    let files = [PolicyFile { name: NAME.to_owned(), text: text.to_owned() }];
    Ok(spawn_blocking(move || Policies::load(&files)).await.map_err(SetPolicyError::Gone)??)
}

impl From<PolicyRecord> for PolicyChange {
    fn from(record: PolicyRecord) -> Self {
        let PolicyRecord { version, text, author, at, note } = record;
        Self { version, text, by: Some((author, at)), note }
    }
}
