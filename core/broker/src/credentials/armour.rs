//! Receives a token and the seed of its subject, gives the text of a `.creds` file; and back.

use std::fmt;
use std::io;
use std::path::Path;

use super::files;
use super::jwt::{self, Claims};
use super::keys::{Key, KeyError, KeyKind, Seed};

/// Why a text is not what a `.creds` file holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArmourError {
    /// A part is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// The seed is none.
    #[error("its seed cannot be used")]
    Seed(#[from] KeyError),
    /// The token is none.
    #[error("its token cannot be used")]
    Token(#[from] jwt::JwtError),
    /// The two do not belong together.
    #[error("its seed is not that of its token")]
    Mismatch,
}

/// What somebody connects to the broker with: a token, and the key of its subject.
pub struct Creds {
    /// The token.
    pub jwt: String,
    /// The key that it is about.
    pub key: Key,
}

// === impl Creds ===

impl Creds {
    /// The text of the file, as `nsc` writes it.
    ///
    /// # Errors
    /// Never, for a key that was made here.
    pub fn render(&self) -> Result<String, KeyError> {
        render("NATS USER JWT", &self.jwt, &self.key)
    }

    /// What the text says. Who has issued the token is not looked at: the broker does.
    ///
    /// # Errors
    /// When it is no such text, or the seed belongs to another token.
    pub fn parse(text: &str) -> Result<Self, ArmourError> {
        let (jwt, key) = parse(text)?;
        Ok(Self { jwt, key })
    }

    /// What the file says.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold what it should.
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::parse(&files::read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Puts the file in the place of what is there, with mode 0600, at once: readers see the old or the new one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        files::replace(path, 0o600, self.render().map_err(io::Error::other)?.as_bytes())
    }
}

impl fmt::Debug for Creds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Creds({})", self.key.public())
    }
}

pub(super) fn render(label: &str, jwt: &str, key: &Key) -> Result<String, KeyError> {
    let seed = key.seed()?;
    Ok(format!(
        "-----BEGIN {label}-----\n{jwt}\n------END {label}------\n\n\
         ************************* IMPORTANT *************************\n\
         NKEY Seed printed below can be used to sign and prove identity.\n\
         NKEYs are sensitive and should be treated as secrets.\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n\n\
         *************************************************************\n",
        seed.expose()
    ))
}

pub(super) fn parse(text: &str) -> Result<(String, Key), ArmourError> {
    let mut blocks = blocks(text);
    let jwt = blocks.next().ok_or(ArmourError::Missing("token"))?;
    let seed = blocks.next().ok_or(ArmourError::Missing("seed"))?;
    let key = Key::from_seed(KeyKind::User, &Seed::new(seed.to_owned()))?;
    let claims: Claims<serde_json::Value> = jwt::decode_unverified(jwt)?;
    if claims.sub == key.public() { Ok((jwt.to_owned(), key)) } else { Err(ArmourError::Mismatch) }
}

/// The first line behind each line that begins a block.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim);
    std::iter::from_fn(move || {
        lines.find(|line| line.starts_with("-----BEGIN "))?;
        lines.next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn creds() -> Creds {
        let (role, account) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::Account).public());
        let key = Key::generate(KeyKind::User);
        let name = "web-1".parse().unwrap();
        let jwt = super::super::user::issue(&role, &account, &name, &key.public(), Timestamp::now(), None).unwrap();
        Creds { jwt, key }
    }

    #[test]
    fn creds_come_back() {
        let creds = creds();
        let again = Creds::parse(&creds.render().unwrap()).unwrap();
        assert_eq!((again.jwt, again.key.public()), (creds.jwt.clone(), creds.key.public()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.creds");
        creds.save(&path).unwrap();
        creds.save(&path).unwrap();
        assert_eq!(Creds::load(&path).unwrap().jwt, creds.jwt);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_seed_of_another_token_is_refused() {
        let mixed = Creds { jwt: creds().jwt, key: Key::generate(KeyKind::User) };
        assert_eq!(Creds::parse(&mixed.render().unwrap()).unwrap_err(), ArmourError::Mismatch);
        for bad in ["", "-----BEGIN X-----", "-----BEGIN X-----\na\n-----BEGIN Y-----\nb"] {
            assert!(Creds::parse(bad).is_err(), "{bad}");
        }
    }
}
