//! Receives what an agent says of its programs in short, gives all of their names, from memory where it can.
//!
//! They are kept by their digest: machines that were set up alike share one entry, and nobody can say what another has.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ogent_broker::Directory;
use ogent_protocol::AgentInfo;
use ogent_risk::Inventory;

use crate::limits::{INVENTORY_AGAIN_AFTER, INVENTORY_WITHIN, MAX_INVENTORIES};

/// Inventories that were read.
pub(super) struct Inventories {
    directory: Directory,
    kept: Mutex<HashMap<String, Kept>>,
}

/// What is known under a digest.
struct Kept {
    /// `None` where it could not be read.
    inventory: Option<Inventory>,
    read_at: Instant,
}

// === impl Inventories ===

impl Inventories {
    pub(super) fn new(directory: Directory) -> Self {
        Self { directory, kept: Mutex::default() }
    }

    /// The programs of an agent; `None` where nobody knows. Waits for the broker only the first time that a digest is
    /// seen, and not for long.
    pub(super) async fn of(&self, info: &AgentInfo) -> Option<Inventory> {
        let digest = &info.programs.as_ref()?.digest;
        if let Some(known) = self.known(digest) {
            return known;
        }
        let read = tokio::time::timeout(INVENTORY_WITHIN, self.directory.inventory(&info.id)).await;
        let inventory = match read {
            Ok(Ok(Some(inventory))) if inventory.digest == *digest => Some(inventory.programs.into_iter().collect()),
            // The agent has told of a newer one in between, or of none.
            Ok(Ok(_)) => None,
            Ok(Err(error)) => {
                tracing::debug!(agent = %info.id, %error, "the programs of an agent cannot be read");
                None
            }
            Err(_) => None,
        };
        self.keep(digest, inventory.clone());
        inventory
    }

    /// What is known under this digest, if somebody has asked for it; a failure counts for a while only.
    fn known(&self, digest: &str) -> Option<Option<Inventory>> {
        let kept = self.lock();
        let found = kept.get(digest)?;
        let is_fresh = found.inventory.is_some() || found.read_at.elapsed() < INVENTORY_AGAIN_AFTER;
        is_fresh.then(|| found.inventory.clone())
    }

    fn keep(&self, digest: &str, inventory: Option<Inventory>) {
        let mut kept = self.lock();
        if kept.len() >= MAX_INVENTORIES && !kept.contains_key(digest) {
            let oldest = kept.iter().max_by_key(|(_, one)| one.read_at.elapsed()).map(|(digest, _)| digest.clone());
            oldest.and_then(|oldest| kept.remove(&oldest));
        }
        kept.insert(digest.to_owned(), Kept { inventory, read_at: Instant::now() });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // Nothing panics while it holds this lock; if something did, the map would still be whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
