//! Keys that sign, and the file that says which of them count.

use jiff::{SignedDuration, Timestamp};
use ogent_broker::credentials::{Certificate, Key, KeyKind, SignerFile, SignerRole, Trust};
use ogent_broker::sign::Signer;

/// The signing keys of one set-up.
pub struct TestKeys {
    roles: Vec<(SignerRole, Key)>,
    operator: Key,
}

// === impl TestKeys ===

impl Default for TestKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl TestKeys {
    /// New ones.
    pub fn new() -> Self {
        let roles = [SignerRole::Gateway, SignerRole::Agent, SignerRole::Person];
        let roles = roles.into_iter().map(|role| (role, Key::generate(KeyKind::Account))).collect();
        Self { roles, operator: Key::generate(KeyKind::Operator) }
    }

    /// What `trust.json` says of them.
    pub fn trust(&self) -> Trust {
        let signers = self.roles.iter().map(|(role, key)| (*role, vec![key.public()])).collect();
        Trust { operator: self.operator.public(), accounts: [].into(), signers }
    }

    /// A signer file that counts from an hour ago on, for a day.
    pub fn file(&self, role: SignerRole, name: &str) -> SignerFile {
        let now = Timestamp::now();
        self.file_between(role, name, now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(24))
    }

    /// One for another time.
    pub fn file_between(&self, role: SignerRole, name: &str, from: Timestamp, until: Timestamp) -> SignerFile {
        let role_key = &self.roles.iter().find(|(known, _)| *known == role).unwrap().1;
        let key = Key::generate(KeyKind::User);
        let name = name.parse().unwrap();
        let certificate = Certificate::issue(role_key, role, &name, &key.public(), from, Some(until)).unwrap();
        SignerFile { certificate, key }
    }

    /// Somebody who signs.
    pub fn signer(&self, role: SignerRole, name: &str) -> Signer {
        Signer::new(self.file(role, name))
    }
}
