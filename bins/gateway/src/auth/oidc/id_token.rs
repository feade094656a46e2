//! Receives an ID token and the provider's keys, gives who has signed in; or why that is not proved.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

use super::provider::Tokens;
use super::{OidcConfig, OidcError, SignIn};
use crate::access::Role;
use crate::limits::SSO_WITHIN;

/// How a provider may sign: with a key that only it has. A shared secret, or none, proves nothing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How far the provider's clock may differ, in seconds.
const LEEWAY_S: u64 = 30;
/// Longest name that is taken over.
const MAX_NAME: usize = 200;

/// What the token has to say.
pub(super) struct Expected<'a> {
    pub(super) config: &'a OidcConfig,
    pub(super) nonce: &'a str,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: Value,
    iat: i64,
    nonce: String,
    azp: Option<String>,
    at_hash: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Which key the token says that it is signed with. Nothing is believed yet.
pub(super) fn key_id(token: &str) -> Result<Option<String>, OidcError> {
    Ok(decode_header(token).map_err(OidcError::Invalid)?.kid)
}

/// Who has signed in (OpenID Connect Core, section 3.1.3.7).
pub(super) fn check(tokens: &Tokens, keys: &[Jwk], expected: &Expected<'_>) -> Result<SignIn, OidcError> {
    let Expected { config, nonce } = expected;
    let token = tokens.id_token.expose();
    let header = decode_header(token).map_err(OidcError::Invalid)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(wrong("it is not signed with a key that only the provider has"));
    }
    let key = key_of(keys, header.kid.as_deref(), header.alg)?;
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[&config.issuer]);
    validation.set_audience(&[&config.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims = decode::<Claims>(token, &key, &validation).map_err(OidcError::Invalid)?.claims;

    let now = Timestamp::now().as_second();
    let earliest = now.saturating_sub_unsigned(SSO_WITHIN.as_secs());
    if !(earliest..=now.saturating_add_unsigned(LEEWAY_S)).contains(&claims.iat) {
        return Err(wrong("it was not made just now"));
    }
    if !bool::from(claims.nonce.as_bytes().ct_eq(nonce.as_bytes())) {
        return Err(wrong("its nonce is another one"));
    }
    let is_for_many = claims.aud.as_array().is_some_and(|all| all.len() != 1);
    if claims.azp.as_ref().map_or(is_for_many, |party| *party != config.client_id) {
        return Err(wrong("it was made for somebody else"));
    }
    if let Some(hash) = &claims.at_hash {
        let access =
            tokens.access_token.as_ref().ok_or_else(|| wrong("it belongs to an access token that is not there"))?;
        if *hash != half_hash(header.alg, access.expose()) {
            return Err(wrong("it belongs to another access token"));
        }
    }
    let user = user(&claims, &config.username_claim)?;
    let roles = roles(&claims, config);
    match roles.is_empty() {
        true => Err(OidcError::NoRole(user)),
        false => Ok(SignIn { user, roles }),
    }
}

/// The one key that fits. A token without a key's id is taken where there is no choice.
fn key_of(keys: &[Jwk], kid: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, OidcError> {
    let mut fitting = keys.iter().filter(|key| {
        let common = &key.common;
        let is_for_signing = common.public_key_use.as_ref().is_none_or(|wanted| *wanted == PublicKeyUse::Signature);
        let is_for_this = common.key_algorithm.is_none_or(|wanted| wanted == KeyAlgorithm::from(algorithm));
        is_for_signing && is_for_this && kid.is_none_or(|kid| common.key_id.as_deref() == Some(kid))
    });
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => DecodingKey::from_jwk(key).map_err(OidcError::Invalid),
        _ => Err(wrong("the provider has no such key")),
    }
}

fn half_hash(algorithm: Algorithm, access_token: &str) -> String {
    let bytes = access_token.as_bytes();
    let whole = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => Sha384::digest(bytes).to_vec(),
        // Ed25519 hashes with SHA-512 itself.
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => Sha512::digest(bytes).to_vec(),
        _ => Sha256::digest(bytes).to_vec(),
    };
    URL_SAFE_NO_PAD.encode(whole.get(..whole.len() / 2).unwrap_or_default())
}

/// `oidc:` before the name: users of the gateway's own have no colon in theirs.
fn user(claims: &Claims, claim: &str) -> Result<String, OidcError> {
    let name = match claim {
        "sub" => Some(claims.sub.as_str()),
        // An address that nobody has proved to be theirs may be anybody's.
        "email" if claims.others.get("email_verified") != Some(&Value::Bool(true)) => {
            return Err(wrong("the e-mail address is not verified"));
        }
        _ => claims.others.get(claim).and_then(Value::as_str),
    };
    let is_good = |name: &&str| (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    name.filter(is_good).map(|name| format!("oidc:{name}")).ok_or_else(|| wrong("it does not name the user"))
}

fn roles(claims: &Claims, config: &OidcConfig) -> Vec<Role> {
    let direct = claims.others.get(&config.role_claim);
    let inside = || {
        let mut path = config.role_claim.split('.');
        let first = claims.others.get(path.next()?);
        path.try_fold(first?, |value, name| value.get(name))
    };
    let values = match direct.or_else(inside) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    let has = |wanted: &str| values.iter().any(|value| value.as_str() == Some(wanted));
    Role::ALL.into_iter().filter(|role| config.roles.iter().any(|(given, value)| given == role && has(value))).collect()
}

fn wrong(problem: &str) -> OidcError {
    OidcError::Token(problem.to_owned())
}

#[cfg(test)]
mod tests;
