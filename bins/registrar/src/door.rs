//! Receives machines that want in, agents that want to stay and agents that come back, gives each what the books say.
//!
//! All of it may be asked again: what was counted and written for a key is found and not done twice.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ogent_broker::credentials::PublicKey;
use ogent_broker::enroll::{Book, Noted};
use ogent_broker::{AppendError, Ledger, ReadError};
use ogent_protocol::enroll::identity::{Identity, IdentityState};
use ogent_protocol::enroll::invite::{Invite, Unusable, Use};
use ogent_protocol::enroll::{EnrollRequest, EnrollResponse, Ground, InviteId, RenewRequest, UserKey};
use ogent_protocol::{AgentId, AuditEvent, AuditKind};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::issue::{self, IssueError, Terms};
use crate::keys::Keys;
use crate::limiter::Limiter;
use crate::revocations::{Revocations, RevokeError};
use crate::rules::{self, Course, Refusal};

/// Seconds after which a machine that is held asks again.
const ASK_AGAIN: u32 = 3;
/// Others may write the same record at the same time; each of them gets one step further.
const ROUNDS: usize = 16;

/// Lets machines in.
pub(crate) struct Door {
    pub(crate) keys: Arc<Keys>,
    pub(crate) terms: Terms,
    pub(crate) invites: Book<Invite>,
    pub(crate) identities: Book<Identity>,
    pub(crate) revocations: Revocations,
    pub(crate) limiter: Limiter,
    pub(crate) ledger: Ledger,
}

