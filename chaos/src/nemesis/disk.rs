//! Faults of the broker's store: set back to what it was, or full.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use ogent_testkit::copy_folder;
use tokio::time::sleep;

use super::{Done, Nemesis};
use crate::evidence::now;
use crate::plan::Part;

const BROKER: Part = Part::Broker(0);

impl Nemesis {
    /// The copy is taken while the broker stands still, as a snapshot of a disk would be.
    pub(super) async fn set_back(&self, by: Duration, lasts: Duration) -> Result<Done, String> {
        let (store, copy) = (self.stage.store(), self.stage.dir().join("store-then"));
        let _ = std::fs::remove_dir_all(&copy);
        self.stage.pause(BROKER);
        let then = now();
        let copied = copy_folder(&store, &copy);
        self.stage.resume(BROKER);
        copied.map_err(|error| format!("the store cannot be copied: {error}"))?;
        sleep(by).await;
        let from = now();
        self.stage.kill(BROKER);
        // What the ledger has forgotten may run again when it is published again: nobody can know that it ran.
        self.rogue.forget();
        let swapped = std::fs::remove_dir_all(&store).and_then(|()| std::fs::rename(&copy, &store));
        sleep(lasts.saturating_sub(by)).await;
        self.start(BROKER)?;
        swapped.map_err(|error| format!("the store cannot be set back: {error}"))?;
        Ok(Done { from, count: 1, set_back_to: Some(then) })
    }

    /// After there is room again, the broker is started again: JetStream stays off on a server whose disk was full.
    pub(super) async fn fill_disk(&self, lasts: Duration) -> Result<Done, String> {
        let file = self.stage.small_disk().ok_or("there is no small disk")?.join("filler");
        let from = now();
        fill(&file).map_err(|error| format!("the disk cannot be filled: {error}"))?;
        sleep(lasts).await;
        std::fs::remove_file(&file).map_err(|error| format!("the disk cannot be emptied: {error}"))?;
        self.stage.kill(BROKER);
        self.start(BROKER)?;
        Ok(Done::new(from, 1))
    }
}

/// Writes until nothing fits any more, also not what the broker has just given back.
fn fill(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for size in [1024 * 1024, 64 * 1024, 4096] {
        let block = vec![0; size];
        while write_all(&mut file, &block)? {}
    }
    Ok(())
}

/// Whether there was room.
fn write_all(file: &mut File, block: &[u8]) -> io::Result<bool> {
    match file.write_all(block) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(false),
        Err(error) => Err(error),
    }
}
