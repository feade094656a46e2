//! A good ID token with one thing changed at a time. Each test first sees that the unchanged one is taken.

use jsonwebtoken::{EncodingKey, Header, encode};
use ogent_runtime::Secret;
use serde_json::json;

use super::*;

const ISSUER: &str = "https://id.example";
const NONCE: &str = "n-0S6_WzA2Mj";
const ACCESS: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";

struct Signer {
    key: EncodingKey,
    jwk: Jwk,
}

fn signer(kid: &str) -> Signer {
    let key = rcgen::KeyPair::generate().unwrap();
    let key = EncodingKey::from_ec_der(&key.serialize_der());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    Signer { key, jwk }
}

fn config() -> OidcConfig {
    OidcConfig {
        issuer: ISSUER.to_owned(),
        client_id: "ogent".to_owned(),
        client_secret: None,
        redirect_uri: "https://ogent.example/auth/oidc/callback".to_owned(),
        role_claim: "groups".to_owned(),
        roles: vec![(Role::Operator, "staff".to_owned()), (Role::Viewer, "guests".to_owned())],
        username_claim: "sub".to_owned(),
        scopes: Vec::new(),
    }
}

fn claims() -> Value {
    let now = Timestamp::now().as_second();
    json!({"iss": ISSUER, "aud": "ogent", "sub": "alice", "iat": now, "exp": now + 300, "nonce": NONCE,
        "at_hash": half_hash(Algorithm::ES256, ACCESS), "groups": ["all", "staff"]})
}

fn tokens(id_token: String) -> Tokens {
    Tokens { id_token: Secret::new(id_token), access_token: Some(Secret::new(ACCESS.to_owned())) }
}

fn signed(signer: &Signer, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("one".to_owned());
    change(&mut header);
    encode(&header, claims, &signer.key).unwrap()
}

fn checked(claims: &Value, config: &OidcConfig) -> Result<SignIn, OidcError> {
    let one = signer("one");
    let token = signed(&one, claims, |_| {});
    check(&tokens(token), &[signer("two").jwk, one.jwk], &Expected { config, nonce: NONCE })
}

fn with(change: impl FnOnce(&mut Value)) -> Result<SignIn, OidcError> {
    let mut claims = claims();
    change(&mut claims);
    checked(&claims, &config())
}

#[test]
fn a_good_one_says_who_and_what() {
    let found = with(|_| {}).unwrap();
    assert_eq!(found, SignIn { user: "oidc:alice".to_owned(), roles: vec![Role::Operator] });
    assert!(with(|it| it["aud"] = json!(["ogent"])).is_ok());
    assert!(with(|it| _ = it.as_object_mut().unwrap().remove("at_hash")).is_ok());
    let both = |it: &mut Value| {
        it["aud"] = json!(["ogent", "other"]);
        it["azp"] = json!("ogent");
    };
    assert!(with(both).is_ok());
}

#[test]
fn wrong_claims_are_refused() {
    let now = Timestamp::now().as_second();
    for (claim, wrong) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://id.example/")),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!(["ogent", "other"])),
        ("azp", json!("other")),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 600)),
        ("iat", json!(now + 600)),
        ("iat", json!(now - 3600)),
        ("nonce", json!("another")),
        ("nonce", json!("")),
        ("at_hash", json!("another")),
        ("sub", json!("")),
        ("sub", json!("two words")),
        ("sub", json!("b\u{43e}b")),
        ("sub", json!("x".repeat(300))),
    ] {
        assert!(with(|it| it[claim] = wrong.clone()).is_err(), "{claim} = {wrong}");
    }
    for claim in ["iss", "aud", "exp", "iat", "nonce", "sub"] {
        assert!(with(|it| _ = it.as_object_mut().unwrap().remove(claim)).is_err(), "without {claim}");
    }
}

