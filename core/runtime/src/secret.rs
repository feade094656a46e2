//! Receives secrets from the environment or from files, gives them to the parts without ever showing them.

use std::path::PathBuf;
use std::{env, fmt, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;

/// A text that no log and no error may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Both ways to give it are used, and they may differ.
    #[error("{0} and {0}_FILE are both set; set one of them")]
    Both(String),
    /// The variable is not text.
    #[error("{0} is not valid UTF-8")]
    NotText(String),
    /// The file cannot be read.
    #[error("{name}_FILE: {path} cannot be read")]
    File {
        /// The variable, without `_FILE`.
        name: String,
        /// The file that it names.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

// === impl Secret ===

impl Secret {
    /// Takes `text` as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret in the variable `name`, or in the file that `<name>_FILE` names (its last line break is left out).
///
/// # Errors
/// When both are set, or the file cannot be read.
pub fn secret_from_env(name: &str) -> Result<Option<Secret>, SecretError> {
    let value = read(name)?;
    let file = read(&format!("{name}_FILE"))?;
    match (value, file) {
        (Some(_), Some(_)) => Err(SecretError::Both(name.to_owned())),
        (Some(value), None) => Ok(Some(Secret(value))),
        (None, Some(path)) => match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Secret(text.trim_end_matches(['\n', '\r']).to_owned()))),
            Err(source) => Err(SecretError::File { name: name.to_owned(), path: path.into(), source }),
        },
        (None, None) => Ok(None),
    }
}

/// An empty variable counts as unset: that is what compose files and unit files make of a missing one.
fn read(name: &str) -> Result<Option<String>, SecretError> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(SecretError::NotText(name.to_owned())),
    }
}

/// `bytes` random bytes from the system, as text that fits into URLs, headers and files.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_secret(bytes: usize) -> io::Result<Secret> {
    let mut buffer = vec![0; bytes];
    OsRng.try_fill_bytes(&mut buffer).map_err(io::Error::other)?;
    Ok(Secret(URL_SAFE_NO_PAD.encode(buffer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
    }

    #[test]
    fn random_secrets_differ_and_are_long() {
        let (one, two) = (random_secret(32).unwrap(), random_secret(32).unwrap());
        assert_ne!(one, two);
        assert_eq!(one.expose().len(), 43);
    }

    #[test]
    fn an_unset_variable_is_no_secret() {
        assert_eq!(secret_from_env("OGENT_TEST_THIS_IS_NOT_SET").unwrap(), None);
    }
}
