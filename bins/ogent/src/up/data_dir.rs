//! Receives the folder that the user named, gives it to everyone else: private, and locked against a second user.
//!
//! nats-server does not lock its store: two of them on one folder both say "ready" and ruin each other's files.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, process};

use tempfile::{NamedTempFile, TempDir};

/// How temporary data folders are called, so that what a killed process left can be recognised.
const TEMPORARY_PREFIX: &str = "ogent-up-";

/// A folder younger than this may belong to a process that has not locked it yet.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// The folder with everything that `ogent up` keeps. Locked until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    // The order counts: a temporary folder is removed before its lock is given up.
    temporary: Option<TempDir>,
    path: PathBuf,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// Another process has it.
    #[error("the data folder {path} is in use by another `ogent up`{}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Held {
        /// The folder.
        path: PathBuf,
        /// The other process, if it has written down its id.
        pid: Option<u32>,
    },
    /// It holds files of something else.
    #[error("{0} is not empty and is not a data folder of Ogent")]
    Foreign(PathBuf),
    /// It cannot be made or opened.
    #[error("the data folder {path} cannot be used")]
    Io {
        /// The folder or a file in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

// === impl DataDir ===

impl DataDir {
    /// Makes the folder if need be, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io { path: path.to_owned(), source };
        if path.join("lock").exists() || is_empty(path).map_err(failed)? {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
            Self::lock(path, None)
        } else {
            Err(DataDirError::Foreign(path.to_owned()))
        }
    }

    /// Makes a temporary folder, which is removed with the value.
    pub(crate) fn ephemeral() -> Result<Self, DataDirError> {
        let parent = env::temp_dir();
        let folder = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(&parent);
        let folder = folder.map_err(|source| DataDirError::Io { path: parent, source })?;
        let path = folder.path().to_owned();
        Self::lock(&path, Some(folder))
    }

    /// The temporary folders of processes of this user that were killed.
    pub(crate) fn abandoned() -> Vec<Self> {
        let entries = fs::read_dir(env::temp_dir()).into_iter().flatten().flatten();
        let ours = entries.map(|entry| entry.path()).filter(|path| is_abandoned(path));
        ours.filter_map(|path| Self::lock(&path, None).ok()).collect()
    }

    fn lock(path: &Path, temporary: Option<TempDir>) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Io { path: path.to_owned(), source };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        let mut lock = options.open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::Held { path: path.to_owned(), pid: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let path = settle(path, &mut lock).map_err(failed)?;
        Ok(Self { temporary, path, _lock: lock })
    }

    /// The folder, as an absolute path without symbolic links: it is compared with command lines later.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes away with this process.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a folder in it, and gives its path.
    pub(crate) fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(path)
    }

    /// Writes a file in it, mode 0600, at once or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.join(name);
        let mut file = NamedTempFile::new_in(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(path)
    }

    /// A log file for a child, mode 0600. What the last child wrote there is kept once more, as `….1`.
    pub(crate) fn log(&self, name: &str) -> io::Result<File> {
        let path = self.join(name);
        match fs::rename(&path, self.join(&format!("{name}.1"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => OpenOptions::new().append(true).create(true).mode(0o600).open(path),
        }
    }

    /// Removes the folder with everything in it.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

/// Writes down who holds the lock, and makes sure that nobody else can look into the folder.
fn settle(path: &Path, lock: &mut File) -> io::Result<PathBuf> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", process::id())?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    // The folder holds secrets, and its default place is inside of what may be a repository.
    fs::write(path.join(".gitignore"), "*\n")?;
    path.canonicalize()
}

fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// A folder that is not there counts as empty.
fn is_empty(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Anybody may make folders beside ours: only a real one, of this user, that is not just being made, counts.
fn is_abandoned(path: &Path) -> bool {
    let has_name = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY_PREFIX));
    let is_ours = |data: &fs::Metadata| {
        let age = data.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        data.is_dir() && data.uid() == nix::unistd::geteuid().as_raw() && age.is_some_and(|age| age > SETTLED_AFTER)
    };
    has_name && fs::symlink_metadata(path).is_ok_and(|data| is_ours(&data)) && path.join("lock").exists()
}

#[cfg(test)]
mod tests;