#[test]
fn keys_are_the_providers_and_fit() {
    let (one, two) = (signer("one"), signer("two"));
    let config = config();
    let check = |token: String, keys: &[Jwk]| check(&tokens(token), keys, &Expected { config: &config, nonce: NONCE });
    let good = signed(&one, &claims(), |_| {});
    assert!(check(good.clone(), std::slice::from_ref(&one.jwk)).is_ok());
    assert!(check(good.clone(), &[]).is_err() && check(good.clone(), std::slice::from_ref(&two.jwk)).is_err());
    // Signed by a key that bears another's name.
    assert!(check(signed(&two, &claims(), |_| {}), std::slice::from_ref(&one.jwk)).is_err());
    // A token without a key's name is taken where there is one key only.
    let nameless = signed(&one, &claims(), |header| header.kid = None);
    assert!(check(nameless.clone(), std::slice::from_ref(&one.jwk)).is_ok());
    assert!(check(nameless, &[one.jwk.clone(), two.jwk.clone()]).is_err());
    // Keys for other purposes and other algorithms.
    let mut encrypting = one.jwk.clone();
    encrypting.common.public_key_use = Some(PublicKeyUse::Encryption);
    let mut other = one.jwk.clone();
    other.common.key_algorithm = Some(KeyAlgorithm::RS256);
    assert!(check(good.clone(), &[encrypting]).is_err() && check(good.clone(), &[other]).is_err());
    // A key that the token brings along counts for nothing.
    let bring = |header: &mut Header| {
        header.jwk = Some(two.jwk.clone());
        header.jku = Some("https://evil.example/keys".to_owned());
    };
    assert!(check(signed(&two, &claims(), bring), std::slice::from_ref(&one.jwk)).is_err());
    // Two keys with one name are no key.
    let mut twin = two.jwk.clone();
    twin.common.key_id = Some("one".to_owned());
    assert!(check(good, &[one.jwk, twin]).is_err());
}

#[test]
fn shared_secrets_and_no_signature_prove_nothing() {
    let one = signer("one");
    let config = config();
    let expected = Expected { config: &config, nonce: NONCE };
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("one".to_owned());
    // The public key as a shared secret.
    let public = serde_json::to_string(&one.jwk).unwrap();
    let shared = encode(&header, &claims(), &EncodingKey::from_secret(public.as_bytes())).unwrap();
    assert!(check(&tokens(shared), std::slice::from_ref(&one.jwk), &expected).is_err());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["none", "None", "HS256"] {
        let token = format!("{}.{}.", part(&json!({"alg": alg, "kid": "one"})), part(&claims()));
        assert!(check(&tokens(token), std::slice::from_ref(&one.jwk), &expected).is_err(), "{alg}");
    }
    for nonsense in ["", "a", "a.b.c", "..", &"x".repeat(100_000)] {
        assert!(check(&tokens(nonsense.to_owned()), std::slice::from_ref(&one.jwk), &expected).is_err());
        assert!(key_id(nonsense).is_err());
    }
}

#[test]
fn who_is_nothing_here_is_not_let_in() {
    for groups in [json!([]), json!(["others"]), json!("other"), json!({"staff": true}), json!(null), json!(["Staff"])]
    {
        let refused = with(|it| it["groups"] = groups.clone());
        assert!(matches!(refused, Err(OidcError::NoRole(user)) if user == "oidc:alice"), "{groups}");
    }
    assert!(with(|it| it["groups"] = json!("staff")).is_ok());
    let inside = OidcConfig { role_claim: "realm_access.roles".to_owned(), ..config() };
    let mut claims = claims();
    assert!(checked(&claims, &inside).is_err());
    claims["realm_access"] = json!({"roles": ["guests"]});
    assert_eq!(checked(&claims, &inside).unwrap().roles, [Role::Viewer]);
}

#[test]
fn an_address_names_somebody_once_it_is_verified() {
    let by_email = OidcConfig { username_claim: "email".to_owned(), ..config() };
    let mut claims = claims();
    claims["email"] = json!("alice@example.org");
    assert!(checked(&claims, &by_email).is_err());
    claims["email_verified"] = json!("true");
    assert!(checked(&claims, &by_email).is_err());
    claims["email_verified"] = json!(true);
    assert_eq!(checked(&claims, &by_email).unwrap().user, "oidc:alice@example.org");
}
