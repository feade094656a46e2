//! Receives flags and the environment from `main` or `ogent up`, gives a checked configuration to `app`.
//!
//! Secrets come from the environment or from files only: a flag would show in every list of processes.

mod oidc;
mod web;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ogent_broker::credentials::{SignerRole, Trust};
use ogent_broker::permissions::Role;
use ogent_broker::sign::Signer;
use ogent_broker::{BrokerArgs, ConnectOptions};
use ogent_protocol::limits::MAX_APPROVAL;
use ogent_risk::Policy;
use ogent_runtime::{PolicyArgs, Secret, secret_from_env};

use crate::auth::{JwtAlgorithm, JwtConfig, JwtKeys, KeyPair, User, password_weakness, read_users, secret_weakness};
use crate::limits::DEFAULT_API_RATE;
use crate::network::Network;

pub(crate) use oidc::may_be_asked;
pub use web::{WebArgs, WebConfig};

/// The name under which the gateway connects to the broker.
const CONNECTION_NAME: &str = "ogent-gateway";

/// A day: who needs a longer token logs in again.
const MAX_TOKEN_MINUTES: u64 = 24 * 60;

/// What the gateway is started with. The values are checked together, by [`GatewayArgs::into_config`].
#[derive(Debug, Clone, clap::Args)]
pub struct GatewayArgs {
    /// Address and port to listen on
    #[arg(long, env = "OGENT_LISTEN", default_value = "127.0.0.1:8001")]
    pub listen: String,

    /// How the gateway reaches its broker
    #[command(flatten)]
    pub broker: BrokerArgs,

    /// How access tokens are signed: HS256, HS384 or HS512 with JWT_SECRET_KEY; EdDSA, ES256 or RS256 with key files
    #[arg(long, env = "JWT_ALGORITHM", default_value = "HS256")]
    pub jwt_algorithm: String,

    /// The private key that signs access tokens, in PEM (PKCS #8)
    #[arg(long, value_name = "FILE", env = "JWT_KEY_FILE")]
    pub jwt_key_file: Option<PathBuf>,

    /// A public key whose tokens are good, too: that of before or that to come; may be repeated
    #[arg(long = "jwt-public-key-file", value_name = "FILE", env = "JWT_PUBLIC_KEY_FILES", value_delimiter = ',')]
    pub jwt_public_key_files: Vec<PathBuf>,

    /// Minutes for which an access token is good
    #[arg(long = "token-minutes", value_name = "MINUTES", env = "ACCESS_TOKEN_EXPIRE_MINUTES", default_value = "30")]
    pub access_token_expire_minutes: String,

    /// Another origin whose pages browsers may let in, like https://console.example.org; may be repeated
    #[arg(long = "allowed-origin", value_name = "ORIGIN", env = "OGENT_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,

    /// Proxies whose X-Forwarded-For is believed, like 10.0.0.0/8; may be repeated
    #[arg(long = "trusted-proxy", value_name = "CIDR", env = "OGENT_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<String>,

    /// Requests a second that one user may make, for a moment ten times as many
    #[arg(long, value_name = "PER_SECOND", env = "OGENT_API_RATE", default_value_t = DEFAULT_API_RATE)]
    pub api_rate: u32,

    /// Which commands run, which somebody has to approve, and which are refused
    #[command(flatten)]
    pub policy: PolicyArgs,

    /// Minutes for which a command waits for its approval
    #[arg(long, value_name = "MINUTES", env = "OGENT_APPROVAL_MINUTES", default_value = "60")]
    pub approval_minutes: String,

    /// File with people who may log in beside admin, one a line: name:role,role:hash (see `hash-password`)
    #[arg(long, value_name = "FILE", env = "OGENT_USERS_FILE")]
    pub users_file: Option<PathBuf>,

    /// Sign intents and decisions with the key in this file, as `ogent init` makes it
    #[arg(long, value_name = "FILE", env = "OGENT_SIGNER")]
    pub signer: Option<PathBuf>,

    /// The public keys that count, as `ogent init` writes them: decisions that others have signed are not carried out
    #[arg(long, value_name = "FILE", env = "OGENT_TRUST_FILE")]
    pub trust_file: Option<PathBuf>,

    /// How clients reach the gateway
    #[command(flatten)]
    pub web: WebArgs,
}

/// What the gateway needs to know.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How to reach the broker.
    pub broker: ConnectOptions,
    /// How to make and check access tokens.
    pub jwt: JwtConfig,
    /// The password of the user `admin`.
    pub admin_password: Secret,
    /// Origins whose pages browsers may let in, beside the gateway's own.
    pub allowed_origins: Vec<String>,
    /// Which commands run, which somebody has to approve, and which are refused.
    pub policy: Policy,
    /// How long a command waits for its approval.
    pub approval_window: Duration,
    /// Who may log in beside `admin`.
    pub users: Vec<User>,
    /// Who signs intents and decisions; `None` leaves them unsigned, and agents that want signatures refuse them.
    pub signer: Option<Signer>,
    /// The keys whose decisions count; `None` believes the broker.
    pub trust: Option<Trust>,
    /// How clients reach it.
    pub web: WebConfig,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Requests a second that one user may make.
    pub api_rate: u32,
}

