//! Receives a role's key and somebody's signing key, gives the certificate that binds a name to it; and checks one.
//!
//! The key that signs messages is another one than the key that connects: a hostile broker may let a client sign
//! whatever it likes with the latter.

use std::fmt;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::armour::{self, ArmourError};
use super::files;
use super::jwt::{self, Claims, JwtError};
use super::keys::{Key, KeyError, KeyKind, PublicKey};
use super::trust::Trust;
use super::user::Name;

/// Longest certificate that is looked at: it comes in headers of messages.
pub const MAX_CERTIFICATE_BYTES: usize = 4096;

const KIND: &str = "ogent_signer";
const VERSION: u8 = 2;

/// What a signer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignerRole {
    /// Signs intents and approvals for people who have logged in.
    Gateway,
    /// Signs the events of its commands.
    Agent,
    /// Signs intents of its own.
    Person,
}

/// Says that a key signs for somebody. One that was verified, or one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    token: String,
    claims: Claims<SignerClaims>,
    name: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SignerClaims {
    #[serde(rename = "type")]
    kind: String,
    version: u8,
    role: SignerRole,
}

/// A certificate with the key that it is about: what a signer has in a file of its own (`gateway.sign`).
pub struct SignerFile {
    /// Who one is.
    pub certificate: Certificate,
    /// What one signs with.
    pub key: Key,
}

// === impl SignerRole ===

impl fmt::Display for SignerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Agent => "agent",
            Self::Person => "person",
        })
    }
}

// === impl Certificate ===

impl Certificate {
    /// One that `role_key`, the signing key of that role, gives to `signer`.
    ///
    /// # Errors
    /// When `signer` is not a user's key, or nothing can be signed.
    pub fn issue(
        role_key: &Key,
        role: SignerRole,
        name: &Name,
        signer: &PublicKey,
        now: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<Self, JwtError> {
        let signer = signer.clone().expect_kind(KeyKind::User)?;
        let nats = SignerClaims { kind: KIND.to_owned(), version: VERSION, role };
        let claims = Claims::new(role_key.public(), signer, name.as_str(), now, nats).until(expires);
        Self::read(&jwt::encode(role_key, claims)?)
    }

    /// The one that the text holds, if a key has issued it that may, and it counts at that time.
    ///
    /// # Errors
    /// When it does not count.
    pub fn verify(token: &str, trust: &Trust, at: Timestamp) -> Result<Self, JwtError> {
        let certificate = Self::read(token)?;
        jwt::decode::<SignerClaims>(&certificate.token, trust.certifiers(certificate.role()))?;
        certificate.claims.check_time(at)?;
        Ok(certificate)
    }

    /// The one that the text holds, whoever has issued it: for one's own.
    fn read(token: &str) -> Result<Self, JwtError> {
        let token = token.trim();
        if token.len() > MAX_CERTIFICATE_BYTES {
            return Err(JwtError::TooLong);
        }
        let malformed = |problem: &str| JwtError::Malformed(problem.to_owned());
        let claims: Claims<SignerClaims> = jwt::decode_unverified(token)?;
        if claims.nats.kind != KIND || claims.nats.version != VERSION {
            return Err(malformed("it is not that of a signer"));
        }
        if claims.sub.kind() != KeyKind::User {
            return Err(KeyError::OtherKind(KeyKind::User).into());
        }
        let name = claims.name.parse().map_err(|_| malformed("its name is none"))?;
        Ok(Self { token: token.to_owned(), claims, name })
    }

    /// The certificate as text.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What its holder is.
    #[must_use]
    pub fn role(&self) -> SignerRole {
        self.claims.nats.role
    }

    /// What its holder is called: an agent's id, a gateway's or a person's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The key that its holder signs with.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.claims.sub
    }

    /// Who has issued it.
    #[must_use]
    pub fn issuer(&self) -> &PublicKey {
        &self.claims.iss
    }

    /// When it was issued, in seconds since 1970.
    #[must_use]
    pub fn issued_at(&self) -> i64 {
        self.claims.iat
    }