/// Why a machine gets no answer to what it asks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoorError {
    /// It is not let in.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The books cannot be read.
    #[error("the records cannot be read")]
    Read(#[from] ReadError),
    /// The books cannot be written.
    #[error("the record cannot be written")]
    Write(#[from] AppendError),
    /// Others write the same record all the time.
    #[error("the record is changed by others all the time")]
    Contested,
    /// The broker does not know yet that the key before is revoked.
    #[error("the key that had the id before may still be connected")]
    Revoke(#[from] RevokeError),
    /// Nothing can be signed.
    #[error("the credentials cannot be made")]
    Issue(#[from] IssueError),
}

// === impl Door ===

impl Door {
    /// A machine wants in, or comes back.
    pub(crate) async fn enroll(&self, request: &EnrollRequest) -> Result<EnrollResponse, DoorError> {
        request.check().map_err(Refusal::Invalid)?;
        check_proof(request)?;
        match &request.ground {
            Ground::Invite { id, secret } => self.join(id, secret, request).await,
            Ground::Return { agent } => self.come_back(agent, request).await,
        }
    }

    async fn join(&self, id: &InviteId, secret: &str, request: &EnrollRequest) -> Result<EnrollResponse, DoorError> {
        if self.limiter.is_closed(id) {
            return Err(Refusal::TooMany.into());
        }
        for _ in 0..ROUNDS {
            let Noted { value, revision } = self.invites.get(id).await?;
            let Some(invite) = opened(value, secret) else {
                self.limiter.wrong(id);
                return Err(Refusal::Invitation.into());
            };
            let now = Timestamp::now();
            // A machine that only asks again may do so after its invitation has ended.
            let is_again = invite.used_by(&request.key).is_some();
            if !is_again {
                invite.usable(now).map_err(over)?;
            }
            if self.revocations.has_barred(&request.key) {
                return Err(Refusal::Barred.into());
            }
            let agent = rules::name(&invite, request)?;
            let known = self.identities.get(&agent).await?;
            let course = rules::course(known.value, &invite, agent.clone(), request, now);
            if let Course::Refuse(refusal) = course {
                return Err(refusal.into());
            }
            // Counted before anything is signed, and once for each key.
            if !is_again {
                match self.count(invite, agent, request, revision, now).await {
                    Err(AppendError::Conflict(_)) => continue,
                    counted => counted?,
                }
            }
            match course {
                Course::Refuse(refusal) => return Err(refusal.into()),
                Course::Wait(identity) => return Ok(pending(&identity)),
                Course::Grant(identity) | Course::Write(identity) => {
                    match self.admit(*identity, known.revision).await {
                        Err(DoorError::Write(AppendError::Conflict(_))) => {}
                        done => return done,
                    }
                }
            }
        }
        Err(DoorError::Contested)
    }

    async fn count(
        &self,
        invite: Invite,
        agent: AgentId,
        request: &EnrollRequest,
        revision: u64,
        now: Timestamp,
    ) -> Result<(), AppendError> {
        let mut invite = invite;
        invite.used.push(Use { agent, key: request.key.clone(), at: now });
        self.invites.put(&invite.id, &invite, revision, Some(crate::admin::keep(&invite, now))).await.map(drop)
    }

    /// Credentials have ended, and the agent has not: its own keys say that it is the same.
    async fn come_back(&self, agent: &AgentId, request: &EnrollRequest) -> Result<EnrollResponse, DoorError> {
        for _ in 0..ROUNDS {
            let known = self.identities.get(agent).await?;
            let own = known.value.filter(|one| {
                one.state == IdentityState::Active && one.key == request.key && one.signer == request.signer
            });
            // Whether there is such an agent, whether it is revoked: all the same to whoever asks.
            let Some(mut identity) = own else { return Err(Refusal::Return.into()) };
            identity.facts = request.facts.clone();
            match self.admit(identity, known.revision).await {
                Err(DoorError::Write(AppendError::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(DoorError::Contested)
    }

    /// An agent wants to stay. That it is this agent, the broker has seen to.
    pub(crate) async fn renew(&self, agent: &AgentId, request: &RenewRequest) -> Result<EnrollResponse, DoorError> {
        request.facts.check().map_err(Refusal::Invalid)?;
        for _ in 0..ROUNDS {
            let known = self.identities.get(agent).await?;
            let own = known.value.filter(|one| one.state == IdentityState::Active && one.key == request.key);
            let Some(mut identity) = own else { return Err(Refusal::Barred.into()) };
            identity.facts = request.facts.clone();
            match self.admit(identity, known.revision).await {
                Err(DoorError::Write(AppendError::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(DoorError::Contested)
    }

    /// Writes the identity where `revision` still stands, and then gives what it says. Until when something counts is written
    /// down before it is given: whoever revokes the key has to know.
    async fn admit(&self, mut identity: Identity, revision: u64) -> Result<EnrollResponse, DoorError> {
        let now = Timestamp::now();
        let is_in = identity.state == IdentityState::Active;
        let kind = news(&identity);
        if is_in {
            // Before the record: a key that is none must not take an id.
            let ends = issue::ends_at(&self.terms, now);
            identity.ends_at = Some(identity.ends_at.map_or(ends, |before| before.max(ends)));
            identity.issued_at = Some(now);
        }
        let grant = issue::grant(&self.keys, &self.terms, &identity, now)?;
        self.identities.put(&identity.id, &identity, revision, None).await?;
        if let Some(kind) = kind {
            let event = AuditEvent::new("registrar", kind).about(identity.id.as_str());
            self.ledger.audit(event.saying(format!("invitation {}, key {}", identity.invite, identity.key)));
        }
        // The key before is cut off first: at no time do two machines have one id.
        self.revocations.settle(&identity).await?;
        if !is_in {
            return Ok(pending(&identity));
        }
        tracing::info!(agent = %identity.id, generation = identity.generation, "credentials were given");
        Ok(EnrollResponse::Active(Box::new(grant)))
    }
}

/// What is new about an identity that is about to be written; nothing where it is only renewed.
fn news(identity: &Identity) -> Option<AuditKind> {
    match (identity.state, identity.issued_at, identity.generation) {
        (IdentityState::Pending, ..) => Some(AuditKind::AgentPending),
        (IdentityState::Active, None, 1) => Some(AuditKind::AgentJoined),
        (IdentityState::Active, None, _) => Some(AuditKind::AgentReplaced),
        _ => None,
    }
}

fn pending(identity: &Identity) -> EnrollResponse {
    EnrollResponse::Pending { id: identity.id.clone(), retry_after: ASK_AGAIN }
}

fn over(unusable: Unusable) -> Refusal {
    Refusal::Over(match unusable {
        Unusable::Expired => "this invitation has expired",
        Unusable::Withdrawn => "this invitation was withdrawn",
        Unusable::UsedUp => "this invitation has been used up",
    })
}

/// The invitation, where this is its secret. What is not there is compared, too, and takes as long.
fn opened(invite: Option<Invite>, secret: &str) -> Option<Invite> {
    let hash = invite.as_ref().map_or_else(|| secret_hash(""), |invite| invite.secret_hash.clone());
    let is_right: bool = secret_hash(secret).as_bytes().ct_eq(hash.as_bytes()).into();
    invite.filter(|_| is_right)
}

/// What is kept of a secret.
pub(crate) fn secret_hash(secret: &str) -> String {
    // A secret has 256 bits of chance: a plain hash tells nothing of it.
    HEXLOWER.encode(&Sha256::digest(secret))
}

fn check_proof(request: &EnrollRequest) -> Result<(), Refusal> {
    let statement = request.statement();
    let proves = |key: &UserKey, signature: &str| {
        let key: Result<PublicKey, _> = issue::public(key.as_str());
        let signature = URL_SAFE_NO_PAD.decode(signature).ok();
        key.ok().zip(signature).is_some_and(|(key, signature)| key.verifies(&statement, &signature))
    };
    let has_both = proves(&request.key, &request.proof.key) && proves(&request.signer, &request.proof.signer);
    if has_both { Ok(()) } else { Err(Refusal::Proof) }
}