/// Every mistake in the configuration, each with the name of the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    mistakes: Vec<String>,
}

/// Gathers mistakes, so that all are reported at once.
#[derive(Default)]
struct Check {
    mistakes: Vec<String>,
}

// === impl GatewayArgs ===

impl GatewayArgs {
    /// Checks everything, and reads `JWT_SECRET_KEY` and `OGENT_ADMIN_PASSWORD` (or the files that the same names
    /// with `_FILE` say).
    ///
    /// # Errors
    /// Names every mistake.
    pub fn into_config(self) -> Result<GatewayConfig, ConfigError> {
        let mut check = Check::default();
        let keys = check.keys(&self);
        let admin_password = check.secret("OGENT_ADMIN_PASSWORD", "openssl rand -base64 18", password_weakness);
        let redis = check.take(secret_from_env("REDIS_URL"));
        if redis.flatten().is_some() {
            tracing::info!("REDIS_URL is set; it is for a later part, the gateway does not use it");
        }
        let broker = self.broker.into_options(CONNECTION_NAME, &Role::Gateway);
        let listen = check.take(self.listen.parse().map_err(|_| {
            format!("OGENT_LISTEN is {:?}, but an address and a port are needed, like 127.0.0.1:8001", self.listen)
        }));
        let trusted_proxies = check.take(parse_networks(&self.trusted_proxies));
        if self.api_rate == 0 {
            check.mistakes.push("OGENT_API_RATE must be at least 1".to_owned());
        }
        let access_ttl = check.take(parse_minutes(&self.access_token_expire_minutes));
        let allowed_origins = check.take(parse_origins(self.allowed_origins));
        let web = self.web.into_config(listen).map_err(|mistakes| check.mistakes.extend(mistakes)).ok();
        let gate = check.gate(&self.policy, &self.approval_minutes, self.users_file.as_deref());
        let signing = check.signing(self.signer.as_deref(), self.trust_file.as_deref());
        let parts = (keys, admin_password, listen, access_ttl, allowed_origins, gate, web, trusted_proxies);
        match parts {
            // `check` has a mistake for everything that is missing here.
            (
                Some(keys),
                Some(admin_password),
                Some(listen),
                Some(ttl),
                Some(origins),
                Some(gate),
                Some(web),
                Some(trusted_proxies),
            ) if check.mistakes.is_empty() => {
                let jwt = JwtConfig { keys, access_ttl: ttl };
                let (policy, approval_window, users) = gate;
                let (signer, trust) = signing.unwrap_or_default();
                let allowed_origins = origins;
                Ok(GatewayConfig {
                    listen,
                    broker,
                    jwt,
                    admin_password,
                    allowed_origins,
                    policy,
                    approval_window,
                    users,
                    signer,
                    trust,
                    web,
                    trusted_proxies,
                    api_rate: self.api_rate,
                })
            }
            _ => Err(ConfigError { mistakes: check.mistakes }),
        }
    }
}

// === impl ConfigError ===

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gateway's configuration is not usable:")?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

impl std::error::Error for ConfigError {}

// === impl Check ===

impl Check {
    fn take<T, E: fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.mistakes.push(error.to_string())).ok()
    }

    /// Policy, the time that an approval may take, and the people who may give one.
    fn gate(
        &mut self,
        policy: &PolicyArgs,
        minutes: &str,
        users: Option<&Path>,
    ) -> Option<(Policy, Duration, Vec<User>)> {
        let policy = self.take(policy.load().map_err(|error| whole(&error)));
        let window = self.take(parse_approval_minutes(minutes));
        // Compose files and units set a variable to nothing to say that there is none.
        let users = match users.filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => self.take(read_users(path).map_err(|error| whole(&error))),
            None => Some(Vec::new()),
        };
        Some((policy?, window?, users?))
    }

    /// Who signs here, and whose decisions count.
    fn signing(&mut self, signer: Option<&Path>, trust: Option<&Path>) -> Option<(Option<Signer>, Option<Trust>)> {
        // Compose files and units set a variable to nothing to say that there is none.
        let given = |path: Option<&Path>| path.filter(|path| !path.as_os_str().is_empty()).map(Path::to_owned);
        let wrong = |name: &str, path: &Path, error: std::io::Error| format!("{name} {}: {error}", path.display());
        let signer = given(signer)
            .map(|path| Signer::load(&path, SignerRole::Gateway).map_err(|error| wrong("OGENT_SIGNER", &path, error)));
        let trust =
            given(trust).map(|path| Trust::load(&path).map_err(|error| wrong("OGENT_TRUST_FILE", &path, error)));
        let (signer, trust) = (self.take(signer.transpose())?, self.take(trust.transpose())?);
        if signer.is_some() && trust.is_none() {
            // It would sign what anybody has written down as approved.
            self.mistakes
                .push("OGENT_SIGNER needs OGENT_TRUST_FILE, the keys whose decisions are carried out".to_owned());
        }
        Some((signer, trust))
    }

    /// The keys of access tokens: of one kind or of the other.
    fn keys(&mut self, args: &GatewayArgs) -> Option<JwtKeys> {
        let algorithm: JwtAlgorithm =
            self.take(args.jwt_algorithm.parse().map_err(|error| format!("JWT_ALGORITHM {error}")))?;
        let is_set = |path: &&PathBuf| !path.as_os_str().is_empty();
        let (file, others) = (args.jwt_key_file.as_ref().filter(is_set), &args.jwt_public_key_files);
        let others: Vec<&PathBuf> = others.iter().filter(is_set).collect();
        match (algorithm.is_shared(), file) {
            (true, None) if others.is_empty() => {
                let secret = self.secret("JWT_SECRET_KEY", "openssl rand -base64 48", secret_weakness)?;
                Some(JwtKeys::Shared { algorithm, secret })
            }
            (true, _) => {
                self.mistakes
                    .push("JWT_KEY_FILE and JWT_PUBLIC_KEY_FILES need JWT_ALGORITHM EdDSA, ES256 or RS256".into());
                None
            }
            (false, None) => {
                self.mistakes.push(format!("JWT_ALGORITHM {} needs JWT_KEY_FILE", args.jwt_algorithm));
                None
            }
            (false, Some(file)) => {
                let pair = self.take(KeyPair::read(algorithm, file, &others))?;
                Some(JwtKeys::Pair(Box::new(pair)))
            }
        }
    }

    fn secret(&mut self, name: &str, recipe: &str, weakness: fn(&str) -> Option<&'static str>) -> Option<Secret> {
        let secret = self.take(secret_from_env(name))?;
        self.take(strong(name, secret, recipe, weakness))
    }
}

