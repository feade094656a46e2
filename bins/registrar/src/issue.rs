//! Receives an identity that stands, gives what its agent needs; and an invitation, and gives the token for its machine.
//!
//! Every name that is signed here is an [`ogent_protocol::AgentId`]: one plain token of a subject, so that no template becomes a wildcard.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_broker::credentials::{Certificate, JwtError, Key, KeyKind, Name, PublicKey, SignerRole, user};
use ogent_protocol::JoinToken;
use ogent_protocol::enroll::Grant;
use ogent_protocol::enroll::identity::Identity;
use ogent_protocol::enroll::invite::Invite;

use crate::keys::Keys;

/// How long a machine that is held may ask again: people look once a day.
const HELD_MACHINES_MAY_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// A machine that comes too late is told so by a registrar, and not by a broker that does not know it.
const LATE_MACHINES_ARE_TOLD: Duration = Duration::from_secs(10 * 60);

/// How long what is issued counts, and where machines find the broker.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Credentials of an agent.
    pub(crate) credentials: Duration,
    /// Its right to come back after they have ended.
    pub(crate) come_back: Duration,
    /// Where machines find the broker.
    pub(crate) urls: Vec<String>,
}

/// Credentials cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// A public key is none.
    #[error("the public key {0} is not one")]
    Key(String),
    /// Nothing can be signed.
    #[error("the token cannot be made")]
    Token(#[from] JwtError),
    /// What agents get cannot be written.
    #[error("trust.json cannot be written")]
    Trust(#[from] serde_json::Error),
}

/// What the agent of this identity needs. Nothing of it counts beyond `identity.ends_at`.
pub(crate) fn grant(keys: &Keys, terms: &Terms, identity: &Identity, now: Timestamp) -> Result<Grant, IssueError> {
    let name = Name::from(identity.id.clone());
    let key: PublicKey = public(identity.key.as_str())?;
    let signer: PublicKey = public(identity.signer.as_str())?;
    let expires_at = after(now, terms.credentials);
    let back_until = Some(after(now, terms.come_back));
    let certificate = Certificate::issue(&keys.agent, SignerRole::Agent, &name, &signer, now, back_until)?;
    Ok(Grant {
        id: identity.id.clone(),
        generation: identity.generation,
        jwt: user::issue(&keys.agent, &keys.account, &name, &key, now, Some(expires_at))?,
        expires_at,
        // About the same key: who revokes the key revokes this right, too.
        return_jwt: user::issue(&keys.enroll, &keys.account, &name, &key, now, back_until)?,
        certificate: certificate.token().to_owned(),
        trust: serde_json::to_value(&keys.trust)?,
        labels: identity.labels.clone(),
    })
}

/// When all that is granted at `now` will have ended, the leeway of those who check it counted.
pub(crate) fn ends_at(terms: &Terms, now: Timestamp) -> Timestamp {
    after(after(now, terms.credentials.max(terms.come_back)), Duration::from_secs(10 * 60))
}

/// What the machine is given.
pub(crate) fn token(keys: &Keys, terms: &Terms, invite: &Invite, secret: String) -> Result<JoinToken, IssueError> {
    let grace = if invite.hold { HELD_MACHINES_MAY_WAIT } else { LATE_MACHINES_ARE_TOLD };
    let until = Some(after(invite.expires_at, grace));
    let name = Name::from(invite.id.clone());
    // A bearer's token: the seed of this key is not needed, and gone.
    let bearer = Key::generate(KeyKind::User).public();
    Ok(JoinToken {
        urls: terms.urls.clone(),
        ca: keys.ca.clone(),
        jwt: user::issue(&keys.enroll, &keys.account, &name, &bearer, Timestamp::now(), until)?,
        invite: invite.id.clone(),
        secret,
        expires: invite.expires_at,
    })
}

/// The public key of a user, with its checksum.
pub(crate) fn public(text: &str) -> Result<PublicKey, IssueError> {
    let key = text.parse::<PublicKey>().and_then(|key| key.expect_kind(KeyKind::User));
    key.map_err(|_| IssueError::Key(text.to_owned()))
}

fn after(at: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time).ok().and_then(|time| at.checked_add(time).ok()).unwrap_or(Timestamp::MAX)
}
