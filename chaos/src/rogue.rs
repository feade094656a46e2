//! Receives what goes to the agents, publishes it again: doubled, out of order, late, under other headers.
//!
//! It stands for whoever may publish on `agents.<id>.exec`: every operator. It only repeats what the ledger holds, so
//! nothing that it sends may start anything.

mod tape;
mod tricks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Client;
use futures::StreamExt as _;
use ogent_protocol::subject;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::task::AbortHandle;

use crate::load::connect;
use tape::Tape;

pub use tricks::Trick;

/// What the rogue needs to know.
#[derive(Debug, Clone)]
pub struct RogueOptions {
    /// The broker, or several with commas between them; not through a proxy.
    pub nats_url: String,
    /// A key that may subscribe to `agents.*.exec`, which nobody but each agent may in Ogent.
    pub recorder_creds: String,
    /// The key to publish with: the operator's.
    pub person_creds: String,
    /// Chooses what is published again.
    pub seed: u64,
}

/// Somebody who may publish to agents and means no good. It records from its start, and ends with this value.
pub struct Rogue {
    publisher: Client,
    /// Kept only because the connection ends with it.
    _recorder: Client,
    recording: AbortHandle,
    tape: Arc<Mutex<Tape>>,
    rng: Mutex<ChaCha8Rng>,
}

// === impl Rogue ===

impl Rogue {
    /// Connects and begins to record.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn start(options: RogueOptions) -> anyhow::Result<Self> {
        let recorder = connect("chaos recorder", &options.nats_url, &options.recorder_creds).await?;
        let publisher = connect("chaos rogue", &options.nats_url, &options.person_creds).await?;
        let mut heard = recorder.subscribe(subject::ALL_EXEC).await?;
        recorder.flush().await?;
        let tape = Arc::new(Mutex::new(Tape::default()));
        let recorded = Arc::clone(&tape);
        let recording = tokio::spawn(async move {
            while let Some(message) = heard.next().await {
                lock(&recorded).record(&message);
            }
        });
        let rng = Mutex::new(ChaCha8Rng::seed_from_u64(options.seed));
        Ok(Self { publisher, _recorder: recorder, recording: recording.abort_handle(), tape, rng })
    }

    /// Plays a trick for a while; how many messages it has published.
    pub async fn strike(&self, trick: Trick, lasts: Duration) -> u64 {
        tricks::play(self, trick, lasts).await
    }

    /// How many different messages it could play again now.
    #[must_use]
    pub fn heard(&self) -> usize {
        lock(&self.tape).len()
    }

    /// What was recorded so far is never played again. For a store that was set back: what it does not hold any more
    /// would be a new command, and would rightly run.
    pub fn forget(&self) {
        lock(&self.tape).clear();
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        lock(&self.tape)
    }

    fn rng(&self) -> MutexGuard<'_, ChaCha8Rng> {
        lock(&self.rng)
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.recording.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
