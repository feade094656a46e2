//! Receives the text of nkeys, gives keys that sign and keys that verify.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::files;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// Vouches for accounts; its text begins with `O`.
    Operator,
    /// Vouches for users, also as one of an account's signing keys; `A`.
    Account,
    /// Is a user, or signs messages; `U`.
    User,
}

/// Why a text is not the key that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is none.
    #[error("it is not an nkey")]
    Malformed,
    /// It is one of another kind.
    #[error("it is an nkey, but not that of a {0}")]
    OtherKind(KeyKind),
}

/// What nobody else may know. It does not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(String);

/// A key that signs.
pub struct Key {
    pair: nkeys::KeyPair,
    kind: KeyKind,
}

/// What others may know of a key: the text that begins with `O`, `A` or `U`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    text: String,
    kind: KeyKind,
}

// === impl KeyKind ===

impl KeyKind {
    fn of(pair: &nkeys::KeyPair) -> Option<Self> {
        match pair.key_pair_type() {
            nkeys::KeyPairType::Operator => Some(Self::Operator),
            nkeys::KeyPairType::Account => Some(Self::Account),
            nkeys::KeyPairType::User => Some(Self::User),
            _ => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "operator",
            Self::Account => "account",
            Self::User => "user",
        })
    }
}

// === impl Seed ===

impl Seed {
    /// Takes `text` as a seed; whether it is one shows when a [`Key`] is made of it.
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

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

// === impl Key ===

impl Key {
    /// A new one.
    #[must_use]
    pub fn generate(kind: KeyKind) -> Self {
        let pair = match kind {
            KeyKind::Operator => nkeys::KeyPair::new_operator(),
            KeyKind::Account => nkeys::KeyPair::new_account(),
            KeyKind::User => nkeys::KeyPair::new_user(),
        };
        Self { pair, kind }
    }

    /// The one with this seed.
    ///
    /// # Errors
    /// When the text is not the seed of a key of this kind.
    pub fn from_seed(kind: KeyKind, seed: &Seed) -> Result<Self, KeyError> {
        let pair = nkeys::KeyPair::from_seed(seed.expose().trim()).map_err(|_| KeyError::Malformed)?;
        match KeyKind::of(&pair) {
            Some(found) if found == kind => Ok(Self { pair, kind }),
            Some(_) => Err(KeyError::OtherKind(kind)),
            None => Err(KeyError::Malformed),
        }
    }

    /// The one whose seed the file holds, alone or in the armour of a `.creds` file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no seed of this kind.
    pub fn load(kind: KeyKind, path: &Path) -> io::Result<Self> {
        let text = files::read(path)?;
        let begins =
            |line: &&str| line.len() > 2 && line.starts_with('S') && line.bytes().all(|b| b.is_ascii_alphanumeric());
        let line = text.lines().map(str::trim).find(begins).unwrap_or_default();
        Self::from_seed(kind, &Seed::new(line.to_owned()))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The one that `path` holds; a new one, kept there with mode 0600, when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds no seed of this kind.
    pub fn load_or_create(kind: KeyKind, path: &Path) -> io::Result<Self> {
        match Self::load(kind, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate(kind);
                key.save(path)?;
                Ok(key)
            }
            loaded => loaded,
        }
    }

    /// Writes the seed into a new file with mode 0600.
    ///
    /// # Errors
    /// When there is such a file, or it cannot be made.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let seed = self.seed().map_err(io::Error::other)?;
        files::create_secret(path, format!("{}\n", seed.expose()).as_bytes())
    }

    /// What others may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { text: self.pair.public_key(), kind: self.kind }
    }

    /// What nobody else may know.
    ///
    /// # Errors
    /// Never, for a key that was made here.
    pub fn seed(&self) -> Result<Seed, KeyError> {
        self.pair.seed().map(Seed).map_err(|_| KeyError::Malformed)
    }

    /// The Ed25519 signature over these bytes: 64 of them.
    ///
    /// # Errors
    /// Never, for a key that was made here.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair.sign(bytes).map_err(|_| KeyError::Malformed)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.pair.public_key())
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this key's owner has signed these bytes.
    #[must_use]
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        nkeys::KeyPair::from_public_key(&self.text).is_ok_and(|pair| pair.verify(bytes, signature).is_ok())
    }

    /// The key, if it is of that kind.
    ///
    /// # Errors
    /// When it is of another.
    pub fn expect_kind(self, kind: KeyKind) -> Result<Self, KeyError> {
        if self.kind == kind { Ok(self) } else { Err(KeyError::OtherKind(kind)) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let pair = nkeys::KeyPair::from_public_key(text).map_err(|_| KeyError::Malformed)?;
        let kind = KeyKind::of(&pair).ok_or(KeyError::Malformed)?;
        // Base32 has more than one text for the same bytes: only the one that keys are printed as is a key.
        if pair.public_key() != text {
            return Err(KeyError::Malformed);
        }
        Ok(Self { text: text.to_owned(), kind })
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_seeds() {
        for kind in [KeyKind::Operator, KeyKind::Account, KeyKind::User] {
            let key = Key::generate(kind);
            let again = Key::from_seed(kind, &key.seed().unwrap()).unwrap();
            assert_eq!(again.public(), key.public());
            assert_eq!(key.public().as_str().parse::<PublicKey>().unwrap(), key.public());
            let signature = again.sign(b"bytes").unwrap();
            assert!(key.public().verifies(b"bytes", &signature));
            assert!(!key.public().verifies(b"bytez", &signature));
            assert!(!key.public().verifies(b"bytes", &signature[..63]));
            assert!(!Key::generate(kind).public().verifies(b"bytes", &signature));
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let seed = Key::generate(KeyKind::Account).seed().unwrap();
        assert_eq!(Key::from_seed(KeyKind::User, &seed).unwrap_err(), KeyError::OtherKind(KeyKind::User));
        assert_eq!(Key::from_seed(KeyKind::User, &Seed::new("SU".into())).unwrap_err(), KeyError::Malformed);
    }

    #[test]
    fn seeds_do_not_show() {
        let key = Key::generate(KeyKind::User);
        let seed = key.seed().unwrap();
        assert!(!format!("{key:?} {seed:?}").contains(seed.expose()));
    }

    #[test]
    fn files_keep_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.nk");
        let key = Key::load_or_create(KeyKind::Account, &path).unwrap();
        assert_eq!(Key::load_or_create(KeyKind::Account, &path).unwrap().public(), key.public());
        assert!(Key::load_or_create(KeyKind::User, &path).is_err());
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
