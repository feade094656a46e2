//! Looks which programs commands find on `PATH`, tells the ceiling and the broker when that has changed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ogent_broker::presence::Presence;
use ogent_protocol::limits::{MAX_PROGRAMS, MAX_PROGRAMS_BYTES};
use ogent_protocol::{Inventory, Programs};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ceiling::Ceiling;
use crate::process;

/// How often the folders are asked whether they have changed: one call for each.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often they are read in any case: a program can become one without a change of its folder.
const SCAN_EVERY: Duration = Duration::from_secs(10 * 60);

/// What was found, and when its folders were changed last.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// `None` where there are more than anybody can be told.
    pub(crate) inventory: Option<Inventory>,
    changed: Vec<Option<SystemTime>>,
}

/// Keeps the inventory true.
pub(crate) struct Keeper {
    pub(crate) presence: Presence,
    pub(crate) ceiling: Arc<Ceiling>,
    /// Tells the pulse, which tells everybody.
    pub(crate) programs: watch::Sender<Option<Programs>>,
    pub(crate) found: Found,
}

/// Looks for the first time.
pub(crate) async fn first() -> Found {
    spawn_blocking(|| scan(&process::path())).await.unwrap_or_default()
}

// === impl Keeper ===

impl Keeper {
    /// Looks again and again until `stop`.
    pub(crate) async fn keep(mut self, stop: CancellationToken) {
        let mut told = self.found.inventory.as_ref().map(Inventory::summary) == *self.programs.borrow();
        let mut scanned_at = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if scanned_at.elapsed() >= SCAN_EVERY || self.has_changed().await {
                scanned_at = Instant::now();
                let found = first().await;
                told &= found.inventory == self.found.inventory;
                self.found = found;
            }
            if !told {
                told = self.tell().await;
            }
        }
    }

    async fn has_changed(&self) -> bool {
        let now = spawn_blocking(|| changes(&process::path())).await;
        now.is_ok_and(|now| now != self.found.changed)
    }

    /// First the names, then their digest: who hears of the digest can read the names. `false` when the broker did not take
    /// it.
    pub(crate) async fn tell(&self) -> bool {
        let inventory = &self.found.inventory;
        self.ceiling.set_programs(inventory.as_ref());
        if let Some(inventory) = inventory
            && let Err(error) = self.presence.stock(inventory).await
        {
            tracing::debug!(%error, "the inventory was not taken");
            return false;
        }
        self.programs.send_replace(inventory.as_ref().map(Inventory::summary));
        true
    }
}

fn folders(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    // A relative one is another folder for each command.
    std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect::<Vec<_>>().into_iter()
}

fn changes(path: &OsStr) -> Vec<Option<SystemTime>> {
    folders(path).map(|folder| std::fs::metadata(folder).and_then(|folder| folder.modified()).ok()).collect()
}

fn scan(path: &OsStr) -> Found {
    let changed = changes(path);
    let mut names = BTreeSet::new();
    let mut bytes = 0;
    for entry in folders(path).filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let may_run = |file: std::fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
        if names.contains(&name) || !std::fs::metadata(entry.path()).is_ok_and(may_run) {
            continue;
        }
        bytes += name.len();
        names.insert(name);
        if names.len() > MAX_PROGRAMS || bytes > MAX_PROGRAMS_BYTES {
            tracing::warn!("there are too many programs on PATH to tell their names");
            return Found { inventory: None, changed };
        }
    }
    Found { inventory: Some(Inventory::of(names.into_iter().collect())), changed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, Permissions, set_permissions};

    #[test]
    fn what_can_be_run_is_found_once() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = |path: PathBuf, mode| {
            File::create(&path).unwrap();
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        file(one.path().join("both"), 0o755);
        file(two.path().join("both"), 0o755);
        file(two.path().join("data"), 0o644);
        std::fs::create_dir(two.path().join("folder")).unwrap();
        std::os::unix::fs::symlink(one.path().join("both"), two.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/nowhere", two.path().join("dangling")).unwrap();
        let path = std::env::join_paths([one.path(), two.path(), "relative".as_ref(), "/nowhere".as_ref()]).unwrap();
        let found = scan(&path);
        assert_eq!(found.inventory.as_ref().unwrap().programs, ["both", "link"]);
        assert_eq!(found.changed, changes(&path));
        file(one.path().join("new"), 0o755);
        assert_eq!(scan(&path).inventory.unwrap().programs, ["both", "link", "new"]);
    }
}