fn strong(
    name: &str,
    secret: Option<Secret>,
    recipe: &str,
    weakness: fn(&str) -> Option<&'static str>,
) -> Result<Secret, String> {
    let Some(secret) = secret else {
        return Err(format!("{name} (or {name}_FILE) is not set; `{recipe}` makes a good one"));
    };
    match weakness(secret.expose()) {
        None => Ok(secret),
        Some(reason) => Err(format!("{name} {reason}; `{recipe}` makes a good one")),
    }
}

fn parse_minutes(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(minutes @ 1..=MAX_TOKEN_MINUTES) => Ok(Duration::from_secs(minutes * 60)),
        _ => Err(format!("ACCESS_TOKEN_EXPIRE_MINUTES is {text:?}, but must be from 1 to {MAX_TOKEN_MINUTES}")),
    }
}

fn parse_approval_minutes(text: &str) -> Result<Duration, String> {
    let most = MAX_APPROVAL.as_secs() / 60;
    match text.parse::<u64>() {
        Ok(minutes) if (1..=most).contains(&minutes) => Ok(Duration::from_secs(minutes * 60)),
        _ => Err(format!("OGENT_APPROVAL_MINUTES is {text:?}, but must be from 1 to {most}")),
    }
}

fn parse_networks(texts: &[String]) -> Result<Vec<Network>, String> {
    let texts = texts.iter().filter(|text| !text.is_empty());
    texts.map(|text| text.trim().parse().map_err(|error| format!("--trusted-proxy: {error}"))).collect()
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// An origin is a scheme and an authority and nothing else, or it would never equal what a browser sends.
fn parse_origins(origins: Vec<String>) -> Result<Vec<String>, String> {
    let origins: Vec<String> = origins.into_iter().filter(|origin| !origin.is_empty()).collect();
    let is_origin = |origin: &&String| {
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        authority.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*', ' ']))
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(bad) => Err(format!("--allowed-origin is {bad:?}, but must look like https://console.example.org")),
        None => Ok(origins.iter().map(|origin| origin.to_ascii_lowercase()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_a_scheme_and_an_authority_only() {
        let parse = |origin: &str| parse_origins(vec![origin.to_owned()]);
        for good in ["https://a.example", "http://localhost:3000", "http://[::1]:8001"] {
            assert_eq!(parse(good).unwrap(), [good]);
        }
        for bad in ["*", "a.example", "https://", "https://a.example/", "null", "https://u@a.example", "ftp://a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn minutes_have_a_range() {
        assert_eq!(parse_minutes("30").unwrap(), Duration::from_secs(1800));
        assert_eq!(parse_approval_minutes("1440").unwrap(), MAX_APPROVAL);
        for bad in ["0", "-1", "1441", "x", "", "99999999999999999999"] {
            assert!(parse_minutes(bad).is_err() && parse_approval_minutes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_or_weak_secret_is_named_and_never_shown() {
        let missing = strong("JWT_SECRET_KEY", None, "r", secret_weakness).unwrap_err();
        assert!(missing.contains("JWT_SECRET_KEY_FILE"));
        let weak = Secret::new("hunter2".into());
        let message = strong("JWT_SECRET_KEY", Some(weak), "r", secret_weakness).unwrap_err();
        assert!(message.contains("JWT_SECRET_KEY is shorter") && !message.contains("hunter2"), "{message}");
    }
}
