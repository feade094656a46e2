//! Receives a user and roles from `password`, gives a signed token; receives a token from `http`, gives a principal.
//!
//! The algorithm is fixed by the configuration, never taken from a token. Every claim is required and checked.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::{Principal, Role};

const ISSUER: &str = "ogent";
const AUDIENCE: &str = "ogent-gateway";

/// RFC 9068: tells an access token from any other that the same key may sign one day.
const TOKEN_TYPE: &str = "at+jwt";

/// How far clocks of gateways may differ, in seconds.
const LEEWAY_S: u64 = 5;

/// How tokens are made and checked.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// The key that signs them.
    pub secret: Secret,
    /// How it signs them.
    pub algorithm: JwtAlgorithm,
    /// How long they are good for.
    pub access_ttl: Duration,
}

/// The algorithms that one shared secret can be used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// An algorithm that tokens are not signed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is {0:?}, but tokens are signed with HS256, HS384 or HS512")]
pub struct UnknownAlgorithm(String);

/// A token that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the access token cannot be signed")]
pub struct MintError(#[source] jsonwebtoken::errors::Error);

/// Why a token is not taken. For logs: the client is told nothing but that it is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Signature, algorithm, form or a standard claim is wrong.
    #[error("the token is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// It is a token of another kind.
    #[error("the token is not an access token")]
    Type,
    /// A moment in it is out of range or, for `iat`, in the future.
    #[error("the token has an impossible time")]
    Time,
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    roles: Vec<Role>,
}

/// Makes and checks tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    header: Header,
    validation: Validation,
    ttl: Duration,
}

// === impl JwtAlgorithm ===

impl JwtAlgorithm {
    fn to_jsonwebtoken(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Hs384 => Algorithm::HS384,
            Self::Hs512 => Algorithm::HS512,
        }
    }
}

impl FromStr for JwtAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        match text {
            "HS256" => Ok(Self::Hs256),
            "HS384" => Ok(Self::Hs384),
            "HS512" => Ok(Self::Hs512),
            _ => Err(UnknownAlgorithm(text.to_owned())),
        }
    }
}

// === impl Tokens ===

impl Tokens {
    /// Takes the keys from `config`.
    #[must_use]
    pub(crate) fn new(config: &JwtConfig) -> Self {
        let algorithm = config.algorithm.to_jsonwebtoken();
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // `iat`, `jti` and `roles` are required by `Claims` itself: the library looks for these five only.
        validation.required_spec_claims = HashSet::from(["iss", "aud", "sub", "nbf", "exp"].map(str::to_owned));
        let mut header = Header::new(algorithm);
        header.typ = Some(TOKEN_TYPE.to_owned());
        let key = config.secret.expose().as_bytes();
        Self {
            signing: EncodingKey::from_secret(key),
            checking: DecodingKey::from_secret(key),
            header,
            validation,
            ttl: config.access_ttl,
        }
    }

    /// How long a token is good for.
    #[must_use]
    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// A token for `user`, good from now on.
    ///
    /// # Errors
    /// When the library cannot sign; it always can with a shared secret.
    pub(crate) fn mint(&self, user: &str, roles: &[Role]) -> Result<Secret, MintError> {
        let now = Timestamp::now().as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_owned(),
            iat: now,
            nbf: now,
            exp: now.saturating_add_unsigned(self.ttl.as_secs()),
            jti: Uuid::new_v4().to_string(),
            roles: roles.to_vec(),
        };
        encode(&self.header, &claims, &self.signing).map(Secret::new).map_err(MintError)
    }

    /// Whom `token` speaks for.
    ///
    /// # Errors
    /// When it was not made here for this purpose, or is not good now.
    pub(crate) fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        let data = decode::<Claims>(token, &self.checking, &self.validation).map_err(TokenError::Invalid)?;
        if data.header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(TokenError::Type);
        }
        let claims = data.claims;
        let latest = Timestamp::now().as_second().saturating_add_unsigned(LEEWAY_S);
        if claims.iat > latest {
            return Err(TokenError::Time);
        }
        let expires_at = Timestamp::from_second(claims.exp).map_err(|_| TokenError::Time)?;
        Ok(Principal { user: claims.sub, roles: claims.roles, expires_at, session: None })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// An access token for `user`, as `POST /token` would give one: for a program that starts the gateway itself.
