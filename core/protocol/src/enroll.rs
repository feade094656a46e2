//! What a new machine and a registrar say to each other: a [`token`] invites, a request brings public keys, an answer brings
//! credentials. Seeds are in none of these messages.
//!
//! In the order of data: [`invite`] (what an admin has allowed), [`token`] (what the machine is given), the requests and
//! answers here, [`identity`] (what the registrars remember), [`admin`] (what gateways ask registrars for).

pub mod admin;
pub mod identity;
pub mod invite;
pub mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::Platform;
use crate::id::AgentId;
use crate::limits;

/// The public nkey of a user, as text: `U` and 55 characters of base32. Whether its checksum is right shows when it is
/// used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserKey(String);

/// The text is not the public key of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key has 'U' and 55 capital letters or digits")]
pub struct InvalidKey;

/// What a machine says about itself. Nobody has checked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Facts {
    /// The machine's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Version of the agent.
    pub version: String,
    /// Names the machine, without telling its real machine id.
    pub machine: String,
    /// The account that the agent runs as.
    pub user: String,
}

/// By what a machine asks for credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Ground {
    /// An invitation.
    Invite {
        /// Its id.
        id: InviteId,
        /// Its secret.
        secret: String,
    },
    /// It had credentials, and they have ended.
    Return {
        /// Which agent it is.
        agent: AgentId,
    },
}

/// "Let me in", on `enroll.requests`. Asking again is the same as asking once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnrollRequest {
    /// By what.
    pub ground: Ground,
    /// The id that it would like to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AgentId>,
    /// The key that it will connect with.
    pub key: UserKey,
    /// The key that it will sign its events with: another one.
    pub signer: UserKey,
    /// What it says about itself.
    pub facts: Facts,
    /// What it would like to be chosen by. The invitation's own labels win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Made for this request: 16 to 64 letters and digits.
    pub nonce: String,
    /// That it has both keys.
    pub proof: Proof,
}

/// Signatures over [`EnrollRequest::statement`], in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proof {
    /// By the key that it will connect with.
    pub key: String,
    /// By the key that it will sign with.
    pub signer: String,
}

/// "Let me stay", on `enroll.renew.<agent>`. The broker lets nobody else publish there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RenewRequest {
    /// The key that it connects with.
    pub key: UserKey,
    /// What it says about itself now.
    pub facts: Facts,
}

/// The answer to both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EnrollResponse {
    /// It is in.
    Active(Box<Grant>),
    /// Somebody has to accept it.
    Pending {
        /// The id that it would have.
        id: AgentId,
        /// Seconds after which to ask again.
        retry_after: u32,
    },
    /// It is not let in.
    Refused {
        /// The kind of problem, for programs.
        code: String,
        /// What to do about it.
        problem: String,
        /// Seconds after which another try makes sense; absent where none does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
}

/// What an agent gets. None of it is secret without the agent's own seeds, except `return_jwt`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// Its id.
    pub id: AgentId,
    /// How many keys the id has had, this one counted.
    pub generation: u32,
    /// Token for the broker.
    pub jwt: String,
    /// When that ends.
    pub expires_at: Timestamp,
    /// By which it may ask for a new one after that, and for nothing else.
    pub return_jwt: String,
    /// Says that the signing key is its own.
    pub certificate: String,
    /// Whose signatures count: `trust.json`.
    pub trust: serde_json::Value,
    /// What it is to be chosen by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Names one invitation: one token of a subject.
pub type InviteId = AgentId;

// === impl UserKey ===

impl UserKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let is_base32 = |b: u8| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b);
        if text.len() == 56 && text.starts_with('U') && text.bytes().all(is_base32) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKey)
        }
    }
}

impl TryFrom<String> for UserKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<UserKey> for String {
    fn from(key: UserKey) -> Self {
        key.0
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

// === impl Ground, Grant ===

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invite { id, .. } => write!(f, "Invite({id}, …)"),
            Self::Return { agent } => write!(f, "Return({agent})"),
        }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, generation, expires_at) = (&self.id, self.generation, self.expires_at);
        write!(f, "Grant({id}, generation {generation}, until {expires_at}, …)")
    }
}

// === impl EnrollRequest ===

impl EnrollRequest {
    /// The bytes that both keys sign: nothing in the request that matters can be changed on the way, and no signature
    /// over anything else counts as one over this.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let (kind, name) = match &self.ground {
            Ground::Invite { id, .. } => ("invite", id),
            Ground::Return { agent } => ("return", agent),
        };
        let id = self.id.as_ref().map_or("", AgentId::as_str);
        // Every part is free of line breaks, or comes last.
        let Self { key, signer, nonce, .. } = self;
        format!("ogent-enroll-1\n{kind}\n{name}\n{id}\n{key}\n{signer}\n{nonce}").into_bytes()
    }

    /// Checks what the form alone does not.
    ///
    /// # Errors
    /// In words for the one who asks.
    pub fn check(&self) -> Result<(), String> {
        if self.key == self.signer {
            return Err("the key to connect with and the key to sign with must be two keys".to_owned());
        }
        if !(16..=64).contains(&self.nonce.len()) || !self.nonce.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err("the nonce must have 16 to 64 letters and digits".to_owned());
        }
        self.facts.check()?;
        check_labels(&self.labels)
    }
}

