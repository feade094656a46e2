//! Receives the error that ended a command, tells the user what went wrong and what to do next.

use std::fmt;
use std::process::ExitCode;

use super::{Output, WriteError};
use crate::client::ClientError;

/// What a shell sees when SIGPIPE ends a program: 128 + 13.
const READER_GONE: u8 = 141;

/// An error together with what the user may do about it.
#[derive(Debug)]
pub struct Hinted {
    error: anyhow::Error,
    hint: String,
}

// === impl Hinted ===

impl Hinted {
    /// Adds a hint to an error.
    pub fn new(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> Self {
        Self { error: error.into(), hint: hint.into() }
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Prints the error and its hint; gives the exit code, which is `code` for every error but one.
#[must_use]
pub fn failure(out: &Output, error: &anyhow::Error, code: u8) -> ExitCode {
    // Whoever read our output has seen enough: nothing is wrong that anyone should be told.
    if is_reader_gone(error) {
        return ExitCode::from(READER_GONE);
    }
    out.error(&chain(error));
    if let Some(hint) = hint(error) {
        out.hint(&hint);
    }
    ExitCode::from(code)
}

/// Whether the error is that nobody reads the output any more.
#[must_use]
pub fn is_reader_gone(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<WriteError>()).any(WriteError::is_reader_gone)
}

/// The error and all its causes on one line. Some errors print their cause themselves: that is not said twice.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match (cause.downcast_ref::<Hinted>(), cause.downcast_ref::<ClientError>()) {
        (Some(hinted), _) => Some(hinted.hint.clone()),
        (None, Some(error)) => error.hint(),
        (None, None) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn the_chain_says_everything_once() {
        let error = anyhow!("disk full").context("cannot write x: disk full").context("login failed");
        assert_eq!(chain(&error), "login failed: cannot write x: disk full");
    }

    #[test]
    fn a_hint_is_found_below_context() {
        let result: anyhow::Result<()> = Err(Hinted::new(anyhow!("no"), "do this").into());
        let error = result.context("while doing").unwrap_err();
        assert_eq!(hint(&error).as_deref(), Some("do this"));
        assert_eq!(chain(&error), "while doing: no");
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let broken = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(is_reader_gone(&anyhow::Error::from(WriteError::from(broken())).context("writing")));
        // A connection that broke is one.
        assert!(!is_reader_gone(&anyhow::Error::from(broken())));
    }
}
