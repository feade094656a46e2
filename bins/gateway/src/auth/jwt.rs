//! Receives a person and a session from `authority`, gives a signed token; receives a token, gives what it says.
//!
//! Algorithm and keys are fixed by the configuration, never taken from a token. Every claim is required and checked. What
//! a person may be does not stand in a token: it is looked up each time.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use ogent_protocol::GrantId;
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::{JwtConfig, JwtKeys, KeyPair};
use crate::limits::{MAX_TOKEN_BYTES, MAX_TOKEN_LIFE};

const ISSUER: &str = "ogent";
const AUDIENCE: &str = "ogent-gateway";

/// RFC 9068: tells an access token from any other that the same key may sign one day.
const TOKEN_TYPE: &str = "at+jwt";

/// How far clocks of gateways may differ, in seconds.
const LEEWAY_S: u64 = 5;

/// The session of a token that whoever holds the signing key has made without one, as `ogent up` does.
const NO_SESSION: &str = "none";

/// A token that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the access token cannot be signed")]
pub struct MintError(#[source] jsonwebtoken::errors::Error);

/// Why a token is not taken. For logs: the client is told nothing but that it is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is not looked at.
    #[error("the token has more than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Signature, algorithm, form or a standard claim is wrong.
    #[error("the token is not valid")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its header wants something.
    #[error("the token has a header that is not taken")]
    Header,
    /// No key has its key's name.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// It is a token of another kind.
    #[error("the token is not an access token")]
    Type,
    /// A moment in it is out of range or, for `iat`, in the future.
    #[error("the token has an impossible time")]
    Time,
    /// Its session is not one.
    #[error("the token names no session")]
    Session,
}

/// What a token says that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// For whom it was made.
    pub(crate) user: String,
    /// In which session; `None` where whoever has the key made it without one.
    pub(crate) session: Option<GrantId>,
    /// The user's epoch at that time.
    pub(crate) epoch: u64,
    /// When it was made.
    pub(crate) issued_at: Timestamp,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    sid: String,
    epoch: u64,
}

/// Makes and checks tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: Checking,
    header: Header,
    validation: Validation,
    ttl: Duration,
}

enum Checking {
    // Its tokens name no key.
    One(DecodingKey),
    Named(HashMap<String, DecodingKey>),
}

// === impl Tokens ===

impl Tokens {
    /// Takes the keys from `config`.
    #[must_use]
    pub(crate) fn new(config: &JwtConfig) -> Self {
        let (algorithm, kid, signing, checking) = match &config.keys {
            JwtKeys::Shared { algorithm, secret } => {
                let key = secret.expose().as_bytes();
                let checking = Checking::One(DecodingKey::from_secret(key));
                (algorithm.to_jsonwebtoken(), None, EncodingKey::from_secret(key), checking)
            }
            JwtKeys::Pair(pair) => {
                let KeyPair { algorithm, signing, kid, checking, .. } = KeyPair::clone(pair);
                (algorithm, Some(kid), signing, Checking::Named(checking))
            }
        };
        let header = Header { typ: Some(TOKEN_TYPE.to_owned()), kid, ..Header::new(algorithm) };
        Self { signing, checking, header, validation: validation(algorithm), ttl: config.access_ttl }
    }

    /// How long a token is good for.
    #[must_use]
    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// A token for `user`, good from now on, and no longer than the session.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub(crate) fn mint(&self, user: &str, session: Option<&GrantId>, epoch: u64) -> Result<Secret, MintError> {
        let now = Timestamp::now().as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_owned(),
            iat: now,
            nbf: now,
            exp: now.saturating_add_unsigned(self.ttl.as_secs()),
            jti: Uuid::new_v4().to_string(),
            sid: session.map_or(NO_SESSION, GrantId::as_str).to_owned(),
            epoch,
        };
        encode(&self.header, &claims, &self.signing).map(Secret::new).map_err(MintError)
    }

    /// What `token` says.
    ///
    /// # Errors
    /// When it was not made here for this purpose, or is not good now.
    pub(crate) fn verify(&self, token: &str) -> Result<Said, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let header = decode_header(token)?;
        // Nothing but what we write ourselves: keys, addresses of keys and extensions are not for a token to bring.
        if header != (Header { kid: header.kid.clone(), ..self.header.clone() }) {
            return Err(if header.typ == self.header.typ { TokenError::Header } else { TokenError::Type });
        }
        let key = match (&self.checking, &header.kid) {
            (Checking::One(key), None) => key,
            (Checking::Named(keys), Some(kid)) => keys.get(kid).ok_or(TokenError::UnknownKey)?,
            _ => return Err(TokenError::UnknownKey),
        };
        read(decode::<Claims>(token, key, &self.validation)?.claims)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    // `iat`, `jti`, `sid` and `epoch` are required by `Claims` itself: the library looks for these five only.
    validation.required_spec_claims = HashSet::from(["iss", "aud", "sub", "nbf", "exp"].map(str::to_owned));
    validation
}

fn read(claims: Claims) -> Result<Said, TokenError> {
    let latest = Timestamp::now().as_second().saturating_add_unsigned(LEEWAY_S);
    let longest = claims.iat.saturating_add_unsigned(MAX_TOKEN_LIFE.as_secs());
    if claims.iat > latest || claims.nbf > latest || claims.iat < 0 || claims.exp < claims.iat || claims.exp > longest {
        return Err(TokenError::Time);
    }
    let moment = |second| Timestamp::from_second(second).map_err(|_| TokenError::Time);
    let session = match claims.sid.as_str() {
        NO_SESSION => None,
        text => Some(text.parse::<GrantId>().ok().filter(GrantId::is_session).ok_or(TokenError::Session)?),
    };
    Ok(Said {
        user: claims.sub,
        session,
        epoch: claims.epoch,
        issued_at: moment(claims.iat)?,
        expires_at: moment(claims.exp)?,
    })
}

/// An access token for `user` without a session: for a program that starts the gateway itself and so has its key. It
/// gives what the user may at each moment, ends with the user, and cannot be revoked before its time otherwise.
///
/// # Errors
/// When the token cannot be signed.
pub fn mint_token(jwt: &JwtConfig, user: &str) -> Result<Secret, MintError> {
    Tokens::new(jwt).mint(user, None, 0)
}

#[cfg(test)]
mod tests;
