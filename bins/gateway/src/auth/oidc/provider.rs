//! Receives questions to the OpenID provider, gives its description, its keys and its tokens; within bounds of time and size,
//! and from nowhere but where its description says.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use ogent_runtime::Secret;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{OidcConfig, OidcError};
use crate::config::may_be_asked;
use crate::limits::{OIDC_ANSWER_WITHIN, OIDC_FRESH, OIDC_MAX_ANSWER, OIDC_REFETCH_AFTER};

/// How soon a provider that did not answer is asked again: until then nobody waits for it.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// More keys than any provider has.
const MAX_KEYS: usize = 64;

/// One provider, and what it said.
pub(super) struct Provider {
    http: Client,
    issuer: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    discovery: Option<(Instant, Arc<Discovery>)>,
    keys: Option<(Instant, Arc<Vec<Jwk>>)>,
    /// When they were last read again because one was not among them.
    missed: Option<Instant>,
    failed: Option<Instant>,
}

/// What is needed of the provider's description.
pub(super) struct Discovery {
    pub(super) authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    is_posted: bool,
    /// Whether it always says who it is when it sends people back.
    pub(super) says_issuer: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenProblem {
    error: String,
}

/// What a code was exchanged for.
pub(super) struct Tokens {
    pub(super) id_token: Secret,
    pub(super) access_token: Option<Secret>,
}

// === impl Provider ===

impl Provider {
    pub(super) fn new(issuer: &str) -> Result<Self, OidcError> {
        let builder = Client::builder()
            .user_agent("ogent-gateway")
            .timeout(OIDC_ANSWER_WITHIN)
            // What a redirect leads to is not what the description names.
            .redirect(Policy::none());
        let builder = match issuer.starts_with("https://") {
            true => builder,
            // On this machine: neither certificates nor proxies matter.
            false => builder.no_proxy().tls_certs_only([]),
        };
        let http = builder.build().map_err(|error| OidcError::Internal(error.to_string()))?;
        Ok(Self { http, issuer: issuer.to_owned(), known: Mutex::default() })
    }

    /// What the provider says about itself.
    pub(super) async fn discovery(&self) -> Result<Arc<Discovery>, OidcError> {
        let mut known = self.known.lock().await;
        if let Some((at, discovery)) = &known.discovery
            && at.elapsed() < OIDC_FRESH
        {
            return Ok(Arc::clone(discovery));
        }
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document: Document = known.ask(async || read(self.http.get(&url)).await).await?;
        let discovery = Arc::new(self.checked(document)?);
        known.discovery = Some((Instant::now(), Arc::clone(&discovery)));
        Ok(discovery)
    }

    /// The provider's keys: read again, once in a while, where none has that id.
    pub(super) async fn keys(&self, discovery: &Discovery, kid: Option<&str>) -> Result<Arc<Vec<Jwk>>, OidcError> {
        let mut known = self.known.lock().await;
        if let Some((at, keys)) = &known.keys {
            let is_known = kid.is_none() || keys.iter().any(|key| key.common.key_id.as_deref() == kid);
            let may_ask = known.missed.is_none_or(|at| at.elapsed() >= OIDC_REFETCH_AFTER);
            if at.elapsed() < OIDC_FRESH && (is_known || !may_ask) {
                return Ok(Arc::clone(keys));
            }
            known.missed = (!is_known).then(Instant::now).or(known.missed);
        }
        let url = discovery.jwks_uri.clone();
        let found: Keys = known.ask(async || read(self.http.get(url)).await).await?;
        // Keys of a kind that is not known here are for others.
        let keys = found.keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok());
        let keys: Arc<Vec<Jwk>> = Arc::new(keys.collect());
        known.keys = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }

