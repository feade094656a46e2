//! Receives what admins want from gateways, gives it the books, and the broker where somebody is to be cut off.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ogent_broker::enroll::Noted;
use ogent_broker::{AppendError, ReadError};
use ogent_protocol::enroll::InviteId;
use ogent_protocol::enroll::admin::{
    AdminAction, AdminRequest, AdminResponse, DecideAgent, InviteCreated, InviteRequest, InviteView,
};
use ogent_protocol::enroll::identity::{Decided, Identity, IdentityState, NotSo};
use ogent_protocol::enroll::invite::{Invite, Withdrawal};
use ogent_protocol::rest::Problem;
use ogent_protocol::{AgentId, limits};
use rand::Rng as _;
use rand::distr::{Alphanumeric, SampleString as _};

use crate::door::{Door, DoorError, secret_hash};
use crate::issue;
use crate::revocations::chain;

/// An invitation is shown for so long after its end.
const KEPT_AFTER_END: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Others may write the same record at the same time; each of them gets one step further.
const ROUNDS: usize = 16;
/// Longest list that is answered. It has to fit a message, where a record has some 2 KiB.
const LISTED: usize = 256;

/// Does what admins want.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) door: Arc<Door>,
}

/// What admins want, and is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// It is not a request.
    #[error("{0}")]
    Invalid(String),
    /// There is no such invitation.
    #[error("there is no invitation {0}")]
    NoInvite(InviteId),
    /// There is no such agent.
    #[error("no agent {0} has ever joined")]
    NoAgent(AgentId),
    /// The id has a key already.
    #[error("{0} has joined before: '--replace' gives the id to a new machine and shuts the old one out")]
    Known(AgentId),
    /// It is another machine by now.
    #[error("{agent} is not the machine any more that you have seen (generation {generation} now): look again")]
    Moved {
        /// The agent.
        agent: AgentId,
        /// Which it is now.
        generation: u32,
    },
    /// It is not so.
    #[error("{agent}: {problem}")]
    NotSo {
        /// The agent.
        agent: AgentId,
        /// What it is instead.
        problem: NotSo,
    },
    /// The books or the broker are away.
    #[error(transparent)]
    Door(#[from] DoorError),
}

// === impl Admin ===

impl Admin {
    pub(crate) async fn act(&self, request: AdminRequest) -> Result<AdminResponse, AdminError> {
        let AdminRequest { by, action } = request;
        if by.is_empty() || by.len() > limits::MAX_TEXT_BYTES {
            return Err(AdminError::Invalid("it must be said who wants it".to_owned()));
        }
        match action {
            AdminAction::Invite(request) => self.invite(by, request).await,
            AdminAction::Invites => self.invites().await,
            AdminAction::Withdraw { invite } => self.withdraw(by, invite).await,
            AdminAction::Identities { state } => self.identities(state).await,
            AdminAction::Accept(wish) => self.decide(by, wish, Identity::accept).await,
            AdminAction::Reject(wish) => self.decide(by, wish, Identity::reject).await,
            AdminAction::Revoke(wish) => self.decide(by, wish, Identity::revoke).await,
        }
    }

