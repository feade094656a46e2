//! Receives how tokens are signed from `config`, gives `jwt` the one key that signs and those that check, each by its
//! name.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ogent_runtime::Secret;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Largest key file: an RSA key of 16,384 bits in PEM has 13 KiB.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// How tokens are made and checked.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// With which keys.
    pub keys: JwtKeys,
    /// How long they are good for.
    pub access_ttl: Duration,
}

/// The keys of one algorithm. No token can choose another one.
#[derive(Clone)]
pub enum JwtKeys {
    /// One secret that signs and checks.
    Shared {
        /// HS256, HS384 or HS512.
        algorithm: JwtAlgorithm,
        /// The secret.
        secret: Secret,
    },
    /// A private key that signs, and public keys that check.
    Pair(Box<KeyPair>),
}

/// A private key, its name, and the public keys that are believed.
#[derive(Clone)]
pub struct KeyPair {
    pub(super) algorithm: Algorithm,
    pub(super) signing: EncodingKey,
    root: Secret,
    pub(super) kid: String,
    pub(super) checking: HashMap<String, DecodingKey>,
}

/// The algorithms that tokens can be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSA (PKCS #1 v1.5) with SHA-256, with 2048 bits at least.
    Rs256,
}

/// An algorithm that tokens are not signed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is {0:?}, but tokens are signed with HS256, HS384, HS512, EdDSA, ES256 or RS256")]
pub struct UnknownAlgorithm(String);

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no key of the kind that is needed.
    #[error("{path} is no {kind} in PEM (PKCS #8) for {algorithm:?}; {recipe}")]
    Form {
        /// Which.
        path: String,
        /// Private or public key.
        kind: &'static str,
        /// For what.
        algorithm: JwtAlgorithm,
        /// How one is made.
        recipe: &'static str,
    },
    /// The algorithm has no key files.
    #[error("{0:?} signs with JWT_SECRET_KEY, not with key files")]
    Shared(JwtAlgorithm),
}

// === impl JwtAlgorithm ===

impl JwtAlgorithm {
    /// Whether one secret signs and checks.
    #[must_use]
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    pub(super) fn to_jsonwebtoken(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Hs384 => Algorithm::HS384,
            Self::Hs512 => Algorithm::HS512,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
        }
    }

    fn recipe(self) -> &'static str {
        match self {
            Self::Es256 => "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one",
            Self::Rs256 => "`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072` makes one",
            _ => "`openssl genpkey -algorithm ed25519` makes one",
        }
    }

    fn private(self, pem: &[u8]) -> jsonwebtoken::errors::Result<EncodingKey> {
        match self {
            Self::Es256 => EncodingKey::from_ec_pem(pem),
            Self::Rs256 => EncodingKey::from_rsa_pem(pem),
            _ => EncodingKey::from_ed_pem(pem),
        }
    }

    fn public(self, pem: &[u8]) -> jsonwebtoken::errors::Result<DecodingKey> {
        match self {
            Self::Es256 => DecodingKey::from_ec_pem(pem),
            Self::Rs256 => DecodingKey::from_rsa_pem(pem),
            _ => DecodingKey::from_ed_pem(pem),
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
            "EdDSA" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            "RS256" => Ok(Self::Rs256),
            _ => Err(UnknownAlgorithm(text.to_owned())),
        }
    }
}

// === impl JwtKeys ===

impl JwtKeys {
    /// A secret that all gateways with these keys have, and nobody else: for what they seal for each other.
    #[must_use]
    pub(crate) fn root(&self) -> Secret {
        match self {
            Self::Shared { secret, .. } => secret.clone(),
            Self::Pair(pair) => pair.root.clone(),
        }
    }
}

// === impl KeyPair ===

impl KeyPair {
    /// Reads the key that signs, and others whose tokens are good, too: those of before and those to come.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn read(algorithm: JwtAlgorithm, signing: &Path, others: &[impl AsRef<Path>]) -> Result<Self, KeyError> {
        if algorithm.is_shared() {
            return Err(KeyError::Shared(algorithm));
        }
        let pem = bytes(signing)?;
        let wrong = |path: &Path, kind| KeyError::Form {
            path: path.display().to_string(),
            kind,
            algorithm,
            recipe: algorithm.recipe(),
        };
        let mut keys = own(algorithm, &pem).map_err(|_| wrong(signing, "private key"))?;
        for path in others {
            let path = path.as_ref();
            let key = bytes(path)?;
            let (kid, key) = public(algorithm, &key).map_err(|_| wrong(path, "public key"))?;
            keys.checking.insert(kid, key);
        }
        Ok(keys)
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared { algorithm, .. } => write!(f, "Shared({algorithm:?})"),
            Self::Pair(pair) => write!(f, "Pair({:?}, kid {})", pair.algorithm, pair.kid),
        }
    }
}

fn own(algorithm: JwtAlgorithm, pem: &[u8]) -> jsonwebtoken::errors::Result<KeyPair> {
    let signing = algorithm.private(pem)?;
    let pinned = algorithm.to_jsonwebtoken();
    let public = Jwk::from_encoding_key(&signing, pinned)?;
    let kid = public.thumbprint(ThumbprintHash::SHA256)?;
    let checking = DecodingKey::from_jwk(&public)?;
    // A key on another curve, or one that is too short, is found now and not at the first log-in.
    let token = encode(&Header::new(pinned), &json!({}), &signing)?;
    let mut any = Validation::new(pinned);
    any.required_spec_claims.clear();
    any.validate_exp = false;
    decode::<Value>(&token, &checking, &any)?;
    let checking = HashMap::from([(kid.clone(), checking)]);
    let root = Secret::new(format!("{:x}", Sha256::new().chain_update(b"ogent-root-1\n").chain_update(pem).finalize()));
    Ok(KeyPair { algorithm: pinned, signing, root, kid, checking })
}

fn public(algorithm: JwtAlgorithm, pem: &[u8]) -> jsonwebtoken::errors::Result<(String, DecodingKey)> {
    let key = algorithm.public(pem)?;
    let kid = Jwk::from_decoding_key(&key, Some(algorithm.to_jsonwebtoken()))?.thumbprint(ThumbprintHash::SHA256)?;
    Ok((kid, key))
}

fn bytes(path: &Path) -> Result<Vec<u8>, KeyError> {
    let wrong = |source| KeyError::Read { path: path.display().to_string(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(MAX_KEY_BYTES).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}
