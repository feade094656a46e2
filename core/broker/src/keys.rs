//! Makes and keeps nkeys: the seed stays in a file that only its owner can read.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The key pair of a broker user.
pub struct KeyPair(nkeys::KeyPair);

// === impl KeyPair ===

impl KeyPair {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(nkeys::KeyPair::new_user())
    }

    /// The one that `path` holds; a new one, kept there with mode 0600, when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or made, or does not hold the seed of a user.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        match read_seed(path) {
            Ok(seed) => Self::from_seed(&seed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pair = Self::generate();
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(pair.seed()?.as_bytes())?;
                file.sync_all()?;
                Ok(pair)
            }
            Err(error) => Err(error),
        }
    }

    /// The one with this seed.
    ///
    /// # Errors
    /// When the text is not the seed of a user.
    pub fn from_seed(seed: &str) -> io::Result<Self> {
        let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem.to_owned());
        let pair = nkeys::KeyPair::from_seed(seed).map_err(|_| invalid("it does not hold an nkey seed"))?;
        match pair.key_pair_type() {
            nkeys::KeyPairType::User => Ok(Self(pair)),
            _ => Err(invalid("its nkey seed is not that of a user")),
        }
    }

    /// What others may know: the text that begins with `U`.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.public_key()
    }

    /// What nobody else may know.
    ///
    /// # Errors
    /// Never, for a pair that was made here.
    pub fn seed(&self) -> io::Result<String> {
        self.0.seed().map_err(io::Error::other)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public())
    }
}

/// The first seed in the file: both a bare seed and what `nsc` and `nk` write are understood.
pub(crate) fn read_seed(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    line.map(str::to_owned).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not hold an nkey seed"))
}