    /// From when on it no longer counts, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        (self.claims.exp != 0).then_some(self.claims.exp)
    }
}

// === impl SignerFile ===

impl SignerFile {
    /// The text of the file.
    ///
    /// # Errors
    /// Never, for a key that was made here.
    pub fn render(&self) -> Result<String, KeyError> {
        armour::render("OGENT SIGNER JWT", self.certificate.token(), &self.key)
    }

    /// What the text says. Who has issued the certificate is not looked at: those who check signatures do.
    ///
    /// # Errors
    /// When it is no such text, or the seed belongs to another certificate.
    pub fn parse(text: &str) -> Result<Self, ArmourError> {
        let (token, key) = armour::parse(text)?;
        Ok(Self { certificate: Certificate::read(&token)?, key })
    }

    /// What the file says.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold what it should.
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::parse(&files::read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Puts the file in the place of what is there, with mode 0600, at once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        files::replace(path, 0o600, self.render().map_err(io::Error::other)?.as_bytes())
    }
}

impl fmt::Debug for SignerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerFile({} {})", self.certificate.role(), self.certificate.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(role: SignerRole, key: &Key) -> Trust {
        let operator = Key::generate(KeyKind::Operator).public();
        Trust { operator, accounts: [].into(), signers: [(role, vec![key.public()])].into() }
    }

    #[test]
    fn a_certificate_counts_for_its_role_and_time_only() {
        let (role_key, signer) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::User));
        let at = |second| Timestamp::from_second(second).unwrap();
        let name = "gateway".parse().unwrap();
        let issue =
            |role| Certificate::issue(&role_key, role, &name, &signer.public(), at(1000), Some(at(2000))).unwrap();
        let certificate = issue(SignerRole::Gateway);
        let trust = trust(SignerRole::Gateway, &role_key);
        assert_eq!(Certificate::verify(certificate.token(), &trust, at(1500)).unwrap(), certificate);
        assert_eq!(Certificate::verify(certificate.token(), &trust, at(2500)).unwrap_err(), JwtError::Expired);
        assert_eq!(Certificate::verify(certificate.token(), &trust, at(500)).unwrap_err(), JwtError::NotYet);
        // The key that certifies gateways does not certify people, whatever the certificate says.
        let person = issue(SignerRole::Person);
        assert_eq!(Certificate::verify(person.token(), &trust, at(1500)).unwrap_err(), JwtError::Untrusted);
    }

    #[test]
    fn a_users_token_is_no_certificate() {
        let role = Key::generate(KeyKind::Account);
        let user = Key::generate(KeyKind::User).public();
        let name = "web-1".parse().unwrap();
        let now = Timestamp::now();
        let token = super::super::user::issue(&role, &role.public(), &name, &user, now, None).unwrap();
        assert!(Certificate::verify(&token, &trust(SignerRole::Agent, &role), now).is_err());
        assert_eq!(
            Certificate::verify(&"a".repeat(5000), &trust(SignerRole::Agent, &role), now).unwrap_err(),
            JwtError::TooLong
        );
    }

    #[test]
    fn signer_files_come_back() {
        let (role, key) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::User));
        let name = "web-1".parse().unwrap();
        let certificate =
            Certificate::issue(&role, SignerRole::Agent, &name, &key.public(), Timestamp::now(), None).unwrap();
        let file = SignerFile { certificate, key };
        let again = SignerFile::parse(&file.render().unwrap()).unwrap();
        assert_eq!(again.certificate, file.certificate);
        let other = SignerFile { key: Key::generate(KeyKind::User), ..again };
        assert_eq!(SignerFile::parse(&other.render().unwrap()).unwrap_err(), ArmourError::Mismatch);
    }

    #[test]
    fn trust_comes_back() {
        let trust = trust(SignerRole::Agent, &Key::generate(KeyKind::Account));
        let dir = tempfile::tempdir().unwrap();
        trust.save(&dir.path().join("trust.json")).unwrap();
        assert_eq!(Trust::load(&dir.path().join("trust.json")).unwrap(), trust);
    }
}
