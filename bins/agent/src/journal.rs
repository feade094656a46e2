//! Which commands this agent has started, and the names of its lives, on its own disk: a second guard for the case that
//! the ledger forgets, and what tells its own earlier claims from those of a clone.
//!
//! A broker that is restored from an older copy has lost claims that it had acknowledged, and offers their commands
//! again. A command has to start before its `not_after`, so its name need not be kept longer than that; the file stays
//! small. It is written without syncing: it has to survive the end of this process, and it stands only beside the
//! ledger, which is synced.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ogent_protocol::CommandId;

/// Kept so long behind `not_after`, seconds: clocks may differ and be set.
const MARGIN: i64 = 10 * 60;
/// Kept so long when there is no `not_after`, seconds: as long as the ledger keeps commands, by default.
const WITHOUT_LIMIT: i64 = 30 * 24 * 60 * 60;
/// Begins a line that names a life of this agent.
const LIFE: &str = "life ";
/// Lives that are remembered.
const MAX_LIVES: usize = 256;
/// Names that are kept at most; beyond that the oldest are forgotten. Some 100 bytes each.
const MAX_NAMES: usize = 32 * 1024;

/// The journal. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Arc<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    /// Lines in the file.
    lines: usize,
    instance: String,
    /// Names of earlier lives, oldest first.
    lives: Vec<String>,
    names: HashSet<CommandId>,
    /// Until when each is needed, in the order in which they came.
    order: VecDeque<(i64, CommandId)>,
}

// === impl Journal ===

impl Journal {
    /// Opens the journal in the agent's state folder.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) fn open(dir: &Path, instance: &str) -> io::Result<Self> {
        let path = dir.join("started");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        // After a power cut it may hold anything, and the last line may be half of one: what is no entry is passed over.
        let text = String::from_utf8_lossy(&bytes);
        let order: VecDeque<_> = text.lines().filter_map(entry).collect();
        let lives: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(LIFE)).map(str::to_owned).collect();
        let lives = lives.into_iter().rev().take(MAX_LIVES).rev().collect();
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let mut book =
            Book { path, file, lines: 0, instance: instance.to_owned(), lives, names: HashSet::new(), order };
        book.forget();
        // A full disk must not keep an agent from starting: somebody may want to make room by it.
        if let Err(error) = book.rewrite() {
            tracing::warn!(path = %book.path.display(), %error, "the journal of started commands cannot be written");
        }
        Ok(Self(Arc::new(Mutex::new(book))))
    }

    /// Whether this agent, in this life or an earlier one, has started the command.
    pub(crate) fn has(&self, command: &CommandId) -> bool {
        self.book().names.contains(command)
    }

    /// The command that was started last, in this life or an earlier one, as far as is remembered.
    pub(crate) fn latest(&self) -> Option<CommandId> {
        self.book().order.back().map(|(_, command)| command.clone())
    }

    /// Whether this is the name of an earlier life of this agent. The lock on its folder says that it is over.
    pub(crate) fn has_lived(&self, instance: &str) -> bool {
        self.book().lives.iter().any(|life| life == instance)
    }

    /// Writes down that the command is being started. A disk that is full is no reason not to start: the ledger
    /// has the claim, and the command may be the one that makes room.
    pub(crate) fn note(&self, command: &CommandId, not_after: Option<Timestamp>) {
        if let Err(error) = self.book().note(command, not_after) {
            tracing::warn!(%command, %error, "the journal of started commands cannot be written");
        }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Book ===

impl Book {
    fn note(&mut self, command: &CommandId, not_after: Option<Timestamp>) -> io::Result<()> {
        let until = not_after.map_or_else(|| now() + WITHOUT_LIMIT, |at| at.as_second() + MARGIN);
        self.names.insert(command.clone());
        self.order.push_back((until, command.clone()));
        self.lines += 1;
        // A line break first: where the disk was full, the last line may be half of one.
        self.file.write_all(format!("\n{until} {command}").as_bytes())?;
        if self.lines > 2 * MAX_NAMES {
            self.forget();
            self.rewrite()?;
        } else if self.order.len() > MAX_NAMES {
            self.forget();
        }
        Ok(())
    }

    /// Drops what is not needed any more, and the oldest when there are too many.
    fn forget(&mut self) {
        let now = now();
        self.order.retain(|(until, _)| *until > now);
        // Down to less than is allowed, so that this does not come with each further one.
        while self.order.len() > MAX_NAMES / 2 {
            self.order.pop_front();
        }
        self.names = self.order.iter().map(|(_, name)| name.clone()).collect();
    }

    /// Writes the file anew. It is never seen half written.
    fn rewrite(&mut self) -> io::Result<()> {
        let lives = self.lives.iter().chain([&self.instance]).map(|life| format!("\n{LIFE}{life}"));
        let text: String = lives.chain(self.order.iter().map(|(until, name)| format!("\n{until} {name}"))).collect();
        let new = self.path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.lines = self.order.len();
        Ok(())
    }
}

fn entry(line: &str) -> Option<(i64, CommandId)> {
    let (until, name) = line.split_once(' ')?;
    Some((until.parse().ok()?, name.parse().ok()?))
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CommandId {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_life_knows_what_was_started() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "life").unwrap();
        journal.note(&id("now"), Some(Timestamp::now()));
        journal.note(&id("long-ago"), Some(Timestamp::UNIX_EPOCH));
        journal.note(&id("whenever"), None);
        let mut file = OpenOptions::new().append(true).open(dir.path().join("started")).unwrap();
        file.write_all(b"\n\xff\0\n17 half-a-li").unwrap();

        let next = Journal::open(dir.path(), "next").unwrap();
        assert!(next.has_lived("life") && !next.has_lived("next"), "its own life is not over");
        assert!(next.has(&id("now")) && next.has(&id("whenever")));
        assert!(!next.has(&id("long-ago")), "it could not start any more");
        next.note(&id("after"), None);
        assert!(Journal::open(dir.path(), "life").unwrap().has(&id("after")));
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), "life").unwrap();
        for number in 0..3 * MAX_NAMES {
            journal.note(&id(&format!("c{number}")), None);
        }
        let book = journal.book();
        assert!(book.order.len() <= MAX_NAMES && book.names.len() <= MAX_NAMES && book.lines <= 2 * MAX_NAMES);
        assert!(book.names.contains(&id(&format!("c{}", 3 * MAX_NAMES - 1))), "the newest stay");
    }
}
