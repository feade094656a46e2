//! Receives people who want to sign in by OpenID Connect, sends them to the provider; receives what they come back with, gives
//! who they are.
//!
//! The authorization code flow with PKCE (RFC 7636), state, nonce and issuer (RFC 9207). What one gateway begins another one can
//! finish: all that has to be remembered is in a sealed cookie.

mod id_token;
mod pending;
mod provider;

use jsonwebtoken::errors::Error as JwtError;
use ogent_runtime::{Secret, random_secret};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::access::Role;
use crate::limits::LOGINS_QUEUED;
pub(crate) use pending::Pending;
use provider::Provider;

/// Which provider, and what it makes of people.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The provider, exactly as it calls itself.
    pub issuer: String,
    /// What it knows the gateway as.
    pub client_id: String,
    /// How it knows that it is the gateway.
    pub client_secret: Option<Secret>,
    /// Where it sends people back to.
    pub redirect_uri: String,
    /// The claim with what somebody is; a dot leads into an object.
    pub role_claim: String,
    /// Which value of that claim gives which role.
    pub roles: Vec<(Role, String)>,
    /// The claim that names the user.
    pub username_claim: String,
    /// Scopes to ask for beside `openid`.
    pub scopes: Vec<String>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider does not answer, or not as one does.
    #[error("the OpenID provider {0}")]
    Provider(String),
    /// Too many sign-ins at once.
    #[error("too many sign-ins are under way")]
    Busy,
    /// It is not the browser, or not the moment, in which it began.
    #[error("this sign-in was not begun here, or not lately; begin it again")]
    NotBegun,
    /// The provider has not let them in.
    #[error("the OpenID provider has not signed you in: {0}")]
    Denied(String),
    /// What the provider says does not prove anything. The words are for the log.
    #[error("the ID token is not one to believe: {0}")]
    Token(String),
    /// The library says so.
    #[error("the ID token is not valid")]
    Invalid(#[source] JwtError),
    /// Nothing makes them anything here.
    #[error("{0} may sign in, but has no role here")]
    NoRole(String),
    /// Our bug, or no randomness.
    #[error("the sign-in cannot be begun: {0}")]
    Internal(String),
}

/// What the provider sends a browser back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Returned {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) iss: Option<String>,
    pub(crate) error: Option<String>,
}

/// Somebody who has signed in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignIn {
    /// The name, which no user of the gateway's own can have.
    pub(crate) user: String,
    /// What they may be: at least something.
    pub(crate) roles: Vec<Role>,
}

/// Where a browser is sent to, and what its cookie keeps meanwhile.
pub(crate) struct Departure {
    pub(crate) location: String,
    pub(crate) cookie: Secret,
}

/// Sign-in at one provider.
pub(crate) struct Oidc {
    config: OidcConfig,
    provider: Provider,
    seal: pending::Seal,
    places: Semaphore,
}

// === impl Oidc ===

impl Oidc {
    /// Asks nobody yet: the provider may be away when the gateway starts. `key` is one that all gateways share.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub(crate) fn new(config: OidcConfig, key: &Secret) -> Result<Self, OidcError> {
        let provider = Provider::new(&config.issuer)?;
        Ok(Self { provider, seal: pending::Seal::new(key), config, places: Semaphore::new(LOGINS_QUEUED) })
    }

    /// Begins a sign-in that ends at `next`, a path of the gateway.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub(crate) async fn depart(&self, next: Option<String>) -> Result<Departure, OidcError> {
        let discovery = self.provider.discovery().await?;
        let pending = Pending::begin(next.filter(|path| is_local(path))).map_err(internal)?;
        let scope = ["openid"].into_iter().chain(self.config.scopes.iter().map(String::as_str));
        let scope = scope.collect::<Vec<_>>().join(" ");
        let mut location = discovery.authorization_endpoint.clone();
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.config.redirect_uri)
            .append_pair("scope", &scope)
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256");
        let cookie = self.seal.close(&pending).map_err(internal)?;
        Ok(Departure { location: location.into(), cookie })
    }

    /// Opens the cookie of a browser that comes back, if it is the one that left with this state.
    ///
    /// # Errors
    /// When it is not, or too late.
    pub(crate) fn recognize(&self, cookie: &Secret, returned: &Returned) -> Result<Pending, OidcError> {
        let pending = self.seal.open(cookie).ok_or(OidcError::NotBegun)?;
        match returned.state.as_deref() {
            Some(state) if pending.has_state(state) => Ok(pending),
            _ => Err(OidcError::NotBegun),
        }
    }

    /// Finds out from the provider who has come back.
    ///
    /// # Errors
    /// When that is not certain, or nobody whom the gateway lets in.
    pub(crate) async fn arrive(&self, pending: &Pending, returned: Returned) -> Result<SignIn, OidcError> {
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let discovery = self.provider.discovery().await?;
        // RFC 9207: another provider's answer must not be taken for this one's.
        if returned.iss.as_ref().map_or(discovery.says_issuer, |iss| *iss != self.config.issuer) {
            return Err(OidcError::NotBegun);
        }
        if let Some(error) = returned.error {
            let word: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
            return Err(OidcError::Denied(word));
        }
        let code = returned.code.ok_or(OidcError::NotBegun)?;
        let tokens = self.provider.exchange(&discovery, &self.config, &code, &pending.verifier).await?;
        let kid = id_token::key_id(tokens.id_token.expose())?;
        let keys = self.provider.keys(&discovery, kid.as_deref()).await?;
        let expected = id_token::Expected { config: &self.config, nonce: &pending.nonce };
        id_token::check(&tokens, &keys, &expected)
    }
}

fn internal(error: impl std::fmt::Display) -> OidcError {
    OidcError::Internal(error.to_string())
}

fn random() -> std::io::Result<String> {
    Ok(random_secret(32)?.expose().to_owned())
}

/// Whether a path leads nowhere but to this gateway. `//` and `/\` begin another host.
fn is_local(path: &str) -> bool {
    let is_plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~?=&%".contains(&b));
    path.len() <= 512 && path.starts_with('/') && !path.starts_with("//") && is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for good in ["/", "/session", "/a/b?c=d&e=%20"] {
            assert!(is_local(good), "{good}");
        }
        for bad in
            ["", "a", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\"", "/a<", "/a:b"]
        {
            assert!(!is_local(bad), "{bad}");
        }
    }
}
