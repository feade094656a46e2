//! Receives a join token from an admin, gives an agent that may run: its keys and credentials in the state folder.

use std::fs::DirBuilder;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use ogent_broker::ConnectError;
use ogent_broker::enroll::{RegistrarError, Registrars};
use ogent_protocol::enroll::{EnrollRequest, EnrollResponse, Grant, Ground};
use ogent_protocol::{AgentId, JoinToken, limits};
use tokio::time::Instant;

use super::files::{self, Enrolled, Keys};
use super::request;
use crate::identity;

/// How long to wait for an answer of the registrars: one may just be starting.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before another try.
const PAUSE: Duration = Duration::from_secs(2);
/// A registrar does not decide how often it is asked.
const PAUSES: std::ops::RangeInclusive<u32> = 1..=60;

/// What a machine needs to join.
#[derive(Debug, Clone, clap::Args)]
pub struct JoinArgs {
    /// What 'ogent agents invite' has printed. Others on this machine see arguments: rather pipe it in, or set the variable
    #[arg(env = "OGENT_JOIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<Hidden>,
    /// Id that this agent should have, where the invitation leaves it open
    #[arg(long, env = "OGENT_AGENT_ID", value_name = "ID")]
    pub id: Option<AgentId>,
    /// Folder in which the agent keeps who it is
    #[arg(long, env = "OGENT_STATE_DIR", default_value = "/var/lib/ogent-agent", value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Say something about this machine, to choose agents by; the invitation's own labels win
    #[arg(long = "label", env = "OGENT_LABELS", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = ogent_protocol::enroll::parse_label)]
    pub labels: Vec<(String, String)>,
    /// Forget the keys that this machine has, and make new ones
    #[arg(long)]
    pub new_keys: bool,
}

/// A text that does not show in logs.
#[derive(Clone)]
pub struct Hidden(String);

// === impl Hidden ===

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::str::FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// Joins, and waits where somebody has to accept the machine. `tell` is given what people should know meanwhile.
///
/// # Errors
/// Says what to do about it.
pub async fn join(args: JoinArgs, tell: impl Fn(&str)) -> anyhow::Result<Enrolled> {
    let token = token(args.token)?;
    let dir = &args.state_dir;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{} cannot be made", dir.display()))?;
    // A running agent must not lose its keys under its feet.
    let _lock = identity::lock(dir)?;
    if args.new_keys {
        Keys::retire(dir).with_context(|| format!("the old keys in {} cannot be removed", dir.display()))?;
    }
    let keys = Keys::load_or_create(dir).context("the agent's keys cannot be used")?;
    let ca = authorities(dir, &token).with_context(|| format!("{} cannot be written", dir.display()))?;
    let ground = Ground::Invite { id: token.invite.clone(), secret: token.secret.clone() };
    let labels = args.labels.into_iter().collect();
    let request = request::request(ground, args.id, labels, &keys)?;
    tell(&format!("asking for credentials at {}", token.urls.join(", ")));
    let connected = request::connect(&token.urls, ca, token.jwt.clone(), &token.invite).await;
    let (broker, registrars) = connected.map_err(|error| refused(error, &token))?;
    let grant = ask(&registrars, &request, &token, &tell).await;
    broker.drain().await;
    Ok(files::settle_in(dir, grant?, token.urls, keys)?)
}

/// Asks until a registrar has decided.
async fn ask(
    registrars: &Registrars,
    request: &EnrollRequest,
    token: &JoinToken,
    tell: &impl Fn(&str),
) -> anyhow::Result<Grant> {
    let mut silent_since = Instant::now();
    let mut has_told = false;
    loop {
        let pause = match registrars.enroll(request).await {
            Ok(EnrollResponse::Active(grant)) => return Ok(*grant),
            Ok(EnrollResponse::Pending { id, retry_after }) => {
                if !has_told {
                    tell(&format!("waiting for an admin: ogent agents accept {id}"));
                }
                (has_told, silent_since) = (true, Instant::now());
                seconds(retry_after)
            }
            Ok(EnrollResponse::Refused { problem, retry_after: Some(after), .. })
                if silent_since.elapsed() < PATIENCE =>
            {
                tell(&problem);
                seconds(after)
            }
            Ok(EnrollResponse::Refused { problem, .. }) => bail!(problem),
            Err(RegistrarError::Nobody | RegistrarError::Unavailable(_)) if silent_since.elapsed() < PATIENCE => PAUSE,
            Err(error) if token.expires < Timestamp::now() => {
                return Err(error)
                    .context("nobody answers any more, and the invitation has expired: ask for a new one");
            }
            Err(error) => return Err(error.into()),
        };
        tokio::time::sleep(pause).await;
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.clamp(*PAUSES.start(), *PAUSES.end()).into())
}

/// From the argument or the variable, or else the first line that comes in.
fn token(given: Option<Hidden>) -> anyhow::Result<JoinToken> {
    let text = match given {
        Some(Hidden(text)) if text != "-" => text,
        _ if io::stdin().is_terminal() => {
            let prompt = "Paste the token (it does not show), then press Enter: ";
            rpassword::prompt_password(prompt).context("no token can be read")?
        }
        _ => {
            let mut line = String::new();
            // One byte more than any token has: without a bound, a line could fill the memory.
            let limit = limits::MAX_JOIN_TOKEN_BYTES as u64 + 2;
            io::Read::take(io::stdin().lock(), limit).read_line(&mut line).context("no token can be read")?;
            line
        }
    };
    if text.trim().is_empty() {
        bail!(
            "give the token that 'ogent agents invite' has printed: as an argument, in OGENT_JOIN_TOKEN, or piped in"
        );
    }
    text.parse().context("this is no join token")
}

/// The file of those who may sign the broker's certificate, if the token names them.
fn authorities(dir: &Path, token: &JoinToken) -> io::Result<Option<PathBuf>> {
    let path = dir.join(files::CA);
    match &token.ca {
        Some(pem) => files::replace(&path, 0o644, pem.as_bytes()).map(|()| Some(path)),
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(None),
        },
    }
}

fn refused(error: ConnectError, token: &JoinToken) -> anyhow::Error {
    let is_over = token.expires < Timestamp::now();
    let text = match &error {
        ConnectError::Refused { .. } if is_over => {
            "the invitation has expired: ask for a new one ('ogent agents invite')"
        }
        ConnectError::Refused { .. } => {
            "the NATS server does not know this invitation: is it from this installation, and this machine's clock right?"
        }
        _ => "the NATS server cannot be reached from here",
    };
    anyhow::Error::from(error).context(text)
}
