//! Receives what a nats-server says about itself, gives a version that can be compared.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The oldest nats-server that behaves as Ogent needs it.
pub(super) const OLDEST: Version = Version { major: 2, minor: 14, patch: 5, is_release: true };

/// The one that `ogent nats install` installs and that Ogent is tested with.
pub(super) const PINNED: Version = Version { major: 2, minor: 15, patch: 1, is_release: true };

/// `--version` prints one line and ends within milliseconds; what takes longer than this is something else.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Version of a nats-server. A preview sorts before its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    is_release: bool,
}

/// Why a program is not a nats-server whose version is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// It does not start.
    #[error("cannot be started: {0}")]
    Start(#[from] io::Error),
    /// It was still running when its time was over.
    #[error("does not answer to --version")]
    Silent,
    /// What it printed is not the version of a nats-server.
    #[error("is not a nats-server (its --version says {0:?})")]
    Foreign(String),
}

// === impl Version ===

impl Version {
    /// Parses the first line of `nats-server --version`: `nats-server: v2.15.1`.
    pub(super) fn from_banner(text: &str) -> Option<Self> {
        let text = text.lines().next()?.strip_prefix("nats-server: v")?.trim();
        let (numbers, preview) = text.split_once('-').map_or((text, None), |(numbers, rest)| (numbers, Some(rest)));
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(Self { major, minor, patch, is_release: preview.is_none() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preview = if self.is_release { "" } else { " (a preview)" };
        write!(f, "{}.{}.{}{preview}", self.major, self.minor, self.patch)
    }
}

/// Asks `program` for its version.
pub(super) fn probe(program: &Path) -> Result<Version, ProbeError> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let answer = wait_for_answer(&mut child);
    if answer.is_err() {
        // It is either stuck or has ended by now; neither may be left behind.
        let _ = child.kill();
        let _ = child.wait();
    }
    let answer = answer?;
    Version::from_banner(&answer).ok_or_else(|| ProbeError::Foreign(first_line(&answer)))
}

fn wait_for_answer(child: &mut Child) -> Result<String, ProbeError> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            return Err(ProbeError::Silent);
        }
        thread::sleep(Duration::from_millis(2));
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(4096).read_to_end(&mut answer)?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::from_banner(text).unwrap()
    }

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(version("nats-server: v2.15.1\n"), PINNED);
        assert!(version("nats-server: v2.9.10") < OLDEST);
        assert!(version("nats-server: v2.14.4") < OLDEST);
        assert!(version("nats-server: v2.14.5-RC.1") < OLDEST);
        assert!(version("nats-server: v2.14.5") >= OLDEST);
        assert!(version("nats-server: v2.15.0-preview.2") > OLDEST);
        assert!(version("nats-server: v10.0.0") > PINNED);
        assert_eq!(PINNED.to_string(), "2.15.1");
    }

    #[test]
    fn other_programs_are_not_mistaken_for_it() {
        for text in
            ["", "nats-server: v2.15", "nats-server: v2.15.x", "nats: v2.15.1", "v2.15.1", "nats-server: v2.15.1.2"]
        {
            assert_eq!(Version::from_banner(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_program_of_another_kind_is_foreign() {
        let error = probe(Path::new("/bin/echo")).unwrap_err();
        assert!(matches!(error, ProbeError::Foreign(_)), "{error}");
        assert!(matches!(probe(Path::new("/nonexistent/nats-server")), Err(ProbeError::Start(_))));
    }
}
