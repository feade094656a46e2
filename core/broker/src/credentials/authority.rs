//! Receives the keys that vouch for others, gives every token that the broker knows people and parts by.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::account::{self, AccountClaims, Allow, Direction, Export, Import, Scope, SigningKey, Template};
use super::armour::Creds;
use super::jwt::JwtError;
use super::keys::{Key, KeyKind, PublicKey};
use super::operator;
use super::signer::{Certificate, SignerFile, SignerRole};
use super::trust::Trust;
use super::user::{self, Name};
use crate::accounts::{self, Account};
use crate::permissions::{Kind, Permissions};
use crate::server_config::Identities;

/// All keys that vouch for others. Whoever has them may do everything.
#[derive(Debug)]
pub struct Authority {
    pub(super) operator: Key,
    signing: Key,
    accounts: BTreeMap<Account, Key>,
    roles: BTreeMap<Kind, Key>,
}

// === impl Authority ===

impl Authority {
    /// A new one, which is nowhere written down.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            operator: Key::generate(KeyKind::Operator),
            signing: Key::generate(KeyKind::Operator),
            accounts: Account::ALL.map(|account| (account, Key::generate(KeyKind::Account))).into(),
            roles: Kind::ALL.map(|kind| (kind, Key::generate(KeyKind::Account))).into(),
        }
    }

    /// The one in the folder; keys that are missing are made.
    ///
    /// # Errors
    /// Names the file that cannot be read or made.
    pub fn open(folder: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let key = |name: &str, kind| {
            let path = folder.join(format!("{name}.nk"));
            Key::load_or_create(kind, &path).map_err(|error| (path, error))
        };
        let (mut accounts, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for account in Account::ALL {
            accounts.insert(account, key(&account_key(account), KeyKind::Account)?);
        }
        for kind in Kind::ALL {
            roles.insert(kind, key(&role_key(kind), KeyKind::Account)?);
        }
        let operator = key("operator", KeyKind::Operator)?;
        Ok(Self { operator, signing: key("operator-signing", KeyKind::Operator)?, accounts, roles })
    }

    /// The keys that may vouch for accounts.
    #[must_use]
    pub fn operators(&self) -> [PublicKey; 2] {
        [self.operator.public(), self.signing.public()]
    }

    /// The key that vouches for accounts day by day.
    #[must_use]
    pub fn signing_key(&self) -> &Key {
        &self.signing
    }

    /// The identity of an account.
    #[must_use]
    pub fn account(&self, account: Account) -> PublicKey {
        self.of_account(account).public()
    }

    /// The key that vouches for users with this role.
    #[must_use]
    pub fn role(&self, kind: Kind) -> &Key {
        // Both constructors fill in every role; the operator's key vouches for no user, so that nobody gains by it.
        self.roles.get(&kind).unwrap_or(&self.operator)
    }

    /// What an account takes from others.
    fn imports(&self, account: Account) -> Vec<Import> {
        let of = |shared: accounts::Shared| Import {
            name: shared.local.clone(),
            local_subject: (shared.local != shared.subject).then_some(shared.local),
            subject: shared.subject,
            account: self.account(shared.of),
            kind: shared.direction,
        };
        accounts::shared().into_iter().filter(|shared| shared.to == account).map(of).collect()
    }

    fn of_account(&self, account: Account) -> &Key {
        self.accounts.get(&account).unwrap_or(&self.operator)
    }

    /// The operator's token.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn operator_token(&self, now: Timestamp) -> Result<String, JwtError> {
        let system = self.account(Account::System);
        operator::issue(&self.operator, "ogent", vec![self.signing.public()], system, now)
    }

    /// What an account's token says.
    #[must_use]
    pub fn claims(&self, account: Account, revocations: BTreeMap<String, i64>) -> AccountClaims {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.account() == account);
        AccountClaims {
            imports: self.imports(account),
            exports: exports(account),
            limits: limits(account),
            signing_keys: kinds.map(|kind| SigningKey::Scoped(scope(kind, self.role(kind).public()))).collect(),
            revocations,
            kind: "account".to_owned(),
            version: 2,
            rest: Map::new(),
        }
    }

    /// An account's token.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn account_token(
        &self,
        account: Account,
        revocations: BTreeMap<String, i64>,
        now: Timestamp,
    ) -> Result<String, JwtError> {
        let claims = self.claims(account, revocations);
        account::issue(&self.signing, self.account(account), account.name(), claims, now)
    }

    /// The token of a user with this role.
    ///
    /// # Errors
    /// When `user` is not a user's key.
    pub fn user_token(
        &self,
        kind: Kind,
        name: &Name,
        user: &PublicKey,
        now: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<String, JwtError> {
        user::issue(self.role(kind), &self.account(kind.account()), name, user, now, expires)
    }

    /// A new user with this role.
    ///
    /// # Errors
    /// When nothing can be signed.
    pub fn creds(&self, kind: Kind, name: &Name, now: Timestamp) -> Result<Creds, JwtError> {
        let key = Key::generate(KeyKind::User);
        Ok(Creds { jwt: self.user_token(kind, name, &key.public(), now, None)?, key })
    }

    /// A new signer with this role.
    ///
    /// # Errors
    /// When nothing can be signed.
    pub fn signer(&self, role: SignerRole, name: &Name, now: Timestamp) -> Result<SignerFile, JwtError> {
        let key = Key::generate(KeyKind::User);
        let certificate = Certificate::issue(self.role(certifier(role)), role, name, &key.public(), now, None)?;
        Ok(SignerFile { certificate, key })
    }

    /// Whose word counts, for those who check it.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let signers = [SignerRole::Gateway, SignerRole::Agent, SignerRole::Person];
        Trust {
            operator: self.operator.public(),
            accounts: Account::ALL.map(|account| (account.name().to_owned(), self.account(account))).into(),
            signers: signers.map(|role| (role, vec![self.role(certifier(role)).public()])).into(),
        }
    }

    /// What a broker's configuration needs, with new tokens.
    ///
    /// # Errors
    /// When nothing can be signed.
    pub fn identities(&self, resolver_dir: PathBuf, now: Timestamp) -> Result<Identities, JwtError> {
        let mut accounts = Vec::new();
        for account in Account::ALL {
            accounts.push((self.account(account), self.account_token(account, BTreeMap::new(), now)?));
        }
        let system_account = self.account(Account::System);
        Ok(Identities { operator: self.operator_token(now)?, system_account, accounts, resolver_dir })
    }

    /// What a registrar needs of it: the keys for agents and invitations, and the one that vouches for accounts.
    pub(super) fn delegate(&self, folder: &Path) -> Result<(), (PathBuf, io::Error)> {
        let keys = [Kind::Agent, Kind::Enroll].map(|kind| (role_key(kind), self.role(kind)));
        for (name, key) in keys.into_iter().chain([("operator-signing".to_owned(), &self.signing)]) {
            let path = folder.join(format!("{name}.nk"));
            if !path.exists() {
                key.save(&path).map_err(|error| (path, error))?;
            }
        }
        Ok(())
    }
}

