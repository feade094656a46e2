//! Receives the folder that `ogent init` has made for registrars, gives the keys in it and what they vouch for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ogent_broker::credentials::{AccountClaims, Claims, Key, KeyKind, PublicKey, Trust, jwt};

/// Largest file that is read: certificates, an account's token.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What a registrar has and nobody else.
pub(crate) struct Keys {
    /// Vouches for agents.
    pub(crate) agent: Key,
    /// Vouches for machines that want to become one.
    pub(crate) enroll: Key,
    /// Vouches for accounts: by it, agents are revoked.
    pub(crate) operator: Key,
    /// The account that agents live in.
    pub(crate) account: PublicKey,
    /// That account's token as `ogent init` has made it.
    pub(crate) account_token: String,
    /// Whose word counts: agents get it.
    pub(crate) trust: Trust,
    /// The certificates that may sign the broker's: machines get them.
    pub(crate) ca: Option<String>,
}

/// A file in the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be used; 'ogent init' makes the folder")]
pub struct KeysError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

// === impl Keys ===

impl Keys {
    /// Reads all of the folder.
    ///
    /// # Errors
    /// Names the first file that cannot be used.
    pub(crate) fn load(folder: &Path) -> Result<Self, KeysError> {
        let at = |name: &str| folder.join(name);
        let wrong = |path: PathBuf| move |source| KeysError { path, source };
        let key = |name: &str, kind| Key::load(kind, &at(name)).map_err(wrong(at(name)));
        let trust_path = at("trust.json");
        let trust = Trust::load(&trust_path).map_err(wrong(trust_path.clone()))?;
        let missing = || io::Error::new(io::ErrorKind::InvalidData, "it does not name the account AGENTS");
        let account = trust.accounts.get("AGENTS").cloned().ok_or_else(missing).map_err(wrong(trust_path))?;
        let token_path = at("accounts/AGENTS.jwt");
        let token = read(&token_path).and_then(|text| whose(&text, &account).map(|()| text));
        let account_token = token.map_err(wrong(token_path))?;
        let ca_path = at("ca.pem");
        let ca = match read(&ca_path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(ca_path)(error)),
        };
        Ok(Self {
            agent: key("role-agent.nk", KeyKind::Account)?,
            enroll: key("role-enroll.nk", KeyKind::Account)?,
            operator: key("operator-signing.nk", KeyKind::Operator)?,
            account,
            account_token,
            trust,
            ca,
        })
    }

    /// The keys whose word about accounts counts.
    pub(crate) fn operators(&self) -> [PublicKey; 2] {
        [self.trust.operator.clone(), self.operator.public()]
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys(of account {})", self.account)
    }
}

fn whose(token: &str, account: &PublicKey) -> io::Result<()> {
    let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let claims: Claims<AccountClaims> = jwt::decode_unverified(token).map_err(|error| invalid(error.to_string()))?;
    if claims.sub == *account { Ok(()) } else { Err(invalid("it is not that of the account in trust.json".into())) }
}

fn read(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}
