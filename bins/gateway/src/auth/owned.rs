//! Receives what people want of their sessions and API tokens, does it, and gives what there is.

use std::time::Duration;

use jiff::Timestamp;
use ogent_protocol::rest::TokenRequest;
use ogent_protocol::session::{ApiToken, Scope, Session};
use ogent_protocol::{AuditKind, Grant, GrantId};
use ogent_runtime::Secret;

use super::authority::{Authority, Origin, event};
use super::error::GrantError;
use super::opaque::Opaque;
use crate::access::{Action, Principal, Role};
use crate::limits::{
    DEFAULT_API_TOKEN_LIFE, MAX_API_TOKEN_LIFE, MAX_GRANTS_EACH, MAX_SCOPE_ENTRIES, MAX_TOKEN_NAME_BYTES,
    MIN_API_TOKEN_LIFE,
};

// === impl Authority ===

impl Authority {
    /// The sessions of one user, or of all; the one used last first.
    pub(crate) fn sessions_of(&self, user: Option<&str>) -> Vec<Session> {
        let is_wanted = |grant: &Grant| grant.id().is_session() && user.is_none_or(|user| grant.user() == user);
        let found = self.grants.list(is_wanted);
        let mut sessions: Vec<Session> = found.iter().filter_map(|grant| session(grant)).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.refreshed_at));
        sessions
    }

    /// The API tokens of one user, or of all; the newest first.
    pub(crate) fn tokens_of(&self, user: Option<&str>) -> Vec<ApiToken> {
        let is_wanted = |grant: &Grant| !grant.id().is_session() && user.is_none_or(|user| grant.user() == user);
        let found = self.grants.list(is_wanted);
        let mut tokens: Vec<ApiToken> = found.iter().filter_map(|grant| token(grant)).collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
        tokens
    }

    /// Whose session or API token that is.
    ///
    /// # Errors
    /// When there is none, or the broker does not answer.
    pub(crate) async fn owner_of(&self, id: &GrantId) -> Result<String, GrantError> {
        let found = self.grants.find(id).await?.ok_or(GrantError::Unknown)?;
        Ok(found.user().to_owned())
    }

    /// Ends the session that the request came with.
    ///
    /// # Errors
    /// When it came with none, or the broker does not take it.
    pub(crate) async fn log_out(&self, principal: &Principal, from: &Origin) -> Result<(), GrantError> {
        let id = principal.grant.as_ref().filter(|id| id.is_session()).ok_or(GrantError::NotWithToken)?;
        self.grants.end(id).await?;
        self.report(event(AuditKind::LoggedOut).by(&principal.user).from(from.address).with(id));
        Ok(())
    }

    /// Ends a session or API token of `owner`.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub(crate) async fn end(&self, id: &GrantId, owner: &str, by: &Principal, from: &Origin) -> Result<(), GrantError> {
        self.grants.end(id).await?;
        let kind = if id.is_session() { AuditKind::SessionRevoked } else { AuditKind::TokenRevoked };
        self.report(event(kind).by(&by.user).from(from.address).about(owner).with(id));
        Ok(())
    }

    /// Makes an API token for whoever asks. This is the only time that it is shown.
    ///
    /// # Errors
    /// When the request cannot be met, or the broker does not take it.
    pub(crate) async fn create_token(
        &self,
        owner: &Principal,
        request: TokenRequest,
        from: &Origin,
    ) -> Result<(Secret, ApiToken), GrantError> {
        // A token that makes tokens would outlive its own end.
        if owner.scope.is_some() {
            return Err(GrantError::NotWithToken);
        }
        // For whom a provider vouches at each sign-in, nobody vouches while a token is used.
        let person = self.people.current(&owner.user).ok_or(GrantError::NotWithToken)?;
        let TokenRequest { name, expires_in, scope } = request;
        let life = check(&name, expires_in, &scope).map_err(GrantError::Invalid)?;
        let count = self.tokens_of(Some(&owner.user)).len();
        if count >= MAX_GRANTS_EACH {
            return Err(GrantError::TooMany(count));
        }
        let secret = Opaque::first(GrantId::new_token());
        let now = Timestamp::now();
        let token = ApiToken {
            id: secret.id.clone(),
            user: owner.user.clone(),
            name,
            created_at: now,
            expires_at: now.saturating_add(life).unwrap_or(now),
            secret: secret.secret(),
            owner: person.token_mark,
            scope,
        };
        self.grants.create(Grant::Token(token.clone())).await?;
        let made = event(AuditKind::TokenCreated).by(&owner.user).from(from.address).with(&token.id);
        self.report(made.about(&owner.user).saying(&token.name));
        Ok((secret.show(), token))
    }
}

