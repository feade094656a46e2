//! Receives a folder, gives all files of an installation in it: what is there is kept, what is missing is made.
//!
//! ```text
//! operator.jwt  accounts/*.jwt  trust.json      public
//! keys/*.nk                                     vouch for everybody: belong off every machine
//! creds/<name>.creds  creds/<name>.sign         one part each
//! registrar/                                    all that a registrar needs, and no more
//! ```

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ogent_protocol::AgentId;

use super::account::AccountClaims;
use super::armour::Creds;
use super::authority::Authority;
use super::jwt::{self, Claims, JwtError};
use super::keys::{Key, KeyKind};
use super::signer::{SignerFile, SignerRole};
use super::user::{Name, UserClaims};
use super::{OperatorClaims, files};
use crate::accounts::Account;
use crate::permissions::Kind;
use crate::server_config::Identities;

/// Parts that have one user each.
const PARTS: [Kind; 5] = [Kind::Setup, Kind::Gateway, Kind::Analyst, Kind::Registrar, Kind::Mirror];

/// The files of an installation.
#[derive(Debug)]
pub struct Layout {
    dir: PathBuf,
    authority: Authority,
    written: Vec<PathBuf>,
}

/// Why there are no such files.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file or folder cannot be used.
    #[error("{path} cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A token cannot be issued.
    #[error("a token cannot be issued")]
    Token(#[from] JwtError),
    /// A name means more than one.
    #[error("'{0}' cannot be a name: letters, digits, '_' and '-', at most 64")]
    Name(String),
}

// === impl Layout ===