// === impl Facts ===

impl Facts {
    /// Whether people can be shown them.
    ///
    /// # Errors
    /// Names the first that is too long.
    pub fn check(&self) -> Result<(), String> {
        let Self { hostname, platform, version, machine, user } = self;
        let texts = [
            ("hostname", hostname.as_deref()),
            ("os", Some(platform.os.as_str())),
            ("distribution", platform.distribution.as_deref()),
            ("arch", Some(platform.arch.as_str())),
            ("kernel", Some(platform.kernel.as_str())),
            ("version", Some(version.as_str())),
            ("machine", Some(machine.as_str())),
            ("user", Some(user.as_str())),
        ];
        let is_bad = |text: &str| text.len() > limits::MAX_FACT_BYTES || text.chars().any(char::is_control);
        match texts.iter().find(|(_, text)| text.is_some_and(is_bad)) {
            Some((name, _)) => {
                Err(format!("{name} must have at most {} bytes and no control characters", limits::MAX_FACT_BYTES))
            }
            None => Ok(()),
        }
    }
}

/// Whether these may be an agent's labels.
///
/// # Errors
/// Says what is wrong with the first that may not.
pub fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), String> {
    if labels.len() > limits::MAX_LABELS {
        return Err(format!("an agent has at most {} labels", limits::MAX_LABELS));
    }
    labels.iter().try_for_each(|(key, value)| check_label(key, value))
}

/// Whether this may be an agent's label.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_label(key: &str, value: &str) -> Result<(), String> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.is_empty() || key.len() > 63 || !key.chars().all(is_safe) {
        return Err("the key of a label has 1 to 63 letters, digits, '-', '_', '.' and '/'".to_owned());
    }
    if value.len() > 255 || value.chars().any(char::is_control) {
        return Err("the value of a label has at most 255 bytes and no control characters".to_owned());
    }
    Ok(())
}

/// Reads `KEY=VALUE`.
///
/// # Errors
/// When it is not that.
pub fn parse_label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    check_label(key, value)?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn key(letter: char) -> UserKey {
        format!("U{}", letter.to_string().repeat(55)).parse().unwrap()
    }

    pub(crate) fn facts() -> Facts {
        Facts {
            hostname: Some("web-1".into()),
            platform: Platform { os: "linux".into(), distribution: None, arch: "x86_64".into(), kernel: "6.1".into() },
            version: "0.1.0".into(),
            machine: "m".into(),
            user: "root".into(),
        }
    }

    fn request() -> EnrollRequest {
        EnrollRequest {
            ground: Ground::Invite { id: "i1".parse().unwrap(), secret: "s3cr3t".into() },
            id: None,
            key: key('A'),
            signer: key('B'),
            facts: facts(),
            labels: BTreeMap::new(),
            nonce: "0123456789abcdef".into(),
            proof: Proof { key: String::new(), signer: String::new() },
        }
    }

    #[test]
    fn the_statement_names_all_that_matters_and_no_secret() {
        let one = request();
        let mut seen = vec![one.statement()];
        for change in [
            (|it| it.key = key('C')) as fn(&mut EnrollRequest),
            |it| it.signer = key('C'),
            |it| it.id = Some("web-1".parse().unwrap()),
            |it| it.nonce = "f".repeat(16),
            |it| it.ground = Ground::Return { agent: "i1".parse().unwrap() },
        ] {
            let mut other = request();
            change(&mut other);
            assert!(!seen.contains(&other.statement()));
            seen.push(other.statement());
        }
        assert!(!String::from_utf8(one.statement()).unwrap().contains("s3cr3t"));
        assert!(!format!("{one:?}").contains("s3cr3t"));
    }

    #[test]
    fn odd_requests_are_refused() {
        assert!(request().check().is_ok());
        for change in [
            (|it| it.signer = key('A')) as fn(&mut EnrollRequest),
            |it| it.nonce = "short".into(),
            |it| it.nonce = "0123456789abcde\n".into(),
            |it| it.facts.user = "a\u{1b}[2J".into(),
            |it| it.facts.version = "v".repeat(300),
            |it| _ = it.labels.insert("a b".into(), "c".into()),
            |it| it.labels = (0..100).map(|n| (n.to_string(), String::new())).collect(),
        ] {
            let mut bad = request();
            change(&mut bad);
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_public_user_keys_are_keys() {
        for bad in ["", "U", "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF", "*", &"S".repeat(56)] {
            assert!(bad.parse::<UserKey>().is_err(), "{bad}");
        }
        assert!("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4".parse::<UserKey>().is_ok());
    }
}
