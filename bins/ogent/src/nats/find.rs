//! Receives the places where a nats-server may be, gives the first one that is good enough.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use super::version::{OLDEST, PINNED, ProbeError, Version, probe};

/// Name of the program, wherever it is.
const PROGRAM: &str = "nats-server";

/// Where to look, in this order. A value of its own, so that tests need no environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// The program that the user named. If there is one, nothing else counts.
    pub(crate) asked_for: Option<PathBuf>,
    /// Folders, as in `PATH`.
    pub(crate) path: Option<OsString>,
    /// The folder under which caches lie (`~/.cache`).
    pub(crate) caches: Option<PathBuf>,
}

/// A nats-server that can be started.
#[derive(Debug)]
pub(crate) struct Found {
    /// The program.
    pub(crate) program: PathBuf,
    /// What it says that it is.
    pub(crate) version: Version,
    /// Where it was.
    pub(crate) origin: Origin,
    /// Those before it that will not do.
    pub(crate) passed_over: Vec<Rejected>,
}

/// Where a nats-server was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user named it.
    AskedFor,
    /// On `PATH`.
    Path,
    /// `ogent nats install` put it there.
    Cache,
}

/// Why there is no nats-server to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    /// The one that the user named will not do.
    #[error("{0}")]
    AskedFor(Rejected),
    /// None was found, or none that will do.
    #[error("no nats-server {OLDEST} or newer was found{}", list(.0))]
    None(Vec<Rejected>),
}

/// A program that will not do, and why.
#[derive(Debug)]
pub(crate) struct Rejected {
    program: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Unknown(ProbeError),
    TooOld(Version),
}

// === impl Places ===

impl Places {
    /// The places of this process. `asked_for` is what `--nats-server` or `OGENT_NATS_SERVER` named.
    pub(crate) fn from_env(asked_for: Option<PathBuf>) -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // A relative XDG path counts as unset: that is what its specification says.
        let caches = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let caches = caches.or_else(|| set("HOME").map(|home| home.join(".cache")));
        Self { asked_for, path: env::var_os("PATH"), caches }
    }

    /// Where the pinned version lies once it is installed.
    pub(crate) fn cached_program(&self) -> Option<PathBuf> {
        Some(self.caches.as_ref()?.join("ogent").join(PROGRAM).join(PINNED.to_string()).join(PROGRAM))
    }

    fn on_path(&self) -> impl Iterator<Item = PathBuf> {
        self.path.iter().flat_map(env::split_paths).map(|folder| folder.join(PROGRAM)).filter(|file| is_program(file))
    }
}

// === impl FindError ===

impl FindError {
    /// What the user can do.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::AskedFor(_) => format!("--nats-server takes the path of a nats-server {OLDEST} or newer"),
            Self::None(_) => format!(
                "`ogent nats install` downloads nats-server {PINNED}, checks it and keeps it in the cache; or {}",
                by_hand()
            ),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AskedFor => "as asked for",
            Self::Path => "found on PATH",
            Self::Cache => "from the cache",
        })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.program.display())?;
        match &self.reason {
            Reason::Unknown(error) => write!(f, "{error}"),
            Reason::TooOld(version) => write!(f, "is version {version}, and Ogent needs {OLDEST} or newer"),
        }
    }
}

/// The nats-server to start.
pub(crate) fn find(places: &Places) -> Result<Found, FindError> {
    find_by(places, probe)
}

fn find_by(places: &Places, probe: impl Fn(&Path) -> Result<Version, ProbeError>) -> Result<Found, FindError> {
    if let Some(program) = &places.asked_for {
        let version = judge(program, &probe).map_err(FindError::AskedFor)?;
        return Ok(Found { program: program.clone(), version, origin: Origin::AskedFor, passed_over: Vec::new() });
    }
    let cached = places.cached_program().filter(|file| is_program(file));
    let candidates = places.on_path().map(|program| (program, Origin::Path));
    let mut rejected = Vec::new();
    for (program, origin) in candidates.chain(cached.map(|program| (program, Origin::Cache))) {
        match judge(&program, &probe) {
            Ok(version) => return Ok(Found { program, version, origin, passed_over: rejected }),
            Err(other) => rejected.push(other),
        }
    }
    Err(FindError::None(rejected))
}

fn judge(program: &Path, probe: impl Fn(&Path) -> Result<Version, ProbeError>) -> Result<Version, Rejected> {
    let reason = match probe(program) {
        Ok(version) if version >= OLDEST => return Ok(version),
        Ok(version) => Reason::TooOld(version),
        Err(error) => Reason::Unknown(error),
    };
    Err(Rejected { program: program.to_owned(), reason })
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn list(rejected: &[Rejected]) -> String {
    rejected.iter().map(|other| format!("\n  {other}")).collect()
}

/// How to come by a nats-server without `ogent nats install`.
pub(super) fn by_hand() -> String {
    format!(
        "install {OLDEST} or newer yourself (it is then found on PATH, or named with --nats-server PATH):\n  \
         macOS    brew install nats-server\n  \
         Linux    https://github.com/nats-io/nats-server/releases (one file; also .deb and .rpm)\n  \
         with Go  go install github.com/nats-io/nats-server/v2@latest"
    )
}

#[cfg(test)]
mod tests;