impl Layout {
    /// The files in `dir`. Keys, tokens, and what each part needs are made where they are missing; tokens of accounts
    /// are issued again where they no longer say what this version says. `kept` is where a broker keeps newer ones: who
    /// is revoked there stays so.
    ///
    /// # Errors
    /// See [`LayoutError`].
    pub fn open(dir: &Path, kept: Option<&Path>, now: Timestamp) -> Result<Self, LayoutError> {
        let io = |(path, source)| LayoutError::Io { path, source };
        let keys = dir.join("keys");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&keys);
        made.map_err(|source| LayoutError::Io { path: keys.clone(), source })?;
        let authority = Authority::open(&keys).map_err(io)?;
        let mut layout = Self { dir: dir.to_owned(), authority, written: Vec::new() };
        for folder in ["accounts", "creds", "registrar/accounts"] {
            layout.folder(folder)?;
        }
        layout.operator(now)?;
        for account in Account::ALL {
            layout.account(account, kept, now)?;
        }
        layout.trust(&["trust.json", "registrar/trust.json"])?;
        for kind in PARTS {
            layout.creds(kind, &name(kind.name())?, now)?;
        }
        layout.signer(SignerRole::Gateway, &name("gateway")?, now)?;
        layout.registrar(now)?;
        Ok(layout)
    }

    /// The keys that vouch for everybody.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The files that were not there, or said something else.
    #[must_use]
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// A file in it.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// The credentials of somebody with this role, in a file with their name.
    ///
    /// # Errors
    /// When they cannot be read or made.
    pub fn creds(&mut self, kind: Kind, name: &Name, now: Timestamp) -> Result<PathBuf, LayoutError> {
        self.creds_in(&format!("creds/{name}.creds"), kind, name, None, now)
    }

    /// Credentials and signer file of an agent, for one that is not invited. `key` is its own, if it has one.
    ///
    /// # Errors
    /// When they cannot be read or made.
    pub fn agent(&mut self, id: &AgentId, key: Option<Key>, now: Timestamp) -> Result<(PathBuf, PathBuf), LayoutError> {
        let (stem, name) = (format!("creds/agent-{id}"), Name::from(id.clone()));
        let creds = self.creds_in(&format!("{stem}.creds"), Kind::Agent, &name, key, now)?;
        Ok((creds, self.signer_in(&format!("{stem}.sign"), SignerRole::Agent, &name, now)?))
    }

    /// The signer file of somebody with this role, beside the credentials.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn signer(&mut self, role: SignerRole, name: &Name, now: Timestamp) -> Result<PathBuf, LayoutError> {
        self.signer_in(&format!("creds/{name}.sign"), role, name, now)
    }

    /// What the broker's configuration says of all of this.
    ///
    /// # Errors
    /// When a token cannot be read.
    pub fn identities(&self, resolver_dir: PathBuf) -> Result<Identities, LayoutError> {
        let token = |file: &str| {
            let path = self.path(file);
            files::read(&path).map(|text| text.trim().to_owned()).map_err(|source| LayoutError::Io { path, source })
        };
        let mut accounts = Vec::new();
        for account in Account::ALL {
            accounts.push((self.authority.account(account), token(&account_file(account))?));
        }
        let system_account = self.authority.account(Account::System);
        Ok(Identities { operator: token("operator.jwt")?, system_account, accounts, resolver_dir })
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<(), LayoutError> {
        let path = self.path(name);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|source| LayoutError::Io { path, source })
    }

    /// Writes a file in the place of what is there, unless that is the same.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, file: &str, mode: u32, bytes: &[u8]) -> Result<(), LayoutError> {
        let path = self.path(file);
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        files::replace(&path, mode, bytes).map_err(|source| LayoutError::Io { path: path.clone(), source })?;
        self.written.push(path);
        Ok(())
    }

    fn operator(&mut self, now: Timestamp) -> Result<(), LayoutError> {
        let text = read(&self.path("operator.jwt"))?;
        let [operator, signing] = self.authority.operators();
        let is_current = text.is_some_and(|text| {
            let claims: Result<Claims<OperatorClaims>, _> = jwt::decode(&text, [&operator]);
            claims.is_ok_and(|claims| claims.nats.signing_keys == [signing])
        });
        let token = self.authority.operator_token(now)?;
        if is_current { Ok(()) } else { self.write("operator.jwt", 0o644, token.as_bytes()) }
    }

    fn account(&mut self, account: Account, kept: Option<&Path>, now: Timestamp) -> Result<(), LayoutError> {
        let file = account_file(account);
        let here = self.account_claims(account, &self.path(&file))?;
        let there = match kept {
            Some(folder) => {
                self.account_claims(account, &folder.join(format!("{}.jwt", self.authority.account(account))))?
            }
            None => None,
        };
        let newest = [here.clone(), there].into_iter().flatten().max_by_key(|claims| claims.iat);
        let revocations = newest.as_ref().map(|claims| claims.nats.revocations.clone()).unwrap_or_default();
        let wanted = self.authority.claims(account, revocations.clone());
        if here.is_some_and(|here| here.nats == wanted) {
            return Ok(());
        }
        // The broker takes the later one, by the second.
        let last = newest.and_then(|claims| Timestamp::from_second(claims.iat.saturating_add(1)).ok());
        let now = last.map_or(now, |last| now.max(last));
        let token = self.authority.account_token(account, revocations, now)?;
        self.write(&file, 0o644, token.as_bytes())
    }

    fn account_claims(&self, account: Account, path: &Path) -> Result<Option<Claims<AccountClaims>>, LayoutError> {
        let Some(text) = read(path)? else { return Ok(None) };
        let claims: Claims<AccountClaims> = jwt::decode(&text, &self.authority.operators())?;
        if claims.sub == self.authority.account(account) { Ok(Some(claims)) } else { Err(JwtError::Untrusted.into()) }
    }

    fn trust(&mut self, places: &[&str]) -> Result<(), LayoutError> {
        let text = self
            .authority
            .trust()
            .render()
            .map_err(|source| LayoutError::Io { path: self.path("trust.json"), source })?;
        places.iter().try_for_each(|place| self.write(place, 0o644, text.as_bytes()))
    }

    fn registrar(&mut self, now: Timestamp) -> Result<(), LayoutError> {
        let io = |(path, source)| LayoutError::Io { path, source };
        self.authority.delegate(&self.path("registrar")).map_err(io)?;
        self.creds_in("registrar/system.creds", Kind::Claims, &name("registrar")?, None, now)?;
        for (from, to, mode) in [
            ("creds/registrar.creds", "registrar/registrar.creds", 0o600),
            ("accounts/AGENTS.jwt", "registrar/accounts/AGENTS.jwt", 0o644),
        ] {
            let path = self.path(from);
            let bytes = fs::read(&path).map_err(|source| LayoutError::Io { path, source })?;
            self.write(to, mode, &bytes)?;
        }
        Ok(())
    }

    fn creds_in(
        &mut self,
        file: &str,
        kind: Kind,
        name: &Name,
        key: Option<Key>,
        now: Timestamp,
    ) -> Result<PathBuf, LayoutError> {
        let path = self.path(file);
        let io = |source| LayoutError::Io { path: path.clone(), source };
        let known = match Creds::load(&path) {
            Ok(creds) => Some(creds),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io(error)),
        };
        let issuer = self.authority.role(kind).public();
        let account = self.authority.account(kind.account());
        // Another role key, account, name or key: it is somebody else's now.
        let is_current = known.as_ref().is_some_and(|creds| {
            let claims: Result<Claims<UserClaims>, _> = jwt::decode(&creds.jwt, [&issuer]);
            let is_key = key.as_ref().is_none_or(|key| key.public() == creds.key.public());
            let is_same = |claims: Claims<UserClaims>| {
                claims.name == name.as_str() && claims.nats.issuer_account == account && claims.check_time(now).is_ok()
            };
            is_key && claims.is_ok_and(is_same)
        });
        if is_current {
            return Ok(path);
        }
        let key = key.or(known.map(|creds| creds.key)).unwrap_or_else(|| Key::generate(KeyKind::User));
        let jwt = self.authority.user_token(kind, name, &key.public(), now, None)?;
        Creds { jwt, key }.save(&path).map_err(io)?;
        self.written.push(path.clone());
        Ok(path)
    }

    fn signer_in(&mut self, file: &str, role: SignerRole, name: &Name, now: Timestamp) -> Result<PathBuf, LayoutError> {
        let path = self.path(file);
        let io = |source| LayoutError::Io { path: path.clone(), source };
        match SignerFile::load(&path) {
            Ok(found) if found.certificate.name() == name && found.certificate.role() == role => return Ok(path),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        self.authority.signer(role, name, now)?.save(&path).map_err(io)?;
        self.written.push(path.clone());
        Ok(path)
    }
}