    /// Exchanges a code for tokens.
    pub(super) async fn exchange(
        &self,
        discovery: &Discovery,
        config: &OidcConfig,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, OidcError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &config.redirect_uri),
            ("code_verifier", verifier),
        ];
        let mut request = self.http.post(discovery.token_endpoint.clone());
        match &config.client_secret {
            Some(secret) if !discovery.is_posted => {
                // RFC 6749, section 2.3.1: both as in a form.
                request = request.basic_auth(escaped(&config.client_id), Some(escaped(secret.expose())));
            }
            Some(secret) => form.extend([("client_id", config.client_id.as_str()), ("client_secret", secret.expose())]),
            None => form.push(("client_id", &config.client_id)),
        }
        let (status, bytes) = answer(request.form(&form)).await?;
        if status == StatusCode::OK {
            let TokenAnswer { id_token, access_token } = parse(&bytes)?;
            return Ok(Tokens { id_token: Secret::new(id_token), access_token: access_token.map(Secret::new) });
        }
        match parse::<TokenProblem>(&bytes) {
            // The code was used, has ended, or was given to somebody else.
            Ok(problem) if problem.error == "invalid_grant" => Err(OidcError::Denied(problem.error)),
            Ok(problem) => Err(OidcError::Provider(format!("refuses the gateway: {:?}", brief(&problem.error)))),
            Err(_) => Err(OidcError::Provider(format!("answers {status}"))),
        }
    }

    fn checked(&self, document: Document) -> Result<Discovery, OidcError> {
        if document.issuer != self.issuer {
            let said = brief(&document.issuer);
            return Err(OidcError::Provider(format!("calls itself {said:?}, not {:?}", self.issuer)));
        }
        let methods = document.token_endpoint_auth_methods_supported;
        let knows = |method: &str| methods.iter().any(|known| known == method);
        Ok(Discovery {
            authorization_endpoint: self.endpoint(&document.authorization_endpoint)?,
            token_endpoint: self.endpoint(&document.token_endpoint)?,
            jwks_uri: self.endpoint(&document.jwks_uri)?,
            is_posted: knows("client_secret_post") && !knows("client_secret_basic"),
            says_issuer: document.authorization_response_iss_parameter_supported,
        })
    }

    /// A provider of the network must not lead the gateway to what listens on this machine only.
    fn endpoint(&self, text: &str) -> Result<Url, OidcError> {
        let is_here = self.issuer.starts_with("http://");
        // A tenant may stand in the query.
        let is_safe = may_be_asked(text.split('?').next().unwrap_or_default());
        let url = Url::parse(text).ok().filter(|url| is_safe && (url.scheme() == "https" || is_here));
        url.ok_or_else(|| OidcError::Provider(format!("names an address without https: {:?}", brief(text))))
    }
}

// === impl Known ===

impl Known {
    /// Asks, unless that has just failed.
    async fn ask<T>(&mut self, ask: impl AsyncFnOnce() -> Result<T, OidcError>) -> Result<T, OidcError> {
        if self.failed.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
            return Err(OidcError::Provider("did not answer a moment ago".to_owned()));
        }
        let answer = ask().await;
        self.failed = answer.is_err().then(Instant::now);
        answer
    }
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, OidcError> {
    match answer(request).await? {
        (StatusCode::OK, bytes) => parse(&bytes),
        (status, _) => Err(OidcError::Provider(format!("answers {status}"))),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, OidcError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // Not the words of the error, which quote: there may be tokens in the answer.
        OidcError::Provider(format!("gives an answer that is not understood (line {})", error.line()))
    })
}

async fn answer(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), OidcError> {
    let away = |error: reqwest::Error| {
        let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        tracing::warn!(error = %error.without_url(), "the OpenID provider {what}");
        OidcError::Provider(what.to_owned())
    };
    let mut response = request.send().await.map_err(away)?;
    let status = response.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(away)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > OIDC_MAX_ANSWER {
            return Err(OidcError::Provider("gives too long an answer".to_owned()));
        }
    }
    Ok((status, bytes))
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}

fn brief(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(issuer: &str, change: impl FnOnce(&mut Value)) -> Result<Discovery, String> {
        let mut document = serde_json::json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/auth?tenant=a"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
        });
        change(&mut document);
        let document = serde_json::from_value(document).map_err(|error| error.to_string())?;
        Provider::new(issuer).unwrap().checked(document).map_err(|error| error.to_string())
    }

    #[test]
    fn a_description_is_the_providers_own_and_leads_nowhere_unsafe() {
        assert!(checked("https://id.example", |_| {}).is_ok() && checked("http://127.0.0.1:1", |_| {}).is_ok());
        for (field, wrong) in [
            ("issuer", "https://id.example/"),
            ("issuer", "https://evil.example"),
            ("token_endpoint", "http://id.example/token"),
            ("token_endpoint", "http://127.0.0.1:4222/"),
            ("jwks_uri", "http://169.254.169.254/latest"),
            ("jwks_uri", "file:///etc/passwd"),
            ("authorization_endpoint", "javascript:alert(1)"),
        ] {
            assert!(checked("https://id.example", |it| it[field] = wrong.into()).is_err(), "{field} {wrong}");
        }
    }

    #[test]
    fn secrets_are_escaped_as_in_forms() {
        assert_eq!(escaped("a:b+c d/é"), "a%3Ab%2Bc%20d%2F%C3%A9");
    }
}
