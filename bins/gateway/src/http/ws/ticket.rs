//! Receives the subprotocols that a page offers, gives whom the ticket among them speaks for.
//!
//! They are the one thing that a page can say when it opens a WebSocket, and they are not logged as URLs are.

use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use ogent_runtime::Secret;

use crate::access::Principal;
use crate::auth::Ticket;
use crate::http::Shared;
use crate::http::problem::{ApiError, Code};

/// What is spoken here. It is what is chosen of those that are offered; a ticket never is.
pub(super) const PROTOCOL: &str = "ogent.v1";

const PREFIX: &str = "ticket.";

/// The ticket, if there is one.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Secret>, ApiError> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    let mut tickets = lines.flat_map(|line| line.split(',')).filter_map(|word| word.trim().strip_prefix(PREFIX));
    match (tickets.next(), tickets.next()) {
        (None, _) => Ok(None),
        (Some(ticket), None) => Ok(Some(Secret::new(ticket.to_owned()))),
        (Some(_), Some(_)) => Err(ApiError::new(Code::InvalidParameter, "there is more than one ticket")),
    }
}

/// Uses up the ticket.
pub(super) async fn redeem(
    ticket: &Secret,
    other: Option<Principal>,
    services: &Shared,
) -> Result<Principal, ApiError> {
    if other.is_some() {
        return Err(ApiError::new(
            Code::InvalidParameter,
            "send a ticket or something else that says who you are, not both",
        ));
    }
    let no = || ApiError::new(Code::Unauthorized, "the ticket is not valid, was used, or has ended");
    let ticket = services.tickets.redeem(ticket).await?.ok_or_else(no)?;
    let Some(key) = ticket.session else {
        let Ticket { user, roles, epoch, grant, scope, expires_at, .. } = ticket;
        let principal = Principal { user, roles, epoch, grant, scope, expires_at, session: None };
        // It is worth what the token is worth now.
        return if services.authority.is_current(&principal) { Ok(principal) } else { Err(no()) };
    };
    // It is worth what the session is worth now.
    let session = services.sessions.get(&key).await?;
    session.and_then(|session| services.principal_of(session)).ok_or_else(no)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&'static str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|line| _ = headers.append(SEC_WEBSOCKET_PROTOCOL, line.parse().unwrap()));
        of(&headers).map(|ticket| ticket.map(|secret| secret.expose().to_owned())).map_err(drop)
    }

    #[test]
    fn one_ticket_is_found_among_the_protocols() {
        assert_eq!(found(&[]), Ok(None));
        assert_eq!(found(&["ogent.v1"]), Ok(None));
        assert_eq!(found(&["ogent.v1, ticket.abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(found(&["ogent.v1", "ticket.abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(found(&["ticket.a,ticket.b"]), Err(()));
        assert_eq!(found(&["xticket.a"]), Ok(None));
    }
}