///
/// # Errors
/// When the token cannot be signed.
pub fn mint_token(jwt: &JwtConfig, user: &str, roles: &[Role]) -> Result<Secret, MintError> {
    Tokens::new(jwt).mint(user, roles)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "hW3Jv0m3y2mB1xkq8cN5tR7zP4dS6fG9";

    fn tokens() -> Tokens {
        Tokens::new(&config(SECRET, JwtAlgorithm::Hs256))
    }

    fn config(secret: &str, algorithm: JwtAlgorithm) -> JwtConfig {
        JwtConfig { secret: Secret::new(secret.into()), algorithm, access_ttl: Duration::from_secs(60) }
    }

    fn claims() -> Value {
        let now = Timestamp::now().as_second();
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "nbf": now, "exp": now + 60,
            "jti": "1", "roles": ["viewer"]})
    }

    fn sign(claims: &Value, typ: &str, algorithm: Algorithm, secret: &str) -> String {
        let mut header = Header::new(algorithm);
        header.typ = Some(typ.to_owned());
        encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    #[test]
    fn a_minted_token_names_its_user() {
        for algorithm in ["HS256", "HS384", "HS512"] {
            let tokens = Tokens::new(&config(SECRET, algorithm.parse().unwrap()));
            let token = tokens.mint("alice", &[Role::Operator]).unwrap();
            let principal = tokens.verify(token.expose()).unwrap();
            assert_eq!((principal.user.as_str(), principal.roles), ("alice", vec![Role::Operator]));
        }
        assert!("none".parse::<JwtAlgorithm>().is_err() && "RS256".parse::<JwtAlgorithm>().is_err());
    }

    #[test]
    fn a_well_made_foreign_token_is_taken() {
        // Keeps the refusals below honest: they change one thing of a token that would be taken.
        assert!(tokens().verify(&sign(&claims(), TOKEN_TYPE, Algorithm::HS256, SECRET)).is_ok());
    }

    #[test]
    fn wrong_keys_algorithms_and_types_are_refused() {
        let other_key = sign(&claims(), TOKEN_TYPE, Algorithm::HS256, &SECRET.replace('h', "H"));
        let other_algorithm = sign(&claims(), TOKEN_TYPE, Algorithm::HS512, SECRET);
        let other_type = sign(&claims(), "JWT", Algorithm::HS256, SECRET);
        for token in [other_key, other_algorithm, other_type, String::new(), "a.b.c".to_owned()] {
            assert!(tokens().verify(&token).is_err(), "{token}");
        }
    }

    #[test]
    fn an_unsigned_or_changed_token_is_refused() {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        for alg in ["none", "None", "NONE"] {
            let unsigned = format!("{}.{}.", part(&json!({"alg": alg, "typ": TOKEN_TYPE})), part(&claims()));
            assert!(tokens().verify(&unsigned).is_err(), "{alg}");
        }
        let good = sign(&claims(), TOKEN_TYPE, Algorithm::HS256, SECRET);
        let mut parts: Vec<&str> = good.split('.').collect();
        let mut raised = claims();
        raised["roles"] = json!(["admin"]);
        let raised = part(&raised);
        parts[1] = &raised;
        assert!(tokens().verify(&parts.join(".")).is_err());
    }

    #[test]
    fn wrong_claims_are_refused() {
        let now = Timestamp::now().as_second();
        for (claim, wrong) in [
            ("iss", json!("someone")),
            ("aud", json!("ogent-agent")),
            ("exp", json!(now - 10)),
            ("exp", json!((now + 60).to_string())),
            ("nbf", json!(now + 60)),
            ("iat", json!(now + 60)),
            ("roles", json!(["root"])),
        ] {
            let mut claims = claims();
            claims[claim] = wrong.clone();
            let token = sign(&claims, TOKEN_TYPE, Algorithm::HS256, SECRET);
            assert!(tokens().verify(&token).is_err(), "{claim} = {wrong}");
        }
    }

    #[test]
    fn missing_claims_are_refused() {
        for claim in ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "roles"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(claim);
            let token = sign(&claims, TOKEN_TYPE, Algorithm::HS256, SECRET);
            assert!(tokens().verify(&token).is_err(), "without {claim}");
        }
    }
}
