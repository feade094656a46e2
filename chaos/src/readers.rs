//! Receives where something can be followed, reads it far too slowly.
//!
//! [`Slow::Sse`] and [`Slow::WebSocket`] take one byte a second from a small receive buffer, so that the gateway soon
//! has to wait in the middle of a message; [`Slow::Nats`] stops reading altogether, so that the broker does.

mod stalled;
mod trickle;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ogent_protocol::AgentId;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::load::Load;

/// Between one connection that was closed on us and the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Who is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// Follows the output of a command by Server-Sent Events, one byte a second.
    Sse,
    /// Follows all results of an agent by WebSocket, one byte a second.
    WebSocket,
    /// Subscribes to `agents.*.results` at the broker, and stops reading.
    Nats,
}

/// A slow reader. It ends with this value.
pub struct Reader {
    task: AbortHandle,
    counts: Arc<Counts>,
}

/// What a reader has done so far.
#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    bytes: AtomicU64,
}

// === impl Slow ===

impl Slow {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sse, Self::WebSocket, Self::Nats];
}

// === impl Reader ===

impl Reader {
    /// Begins to read, and connects again whenever it is thrown out. `gateway` does not matter to [`Slow::Nats`];
    /// `agent` is who prints what [`Slow::Sse`] follows.
    #[must_use]
    pub fn start(slow: Slow, load: &Load, gateway: usize, agent: &AgentId) -> Self {
        let counts = Arc::new(Counts::default());
        let (load, agent, seen) = (load.clone(), agent.clone(), Arc::clone(&counts));
        let task = tokio::spawn(async move {
            loop {
                // Whatever goes wrong: a gateway or broker that is away comes back.
                let _ = match slow {
                    Slow::Sse => trickle::sse(&load, gateway, &agent, &seen).await,
                    Slow::WebSocket => trickle::web_socket(&load, gateway, &agent, &seen).await,
                    Slow::Nats => stalled::subscribe(&load, &seen).await,
                };
                sleep(PAUSE).await;
            }
        });
        Self { task: task.abort_handle(), counts }
    }

    /// Connections so far that came as far as to be followed.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Bytes that it has read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }

    /// Stops; how many connections there were.
    #[must_use]
    pub fn stop(self) -> u64 {
        self.connections()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Counts ===

impl Counts {
    fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
