//! Receives tokens as attackers and operators make them, holds that only our own are taken.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::{Value, json};

use super::*;
use crate::auth::keys::JwtAlgorithm;

const SECRET: &str = "hW3Jv0m3y2mB1xkq8cN5tR7zP4dS6fG9";

fn tokens() -> Tokens {
    Tokens::new(&shared(SECRET, JwtAlgorithm::Hs256))
}

fn shared(secret: &str, algorithm: JwtAlgorithm) -> JwtConfig {
    let keys = JwtKeys::Shared { secret: Secret::new(secret.into()), algorithm };
    JwtConfig { keys, access_ttl: Duration::from_secs(60) }
}

/// A private key and its public half, as files.
struct Files {
    folder: std::path::PathBuf,
    private: std::path::PathBuf,
    public: std::path::PathBuf,
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What an operator makes with OpenSSL.
fn files(algorithm: JwtAlgorithm) -> Files {
    let folder = std::env::temp_dir().join(format!("ogent-keys-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let (private, public) = (folder.join("key.pem"), folder.join("key.pub"));
    let openssl = |args: &[&str]| {
        let status = std::process::Command::new("openssl").args(args).stderr(std::process::Stdio::null()).status();
        assert!(status.unwrap().success(), "{args:?}");
    };
    let kind: &[&str] = match algorithm {
        JwtAlgorithm::Es256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        JwtAlgorithm::Rs256 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        _ => &["-algorithm", "ed25519"],
    };
    openssl(&[&["genpkey", "-out", private.to_str().unwrap()], kind].concat());
    openssl(&["pkey", "-in", private.to_str().unwrap(), "-pubout", "-out", public.to_str().unwrap()]);
    Files { folder, private, public }
}

const PAIRS: [(JwtAlgorithm, Algorithm); 3] = [
    (JwtAlgorithm::EdDsa, Algorithm::EdDSA),
    (JwtAlgorithm::Es256, Algorithm::ES256),
    (JwtAlgorithm::Rs256, Algorithm::RS256),
];

fn pair(algorithm: JwtAlgorithm, files: &Files, others: &[&std::path::Path]) -> Tokens {
    let keys = JwtKeys::Pair(Box::new(KeyPair::read(algorithm, &files.private, others).unwrap()));
    Tokens::new(&JwtConfig { keys, access_ttl: Duration::from_secs(60) })
}

fn claims() -> Value {
    let now = Timestamp::now().as_second();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "nbf": now, "exp": now + 60,
        "jti": "1", "sid": GrantId::new_session(), "epoch": 7})
}

fn header(algorithm: Algorithm) -> Header {
    Header { typ: Some(TOKEN_TYPE.to_owned()), ..Header::new(algorithm) }
}

fn sign(claims: &Value, typ: &str, algorithm: Algorithm, secret: &str) -> String {
    let header = Header { typ: Some(typ.to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// A token with any header, signed with the right secret.
fn sign_raw(header: &str, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn a_minted_token_says_what_it_was_made_for() {
    let session = GrantId::new_session();
    let check = |tokens: &Tokens| {
        let said = tokens.verify(tokens.mint("alice", Some(&session), 7).unwrap().expose()).unwrap();
        assert_eq!((said.user.as_str(), said.session, said.epoch), ("alice", Some(session.clone()), 7));
        assert_eq!(tokens.verify(tokens.mint("alice", None, 7).unwrap().expose()).unwrap().session, None);
    };
    for algorithm in ["HS256", "HS384", "HS512"] {
        check(&Tokens::new(&shared(SECRET, algorithm.parse().unwrap())));
    }
    for (algorithm, _) in PAIRS {
        check(&pair(algorithm, &files(algorithm), &[]));
    }
    for bad in ["none", "RS512", "PS256", "hs256", ""] {
        assert!(bad.parse::<JwtAlgorithm>().is_err(), "{bad}");
    }
}

#[test]
fn a_well_made_foreign_token_is_taken() {
    // Keeps the refusals below honest: they change one thing of a token that would be taken.
    assert!(tokens().verify(&sign(&claims(), TOKEN_TYPE, Algorithm::HS256, SECRET)).is_ok());
    assert!(tokens().verify(&sign_raw(r#"{"typ":"at+jwt","alg":"HS256"}"#, &claims().to_string())).is_ok());
}

#[test]
fn wrong_keys_algorithms_and_types_are_refused() {
    let other_key = sign(&claims(), TOKEN_TYPE, Algorithm::HS256, &SECRET.replace('h', "H"));
    let other_algorithm = sign(&claims(), TOKEN_TYPE, Algorithm::HS512, SECRET);
    let other_type = sign(&claims(), "JWT", Algorithm::HS256, SECRET);
    for token in [other_key, other_algorithm, other_type, String::new(), "a.b.c".to_owned(), "..".to_owned()] {
        assert!(tokens().verify(&token).is_err(), "{token}");
    }
}

#[test]
fn an_unsigned_or_changed_token_is_refused() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = format!("{}.{}.", part(&json!({"alg": alg, "typ": TOKEN_TYPE})), part(&claims()));
        assert!(tokens().verify(&unsigned).is_err(), "{alg}");
        // The same with the signature of a good one.
        let signed = sign(&claims(), TOKEN_TYPE, Algorithm::HS256, SECRET);
        let signature = signed.rsplit('.').next().unwrap();
        assert!(tokens().verify(&format!("{unsigned}{signature}")).is_err(), "{alg}");
    }
    let good = sign(&claims(), TOKEN_TYPE, Algorithm::HS256, SECRET);
    let parts: Vec<&str> = good.split('.').collect();
    let mut raised = claims();
    raised["sub"] = json!("admin");
    let signature = parts[2];
    for changed in [
        format!("{}.{}.{signature}", parts[0], part(&raised)),
        good[..good.len() - 1].to_owned(),
        good[..good.len() - 10].to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}="),
        format!("{good}A"),
        format!("{good}.{signature}"),
    ] {
        assert!(tokens().verify(&changed).is_err(), "{changed}");
    }
}

#[test]
fn wrong_claims_are_refused() {
    let now = Timestamp::now().as_second();
    let float = |at: i64| json!(at as f64 + 0.5);
    for (claim, wrong) in [
        ("iss", json!("someone")),
        ("iss", json!(["ogent"])),
        ("aud", json!("ogent-agent")),
        ("aud", json!([AUDIENCE])),
        ("aud", json!([AUDIENCE, "other"])),
        ("sub", json!(7)),
        ("sub", json!(null)),
        ("exp", json!(now - 10)),
        ("exp", json!(-1)),
        ("exp", json!(0)),
        ("exp", json!((now + 60).to_string())),
        ("exp", float(now + 60)),
        ("exp", json!(now + 10 * 365 * 86_400)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
        ("nbf", json!(now + 60)),
        ("nbf", json!(now.to_string())),
        ("nbf", float(now)),
        ("nbf", json!(i64::MAX)),
        ("iat", json!(now + 60)),
        ("iat", json!(now.to_string())),
        ("iat", float(now)),
        ("iat", json!(-1)),
        ("iat", json!(i64::MIN)),
        ("iat", json!(now - 2 * 86_400)),
        ("sid", json!("")),
        ("sid", json!("*")),
        ("sid", json!(GrantId::new_token())),
        ("sid", json!("../s-0")),
        ("epoch", json!(-1)),
        ("epoch", json!("7")),
        ("jti", json!(1)),
    ] {
        let mut claims = claims();
        claims[claim] = wrong.clone();
        let token = sign(&claims, TOKEN_TYPE, Algorithm::HS256, SECRET);
        assert!(tokens().verify(&token).is_err(), "{claim} = {wrong}");
    }
    // Twice the same claim: which of them counts must not be a question.
    let twice = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    assert!(tokens().verify(&sign_raw(r#"{"typ":"at+jwt","alg":"HS256"}"#, &twice)).is_err());
}

#[test]
fn missing_claims_are_refused() {
    for claim in ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "epoch"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        let token = sign(&claims, TOKEN_TYPE, Algorithm::HS256, SECRET);
        assert!(tokens().verify(&token).is_err(), "without {claim}");
    }
}

#[test]
fn a_token_brings_no_keys_addresses_or_extensions() {
    let key = URL_SAFE_NO_PAD.encode(SECRET);
    for more in [
        json!({"jku": "https://evil.example/keys"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"jwk": {"kty": "oct", "k": key}}),
        json!({"x5c": ["AAAA"]}),
        json!({"x5t": "AAAA"}),
        json!({"x5t#S256": "AAAA"}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"cty": "JWT"}),
        json!({"zip": "DEF"}),
        json!({"enc": "A128GCM"}),
        json!({"b64": false}),
        json!({"kid": "1"}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "' OR 1=1 --"}),
        json!({"kid": ["1"]}),
        json!({"kid": "k".repeat(10_000)}),
    ] {
        let mut header = json!({"typ": TOKEN_TYPE, "alg": "HS256"});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(tokens().verify(&sign_raw(&header.to_string(), &claims().to_string())).is_err(), "{more}");
    }
    let twice = r#"{"typ":"at+jwt","alg":"none","alg":"HS256"}"#;
    assert!(tokens().verify(&sign_raw(twice, &claims().to_string())).is_err());
}

#[test]
fn a_public_key_is_no_secret() {
    for (algorithm, pinned) in PAIRS {
        let files = files(algorithm);
        let tokens = pair(algorithm, &files, &[]);
        let pem = std::fs::read(&files.public).unwrap();
        let base64: String = String::from_utf8(pem.clone()).unwrap().lines().filter(|l| !l.contains("---")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
        let raw = der[der.len() - 32..].to_vec();
        let kid = tokens.header.kid.clone();
        for secret in [pem.as_slice(), pem.trim_ascii_end(), &der, &raw] {
            for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header { kid: kid.clone(), ..header(alg) };
                let forged = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
                assert!(tokens.verify(&forged).is_err(), "{pinned:?} {alg:?}");
            }
        }
    }
}

#[test]
fn the_name_of_a_key_chooses_among_our_own_only() {
    let (old, new, foreign) = (files(JwtAlgorithm::EdDsa), files(JwtAlgorithm::EdDsa), files(JwtAlgorithm::EdDsa));
    let rotated = pair(JwtAlgorithm::EdDsa, &new, &[&old.public]);
    let sign_with = |files: &Files, kid: Option<String>| {
        let key = EncodingKey::from_ed_pem(&std::fs::read(&files.private).unwrap()).unwrap();
        encode(&Header { kid, ..header(Algorithm::EdDSA) }, &claims(), &key).unwrap()
    };
    let kid_of = |files: &Files| {
        let key = EncodingKey::from_ed_pem(&std::fs::read(&files.private).unwrap()).unwrap();
        Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap().thumbprint(ThumbprintHash::SHA256).ok()
    };
    assert!(rotated.verify(&sign_with(&new, kid_of(&new))).is_ok());
    assert!(rotated.verify(&sign_with(&old, kid_of(&old))).is_ok(), "a key of before is still good");
    assert!(pair(JwtAlgorithm::EdDsa, &new, &[]).verify(&sign_with(&old, kid_of(&old))).is_err());
    let minted = rotated.mint("alice", None, 0).unwrap();
    assert!(pair(JwtAlgorithm::EdDsa, &new, &[]).verify(minted.expose()).is_ok(), "the new one signs");
    for (files, kid) in [
        (&new, kid_of(&old)),
        (&old, kid_of(&new)),
        (&foreign, kid_of(&foreign)),
        (&foreign, kid_of(&new)),
        (&new, None),
        (&new, Some(String::new())),
        (&new, Some("../../etc/passwd".to_owned())),
        (&new, Some(new.public.display().to_string())),
        (&new, Some("k".repeat(10_000))),
    ] {
        let token = sign_with(files, kid.clone());
        assert!(rotated.verify(&token).is_err(), "{kid:?}");
    }
}

#[test]
fn keys_that_do_not_fit_are_refused_at_the_start() {
    let (ed, ec, rsa) = (files(JwtAlgorithm::EdDsa), files(JwtAlgorithm::Es256), files(JwtAlgorithm::Rs256));
    let none: [&std::path::Path; 0] = [];
    for (algorithm, private) in [
        (JwtAlgorithm::EdDsa, &ec.private),
        (JwtAlgorithm::Es256, &rsa.private),
        (JwtAlgorithm::Rs256, &ed.private),
        (JwtAlgorithm::EdDsa, &ed.public),
        (JwtAlgorithm::EdDsa, &ed.folder.join("missing")),
        (JwtAlgorithm::Hs256, &ed.private),
    ] {
        assert!(KeyPair::read(algorithm, private, &none).is_err(), "{algorithm:?} {}", private.display());
    }
    assert!(KeyPair::read(JwtAlgorithm::EdDsa, &ed.private, &[&ec.public]).is_err());
    assert!(KeyPair::read(JwtAlgorithm::EdDsa, &ed.private, &[&ed.private]).is_err());
    let shown =
        format!("{:?}", JwtKeys::Pair(Box::new(KeyPair::read(JwtAlgorithm::EdDsa, &ed.private, &none).unwrap())));
    assert!(shown.starts_with("Pair(EdDSA, kid "), "{shown}");
}

#[test]
fn a_token_of_a_megabyte_is_not_looked_at() {
    let mut claims = claims();
    claims["padding"] = json!("x".repeat(1 << 20));
    let token = sign(&claims, TOKEN_TYPE, Algorithm::HS256, SECRET);
    assert!(matches!(tokens().verify(&token), Err(TokenError::TooLong)));
    // What is long and still taken.
    claims["padding"] = json!("x".repeat(4000));
    assert!(tokens().verify(&sign(&claims, TOKEN_TYPE, Algorithm::HS256, SECRET)).is_ok());
}
