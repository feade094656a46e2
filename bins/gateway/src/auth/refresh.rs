//! Receives a refresh token, gives the next tokens of its session.
//!
//! Each refresh token is good once. The exchange is a compare-and-set on the session's record, so of two who come with
//! the same token one gets the next. A token of this session that is neither the current one nor made up (all tokens of a
//! session share a part that nobody else knows) was used before: somebody else has a copy, and the whole session ends.
//!
//! One exception, for a client whose answer was lost: the token right before the current one is exchanged once more
//! within ten seconds of its first use, from the same network, and only while the current one was never used (its use
//! would have made *it* the one before). The lost token then belongs to nobody: whoever comes with it ends the session.

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::session::{Exchanged, Session};
use ogent_protocol::{AuditKind, Grant};

use super::authority::{Authority, Issued, Origin, event, is_conflict};
use super::error::RefreshError;
use super::opaque::{Opaque, is_same};
use crate::limits::REFRESH_GRACE;
use crate::network::Network;

/// Others who exchange at the same moment: one wins each time, so more would be an attack.
const TRIES: usize = 5;

/// What a token is to its session.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// The one that is good now.
    Current,
    /// The one before, from a client that has not got the answer.
    Retried,
    /// One that was used before.
    Reused,
    /// None of this session.
    Foreign,
}

// === impl Authority ===

impl Authority {
    /// The next tokens of the session that `text` belongs to.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub(crate) async fn refresh(&self, text: &str, from: &Origin) -> Result<Issued, RefreshError> {
        // Nobody guesses 256 bits: a good token is never kept waiting for what others on its network have got wrong.
        let outcome = match Opaque::read_refresh(text) {
            Some(given) => self.exchange(&given, from).await,
            None => Err(RefreshError::Invalid),
        };
        if let Err(RefreshError::Invalid) = &outcome {
            // They count like wrong passwords, by their network alone.
            drop(self.throttle.begin_unnamed(&from.network()).map_err(RefreshError::Wait)?);
        }
        outcome
    }

    async fn exchange(&self, given: &Opaque, from: &Origin) -> Result<Issued, RefreshError> {
        for _ in 0..TRIES {
            let Some((Grant::Session(session), revision)) = self.grants.read(&given.id).await? else {
                return Err(RefreshError::Invalid);
            };
            let now = Timestamp::now();
            if session.expires_at <= now {
                return Err(RefreshError::Invalid);
            }
            let previous = match standing(&session, given, from, now) {
                Standing::Current => Exchanged { secret: session.current.clone(), at: now },
                Standing::Retried => match &session.previous {
                    // From its first use on the time runs, however often it comes.
                    Some(previous) => previous.clone(),
                    None => return Err(RefreshError::Invalid),
                },
                Standing::Reused => return Err(self.end_reused(&session, from).await),
                Standing::Foreign => return Err(RefreshError::Invalid),
            };
            let person = self.people.current(&session.user).filter(|person| !person.disabled);
            let Some(person) = person.filter(|person| person.epoch == session.epoch) else {
                self.grants.end(&session.id).await?;
                return Err(RefreshError::Invalid);
            };
            let next = given.next();
            let renewed = Session {
                refreshed_at: now,
                current: next.secret(),
                previous: Some(previous),
                address: Some(from.address.to_string()),
                user_agent: from.program(),
                ..session
            };
            let issued = self.issue(&person, &renewed, &next)?;
            match self.grants.replace(Grant::Session(renewed), revision).await {
                Ok(()) => {
                    self.report(event(AuditKind::Refreshed).by(&person.name).from(from.address).with(&given.id));
                    return Ok(issued);
                }
                // Somebody else was faster: what the token is now may be something else.
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RefreshError::Invalid)
    }

    async fn end_reused(&self, session: &Session, from: &Origin) -> RefreshError {
        // Reported first: whether the broker takes the end or not, it has happened.
        let reused = event(AuditKind::RefreshReused).about(&session.user).from(from.address).with(&session.id);
        self.report(reused.saying("a refresh token came a second time; the session was ended"));
        tracing::warn!(user = session.user, session = %session.id, "a refresh token came a second time");
        match self.grants.end(&session.id).await {
            Ok(()) => RefreshError::Reused,
            Err(error) => error.into(),
        }
    }
}

fn standing(session: &Session, given: &Opaque, from: &Origin, now: Timestamp) -> Standing {
    if !is_same(&session.family, &given.family()) {
        return Standing::Foreign;
    }
    let secret = given.secret();
    if is_same(&session.current, &secret) {
        return Standing::Current;
    }
    let previous = session.previous.as_ref().filter(|previous| is_same(&previous.secret, &secret));
    let Some(previous) = previous else { return Standing::Reused };
    let grace = SignedDuration::try_from(REFRESH_GRACE).unwrap_or_default();
    let is_soon = now.duration_since(previous.at) <= grace;
    let before = session.address.as_ref().and_then(|address| address.parse().ok());
    let is_there = before.is_some_and(|address| Network::of(address) == Network::of(from.address));
    if is_soon && is_there { Standing::Retried } else { Standing::Reused }
}

#[cfg(test)]
mod tests {
    use ogent_protocol::GrantId;

    use super::*;

    #[test]
    fn a_token_is_what_the_record_says() {
        let now = Timestamp::now();
        let first = Opaque::first(GrantId::new_session());
        let second = first.next();
        let session = Session {
            id: first.id.clone(),
            user: "alice".into(),
            epoch: 0,
            created_at: now,
            refreshed_at: now,
            expires_at: now,
            family: first.family(),
            current: second.secret(),
            previous: Some(Exchanged { secret: first.secret(), at: now }),
            address: Some("192.0.2.1".into()),
            user_agent: None,
        };
        let from = |address: &str| Origin { address: address.parse().unwrap(), user_agent: None };
        let later = |seconds| now + SignedDuration::from_secs(seconds);
        let of = |token: &Opaque, address: &str, seconds| standing(&session, token, &from(address), later(seconds));
        assert_eq!(of(&second, "198.51.100.9", 99), Standing::Current);
        assert_eq!(of(&first, "192.0.2.1", 10), Standing::Retried);
        assert_eq!(of(&first, "192.0.2.1", 11), Standing::Reused);
        assert_eq!(of(&first, "192.0.2.2", 1), Standing::Reused);
        assert_eq!(of(&first.next(), "192.0.2.1", 1), Standing::Reused);
        assert_eq!(of(&Opaque::first(first.id.clone()), "192.0.2.1", 1), Standing::Foreign);
    }
}
