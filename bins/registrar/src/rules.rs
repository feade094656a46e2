//! Receives what stands in the books about an id and who asks for it, gives what may become of that. Pure: no I/O, no clock.

use jiff::Timestamp;
use ogent_protocol::enroll::identity::{Identity, IdentityState};
use ogent_protocol::enroll::invite::Invite;
use ogent_protocol::enroll::{EnrollRequest, UserKey};
use ogent_protocol::{AgentId, InvalidId};

/// Most keys that had an id before and may still have to be barred: the record has to fit a message of its bucket.
const MAX_FORMER: usize = 64;

/// What becomes of a machine that was invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Course {
    /// The identity is its own, and stands: it gets credentials.
    Grant(Box<Identity>),
    /// The identity is its own, and somebody has to accept it.
    Wait(Box<Identity>),
    /// This identity has to be written first; then as above.
    Write(Box<Identity>),
    /// Nothing.
    Refuse(Refusal),
}

/// Why a machine is not let in. What is said of each tells a stranger nothing about which ids there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The request is not one.
    #[error("{0}")]
    Invalid(String),
    /// It does not have the keys.
    #[error("the request is not signed by the keys that it names")]
    Proof,
    /// There is no such invitation, or it has another secret.
    #[error("this invitation is not valid: ask for a new one ('ogent agents invite') and copy the whole token")]
    Invitation,
    /// The invitation is of no use any more.
    #[error("{0}: ask for a new one ('ogent agents invite')")]
    Over(&'static str),
    /// The invitation is for another id.
    #[error("this invitation is for another id: leave --id out")]
    OtherId,
    /// Another key has the id.
    #[error(
        "this id cannot be given to this machine: choose another one with --id, or ask an admin for 'ogent agents \
         replace ID' if this machine is to take the place of another"
    )]
    Taken,
    /// Somebody has said no.
    #[error("an admin has refused this machine")]
    Rejected,
    /// The key had an identity and lost it.
    #[error(
        "these keys may not be used any more: ask for a new invitation ('ogent agents invite'), then join with \
         'ogent-agent join --new-keys'"
    )]
    Barred,
    /// It says that it is somebody, and is not.
    #[error("these keys do not belong to an agent that may come back: ask for an invitation ('ogent agents invite')")]
    Return,
    /// Wrong too often.
    #[error("too many wrong attempts: wait a minute")]
    TooMany,
}

// === impl Refusal ===

impl Refusal {
    /// The kind of problem, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::Proof => "invalid_proof",
            Self::Invitation => "invalid_invitation",
            Self::Over(_) => "invitation_over",
            Self::OtherId => "other_id",
            Self::Taken => "id_taken",
            Self::Rejected => "rejected",
            Self::Barred => "keys_barred",
            Self::Return => "no_return",
            Self::TooMany => "too_many_attempts",
        }
    }
}

/// The id that the machine is to have: the one of its earlier use, that of the invitation, the one that it wants, or one
/// made from its key.
pub(crate) fn name(invite: &Invite, request: &EnrollRequest) -> Result<AgentId, Refusal> {
    if let Some(used) = invite.used_by(&request.key) {
        return Ok(used.agent.clone());
    }
    let id = match (&invite.agent, &request.id) {
        (Some(meant), Some(wanted)) if meant != wanted => return Err(Refusal::OtherId),
        (Some(meant), _) => meant.clone(),
        (None, Some(wanted)) => wanted.clone(),
        (None, None) => AgentId::from_public_key(request.key.as_str())
            .map_err(|error: InvalidId| Refusal::Invalid(error.to_string()))?,
    };
    ogent_protocol::enroll::admin::check_name(&id).map_err(Refusal::Invalid)?;
    Ok(id)
}

/// What becomes of a machine with an invitation, where `known` is what stands in the books about that id.
pub(crate) fn course(
    known: Option<Identity>,
    invite: &Invite,
    id: AgentId,
    request: &EnrollRequest,
    now: Timestamp,
) -> Course {
    match known {
        None => Course::Write(Box::new(newcomer(invite, id, request, now))),
        Some(known) if known.key == request.key => own(known, &request.signer),
        Some(known) if known.has_barred(&request.key) => Course::Refuse(Refusal::Barred),
        Some(known) if may_take(&known, invite) => {
            let generation = known.generation.saturating_add(1);
            let former = known.become_former(now);
            if former.len() > MAX_FORMER {
                return Course::Refuse(Refusal::Taken);
            }
            Course::Write(Box::new(Identity { generation, former, ..newcomer(invite, id, request, now) }))
        }
        Some(_) => Course::Refuse(Refusal::Taken),
    }
}

fn own(known: Identity, signer: &UserKey) -> Course {
    match known.state {
        // The key to sign with was accepted with the other one, and changes only with it.
        _ if known.signer != *signer => Course::Refuse(Refusal::Barred),
        IdentityState::Active => Course::Grant(Box::new(known)),
        IdentityState::Pending => Course::Wait(Box::new(known)),
        IdentityState::Rejected => Course::Refuse(Refusal::Rejected),
        IdentityState::Revoked => Course::Refuse(Refusal::Barred),
    }
}

/// Whether a machine may take an id that another key has: where somebody has said so, or nobody ever had it.
fn may_take(known: &Identity, invite: &Invite) -> bool {
    let was_never_in = known.state == IdentityState::Rejected && known.issued_at.is_none() && known.former.is_empty();
    invite.replace || was_never_in
}

fn newcomer(invite: &Invite, id: AgentId, request: &EnrollRequest, now: Timestamp) -> Identity {
    let mut labels = request.labels.clone();
    // What an admin has said wins over what the machine says.
    labels.extend(invite.labels.clone());
    Identity {
        id,
        generation: 1,
        state: if invite.hold { IdentityState::Pending } else { IdentityState::Active },
        key: request.key.clone(),
        signer: request.signer.clone(),
        invite: invite.id.clone(),
        facts: request.facts.clone(),
        labels,
        requested_at: now,
        decided: None,
        issued_at: None,
        ends_at: None,
        former: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