/// The name that the text is.
///
/// # Errors
/// When it could mean more than one.
pub fn name(text: &str) -> Result<Name, LayoutError> {
    text.parse().map_err(|_| LayoutError::Name(text.to_owned()))
}

fn account_file(account: Account) -> String {
    format!("accounts/{}.jwt", account.name())
}

fn read(path: &Path) -> Result<Option<String>, LayoutError> {
    match files::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LayoutError::Io { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::user;
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;

    /// Every file below a folder, with its text.
    fn all(dir: &Path) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => found.extend(all(&path)),
                path => drop(found.insert(path.clone(), fs::read_to_string(path).unwrap())),
            }
        }
        found
    }

    #[test]
    fn doing_it_twice_changes_nothing_and_what_is_missing_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let first = Layout::open(dir.path(), None, Timestamp::now()).unwrap();
        assert!(!first.written().is_empty());
        let before = all(dir.path());
        let later = Timestamp::now() + jiff::Span::new().hours(1);
        assert_eq!(Layout::open(dir.path(), None, later).unwrap().written(), [] as [PathBuf; 0]);
        assert_eq!(all(dir.path()), before);
        fs::remove_file(dir.path().join("creds/analyst.creds")).unwrap();
        let third = Layout::open(dir.path(), None, later).unwrap();
        assert_eq!(third.written(), [dir.path().join("creds/analyst.creds")]);
        assert_eq!(third.authority().trust(), first.authority().trust());
    }

    /// What an earlier version has made, whose roles lived in fewer accounts.
    #[test]
    fn credentials_of_another_account_are_made_anew_with_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let layout = Layout::open(dir.path(), None, now).unwrap();
        let path = dir.path().join("creds/analyst.creds");
        let (authority, before) = (layout.authority(), Creds::load(&path).unwrap());
        let (role, account) = (authority.role(Kind::Analyst), authority.account(Account::Ogent));
        let name = "analyst".parse().unwrap();
        let jwt = user::issue(role, &account, &name, &before.key.public(), now, None).unwrap();
        Creds { jwt, key: Key::from_seed(KeyKind::User, &before.key.seed().unwrap()).unwrap() }.save(&path).unwrap();
        assert_eq!(Layout::open(dir.path(), None, now).unwrap().written(), std::slice::from_ref(&path));
        let after = Creds::load(&path).unwrap();
        let claims: Claims<UserClaims> = jwt::decode(&after.jwt, [&role.public()]).unwrap();
        assert_eq!(claims.nats.issuer_account, authority.account(Account::Analysts));
        assert_eq!(after.key.public(), before.key.public());
    }

    #[test]
    fn secrets_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        Layout::open(dir.path(), None, Timestamp::now()).unwrap();
        for (path, text) in all(dir.path()) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let is_secret = text.lines().any(|line| line.len() == 58 && line.starts_with('S'));
            assert_eq!(mode == 0o600, is_secret, "{} {mode:o}", path.display());
        }
    }

    #[test]
    fn a_registrar_gets_no_key_of_another_role() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::open(dir.path(), None, Timestamp::now()).unwrap();
        let has: String = all(&dir.path().join("registrar")).into_values().collect();
        let seed = |kind| layout.authority().role(kind).seed().unwrap().expose().to_owned();
        for kind in Kind::ALL {
            assert_eq!(has.contains(&seed(kind)), matches!(kind, Kind::Agent | Kind::Enroll), "{}", kind.name());
        }
        assert!(!has.contains(layout.authority().operator.seed().unwrap().expose()));
    }

    #[test]
    fn who_is_revoked_stays_so_when_an_account_is_issued_again() {
        let (dir, broker) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now = Timestamp::now();
        let layout = Layout::open(dir.path(), None, now).unwrap();
        let (authority, user) = (layout.authority(), Key::generate(KeyKind::User).public());
        let file = dir.path().join("accounts/AGENTS.jwt");
        let token = fs::read_to_string(&file).unwrap();
        let revoked =
            super::super::account::revoke(authority.signing_key(), &authority.operators(), &token, &user, now);
        let kept = broker.path().join(format!("{}.jwt", authority.account(Account::Agents)));
        fs::write(kept, revoked.unwrap()).unwrap();
        Layout::open(dir.path(), Some(broker.path()), now).unwrap();
        let claims = |text: &str| jwt::decode::<AccountClaims>(text, &authority.operators()).unwrap();
        let (old, new) = (claims(&token), claims(&fs::read_to_string(&file).unwrap()));
        assert_eq!(new.nats.revocations, [(user.to_string(), now.as_second())].into());
        assert!(new.iat > old.iat + 1);
    }

    #[test]
    fn a_foreign_token_is_not_taken_over() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Layout::open(dir.path(), None, Timestamp::now()).unwrap();
        Layout::open(other.path(), None, Timestamp::now()).unwrap();
        fs::copy(other.path().join("accounts/AGENTS.jwt"), dir.path().join("accounts/AGENTS.jwt")).unwrap();
        assert!(matches!(
            Layout::open(dir.path(), None, Timestamp::now()),
            Err(LayoutError::Token(JwtError::Untrusted))
        ));
    }
}