fn session(grant: &Grant) -> Option<Session> {
    match grant {
        Grant::Session(session) => Some(session.clone()),
        Grant::Token(_) => None,
    }
}

fn token(grant: &Grant) -> Option<ApiToken> {
    match grant {
        Grant::Session(_) => None,
        Grant::Token(token) => Some(token.clone()),
    }
}

/// How long the token is good for, if everything is right.
fn check(name: &str, expires_in: Option<u64>, scope: &Scope) -> Result<Duration, String> {
    if name.trim().is_empty() || name.len() > MAX_TOKEN_NAME_BYTES || name.contains(char::is_control) {
        return Err(format!("name: has 1 to {MAX_TOKEN_NAME_BYTES} bytes on one line"));
    }
    let life = expires_in.map_or(DEFAULT_API_TOKEN_LIFE, Duration::from_secs);
    if !(MIN_API_TOKEN_LIFE..=MAX_API_TOKEN_LIFE).contains(&life) {
        let (least, most) = (MIN_API_TOKEN_LIFE.as_secs(), MAX_API_TOKEN_LIFE.as_secs());
        return Err(format!("expires_in: must be from {least} to {most} seconds"));
    }
    let Scope { actions, agents, roles } = scope;
    let known_actions: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let known_roles = Role::ALL.map(Role::as_str);
    names("scope.actions", actions.as_deref(), &known_actions)?;
    names("scope.roles", roles.as_deref(), &known_roles)?;
    match agents {
        Some(agents) if agents.is_empty() || agents.len() > MAX_SCOPE_ENTRIES => {
            Err(format!("scope.agents: must have 1 to {MAX_SCOPE_ENTRIES} entries"))
        }
        _ => Ok(life),
    }
}

fn names(field: &str, given: Option<&[String]>, known: &[&str]) -> Result<(), String> {
    let Some(given) = given else { return Ok(()) };
    if given.is_empty() || given.len() > MAX_SCOPE_ENTRIES {
        return Err(format!("{field}: must have 1 to {MAX_SCOPE_ENTRIES} entries"));
    }
    match given.iter().all(|name| known.contains(&name.as_str())) {
        true => Ok(()),
        false => Err(format!("{field}: there are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_may_be_is_checked() {
        let scope = |json: serde_json::Value| serde_json::from_value::<Scope>(json).unwrap();
        let all = scope(serde_json::json!({"actions": ["execute"], "agents": ["web-1"], "roles": ["viewer"]}));
        assert_eq!(check("ci", None, &all), Ok(DEFAULT_API_TOKEN_LIFE));
        assert_eq!(check("ci", Some(60), &Scope::default()), Ok(Duration::from_secs(60)));
        for name in ["", " ", "a\nb", &"x".repeat(65)] {
            assert!(check(name, None, &all).unwrap_err().starts_with("name"), "{name:?}");
        }
        for life in [0, 59, 366 * 86_400 + 1, u64::MAX] {
            assert!(check("ci", Some(life), &all).unwrap_err().starts_with("expires_in"), "{life}");
        }
        for (bad, field) in [
            (serde_json::json!({"actions": []}), "scope.actions"),
            (serde_json::json!({"actions": ["exec"]}), "scope.actions"),
            (serde_json::json!({"roles": ["king"]}), "scope.roles"),
            (serde_json::json!({"agents": []}), "scope.agents"),
        ] {
            assert!(check("ci", None, &scope(bad)).unwrap_err().starts_with(field), "{field}");
        }
    }
}