/// The role whose key certifies signers of this kind.
fn certifier(role: SignerRole) -> Kind {
    match role {
        SignerRole::Gateway => Kind::Gateway,
        SignerRole::Agent => Kind::Agent,
        SignerRole::Person => Kind::Person,
    }
}

fn account_key(account: Account) -> String {
    format!("account-{}", account.name().to_ascii_lowercase())
}

fn role_key(kind: Kind) -> String {
    format!("role-{}", kind.name())
}

/// Bytes of the largest message to a registrar, with its headers.
const ENROLL_PAYLOAD: i64 = 64 * 1024;

/// How long the broker waits for one more answer of a service to `nats micro`: 5 s.
const MICRO_ANSWERS_NS: u64 = 5_000_000_000;

fn scope(kind: Kind, key: PublicKey) -> Scope {
    let Permissions { publish, subscribe } = kind.template();
    Scope {
        kind: "user_scope".to_owned(),
        key,
        role: kind.name().to_owned(),
        template: Template {
            publish: Allow { allow: publish },
            subscribe: Allow { allow: subscribe },
            // Who only carries an invitation needs next to nothing, and whoever finds one gets no more.
            subs: if kind == Kind::Enroll { 4 } else { -1 },
            data: -1,
            payload: if kind == Kind::Enroll { ENROLL_PAYLOAD } else { -1 },
            bearer_token: kind.is_bearer(),
            // No web sockets, no MQTT, no leaf nodes: each has ways of its own around subjects.
            allowed_connection_types: vec!["STANDARD".to_owned()],
        },
    }
}

/// What an account gives: to two others the same thing once.
fn exports(account: Account) -> Vec<Export> {
    let of = |shared: accounts::Shared| Export {
        name: shared.subject.clone(),
        kind: shared.direction,
        response_type: (shared.direction == Direction::Service)
            .then(|| if shared.is_stream { "Stream" } else { "Singleton" }.to_owned()),
        // Who asks all services again and again would otherwise fill the broker's memory for minutes.
        response_threshold: shared.is_micro().then_some(MICRO_ANSWERS_NS),
        subject: shared.subject,
    };
    let mut exports: Vec<Export> = Vec::new();
    for export in accounts::shared().into_iter().filter(|shared| shared.of == account).map(of) {
        if !exports.contains(&export) {
            exports.push(export);
        }
    }
    exports
}

/// NATS takes what is missing as nothing, and -1 as no limit.
fn limits(account: Account) -> Map<String, Value> {
    let usual = ["subs", "data", "payload", "conn", "imports", "exports"];
    let storage: &[&str] = match account {
        Account::Ogent => &["mem_storage", "disk_storage", "streams", "consumer"],
        _ => &[],
    };
    let unlimited = usual.iter().chain(storage).map(|&name| (name.to_owned(), json!(-1)));
    // Invitations are the only tokens that are enough alone.
    let bearer = ("disallow_bearer".to_owned(), json!(account != Account::Agents));
    unlimited.chain([("wildcards".to_owned(), json!(true)), bearer]).collect()
}
