//! Receives somebody who is logged in, gives a ticket for one WebSocket; and receives the ticket, gives back who that is, once.
//!
//! A page of another origin cannot send a header with a WebSocket, and a token in the URL would end up in logs. A ticket is
//! worth nothing after it was seen.

use jiff::{SignedDuration, Timestamp};
use ogent_broker::{AppendError, Broker, Vault};
use ogent_protocol::GrantId;
use ogent_protocol::session::Scope;
use ogent_protocol::subject::TICKETS_BUCKET;
use ogent_runtime::{Secret, random_secret};
use serde::{Deserialize, Serialize};

use super::browser::{SECRET_BYTES, SessionError, SessionKey, hash};
use crate::access::{Principal, Role};
use crate::limits::{SSO_WITHIN, TICKET_TTL};

/// What may be used once, whichever gateway sees it first.
#[derive(Clone)]
pub(crate) struct Tickets(Vault);

/// Whom a ticket speaks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) user: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) epoch: u64,
    pub(crate) grant: Option<GrantId>,
    pub(crate) scope: Option<Scope>,
    pub(crate) expires_at: Timestamp,
    /// The session that it was made in: it is worth no more than that.
    pub(crate) session: Option<SessionKey>,
    until: Timestamp,
}

// === impl Tickets ===

impl Tickets {
    pub(crate) fn new(broker: &Broker) -> Self {
        Self(Vault::new(broker, TICKETS_BUCKET))
    }

    /// A ticket for `principal`, which is good for [`TICKET_TTL`].
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) async fn issue(&self, principal: &Principal) -> Result<Secret, SessionError> {
        let secret = random_secret(SECRET_BYTES)?;
        let ttl = SignedDuration::try_from(TICKET_TTL).unwrap_or_default();
        let ticket = Ticket {
            user: principal.user.clone(),
            roles: principal.roles.clone(),
            epoch: principal.epoch,
            grant: principal.grant.clone(),
            scope: principal.scope.clone(),
            expires_at: principal.expires_at,
            session: principal.session.clone(),
            until: Timestamp::now().saturating_add(ttl).unwrap_or(Timestamp::MIN),
        };
        self.0.put(&hash(&secret), &ticket, 0, TICKET_TTL).await?;
        Ok(secret)
    }

    /// Uses up a ticket. `None` when there is none (any more).
    ///
    /// # Errors
    /// When the broker does not answer: then it may be used up.
    pub(crate) async fn redeem(&self, secret: &Secret) -> Result<Option<Ticket>, SessionError> {
        let key = hash(secret);
        let Some(kept) = self.0.get::<Ticket>(&key).await? else { return Ok(None) };
        match self.0.remove(&key, kept.revision).await {
            Ok(()) => Ok(Some(kept.value).filter(|ticket| ticket.until > Timestamp::now())),
            // Somebody else was faster.
            Err(AppendError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that something was used. `false` when it was used before; it is remembered for longer than a sign-in may take.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub(crate) async fn is_first_use(&self, of: &Secret) -> Result<bool, SessionError> {
        match self.0.put(&hash(of), &true, 0, SSO_WITHIN * 2).await {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