    async fn invite(&self, by: String, mut request: InviteRequest) -> Result<AdminResponse, AdminError> {
        request.check().map_err(AdminError::Invalid)?;
        let known = match &request.id {
            None => None,
            Some(id) => match self.door.identities.get(id).await {
                Ok(noted) => noted.value,
                // Whoever replaces it wants nothing of what cannot be read.
                Err(ReadError::Corrupt { .. }) if request.replace => None,
                Err(error) => return Err(DoorError::from(error).into()),
            },
        };
        if let (Some(id), Some(known)) = (&request.id, known) {
            // One that was only ever rejected may be taken by another machine.
            if !request.replace && known.state != IdentityState::Rejected {
                return Err(AdminError::Known(id.clone()));
            }
            // A new machine in its place stays under the policies that name these, unless an admin says otherwise.
            if request.replace && request.labels.is_empty() {
                request.labels = known.labels;
            }
        }
        let now = Timestamp::now();
        let ttl = request.ttl_s.map_or(limits::DEFAULT_INVITE, Duration::from_secs);
        let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::from_hours(1));
        let secret = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
        let id = Alphanumeric.sample_string(&mut rand::rng(), 16);
        let invite = Invite {
            id: id.parse().map_err(|error: ogent_protocol::InvalidId| AdminError::Invalid(error.to_string()))?,
            secret_hash: secret_hash(&secret),
            agent: request.id,
            labels: request.labels,
            uses: request.uses.unwrap_or(1),
            hold: request.hold,
            replace: request.replace,
            created_at: now,
            created_by: by,
            expires_at: now.checked_add(ttl).unwrap_or(Timestamp::MAX),
            withdrawn: None,
            used: Vec::new(),
        };
        let token = issue::token(&self.door.keys, &self.door.terms, &invite, secret).map_err(DoorError::from)?;
        let stored = self.door.invites.put(&invite.id, &invite, 0, Some(keep(&invite, now))).await;
        stored.map_err(DoorError::from)?;
        tracing::info!(invite = %invite.id, by = invite.created_by, "an invitation was made");
        let created = InviteCreated { invite: InviteView::of(invite, now), token: token.to_string() };
        Ok(AdminResponse::Invited(Box::new(created)))
    }

    async fn invites(&self) -> Result<AdminResponse, AdminError> {
        let now = Timestamp::now();
        let mut invites = self.door.invites.all().await.map_err(DoorError::from)?.0;
        invites.sort_by_key(|invite| std::cmp::Reverse(invite.created_at));
        let views = invites.into_iter().take(LISTED).map(|invite| {
            let mut view = InviteView::of(invite, now);
            // The last ones: all of them, of every invitation, would not fit a message.
            view.used = view.used.split_off(view.used.len().saturating_sub(8));
            view
        });
        Ok(AdminResponse::Invites(views.collect()))
    }

    async fn withdraw(&self, by: String, id: InviteId) -> Result<AdminResponse, AdminError> {
        for _ in 0..ROUNDS {
            let Noted { value, revision } = self.door.invites.get(&id).await.map_err(DoorError::from)?;
            let mut invite = value.ok_or_else(|| AdminError::NoInvite(id.clone()))?;
            let now = Timestamp::now();
            if invite.withdrawn.is_none() {
                invite.withdrawn = Some(Withdrawal { at: now, by: by.clone() });
                match self.door.invites.put(&id, &invite, revision, Some(keep(&invite, now))).await {
                    Err(AppendError::Conflict(_)) => continue,
                    written => written.map_err(DoorError::from)?,
                };
                tracing::info!(invite = %id, by, "an invitation was withdrawn");
            }
            return Ok(AdminResponse::Invite(Box::new(InviteView::of(invite, now))));
        }
        Err(DoorError::Contested.into())
    }

    async fn identities(&self, state: Option<IdentityState>) -> Result<AdminResponse, AdminError> {
        let mut identities = self.door.identities.all().await.map_err(DoorError::from)?.0;
        identities.retain(|one| state.is_none_or(|state| one.state == state));
        identities.sort_by(|a, b| a.id.cmp(&b.id));
        identities.truncate(LISTED);
        Ok(AdminResponse::Identities(identities))
    }

    async fn decide(
        &self,
        by: String,
        wish: DecideAgent,
        change: fn(Identity, Decided) -> Result<Identity, NotSo>,
    ) -> Result<AdminResponse, AdminError> {
        let DecideAgent { agent, generation, reason } = wish;
        if reason.as_ref().is_some_and(|reason| reason.len() > limits::MAX_TEXT_BYTES) {
            return Err(AdminError::Invalid(format!("a reason has at most {} bytes", limits::MAX_TEXT_BYTES)));
        }
        for _ in 0..ROUNDS {
            let Noted { value, revision } = self.door.identities.get(&agent).await.map_err(DoorError::from)?;
            let known = value.ok_or_else(|| AdminError::NoAgent(agent.clone()))?;
            if generation.is_some_and(|seen| seen != known.generation) {
                return Err(AdminError::Moved { agent, generation: known.generation });
            }
            let before = known.clone();
            let decided = Decided { by: by.clone(), at: Timestamp::now(), reason: reason.clone() };
            let identity =
                change(known, decided).map_err(|problem| AdminError::NotSo { agent: agent.clone(), problem })?;
            if identity != before {
                match self.door.identities.put(&agent, &identity, revision, None).await {
                    Err(AppendError::Conflict(_)) => continue,
                    written => written.map_err(DoorError::from)?,
                };
                tracing::info!(%agent, state = %identity.state, by, "it was decided about an agent");
            }
            // Also when it was revoked before: the one who asks again wants to know that the broker has done it.
            self.door.revocations.settle(&identity).await.map_err(DoorError::from)?;
            return Ok(AdminResponse::Identity(Box::new(identity)));
        }
        Err(DoorError::Contested.into())
    }
}

// === impl AdminError ===

impl AdminError {
    /// What a gateway is told.
    pub(crate) fn problem(&self) -> Problem {
        let (code, status) = match self {
            Self::Invalid(_) => ("invalid_request", 422),
            Self::NoInvite(_) => ("unknown_invite", 404),
            Self::NoAgent(_) => ("unknown_agent", 404),
            Self::Known(_) => ("agent_known", 409),
            Self::Moved { .. } => ("agent_moved", 409),
            Self::NotSo { .. } => ("not_possible", 409),
            Self::Door(DoorError::Revoke(_)) => {
                let detail = "it is written down, but the broker has not confirmed yet that the agent is cut off; the \
                              registrar goes on trying, and the same request again says when it is done";
                return Problem::new("not_cut_off_yet", 503, detail);
            }
            Self::Door(_) => ("registrar_unavailable", 503),
        };
        match self {
            Self::Door(error) => {
                tracing::warn!(error = %chain(error), "an admin's request failed");
                Problem::new(code, status, "the registrar cannot reach its records now; try again")
            }
            _ => Problem::new(code, status, &self.to_string()),
        }
    }
}

/// How long the record of an invitation is kept from now on.
pub(crate) fn keep(invite: &Invite, now: Timestamp) -> Duration {
    Duration::try_from(invite.expires_at.duration_since(now)).unwrap_or_default() + KEPT_AFTER_END
}
