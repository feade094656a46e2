//! What the user types after `ogent up`.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, value_parser};
use ogent_analyst::AdvisorArgs;
use ogent_broker::server_config::SyncInterval;
use ogent_gateway::JwtAlgorithm;
use ogent_protocol::AgentId;
use ogent_runtime::PolicyArgs;

/// Start the broker, the gateway, an analyst and an agent on this machine, until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ogent up                                 start everything, with data in .ogent
  ogent up --ephemeral --random-ports      beside another one; nothing is kept
  ogent up --sync 2m                       faster; a power cut loses up to two minutes
  ogent up --json > up.json                for programs: one object once all is ready
  ogent up --ephemeral -- ./test.sh        run a program against it, then stop")]
pub struct UpArgs {
    /// Folder for everything that is kept
    #[arg(long, value_name = "DIR", default_value = ".ogent", env = "OGENT_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Keep nothing: use a temporary folder, removed at the end
    #[arg(long)]
    pub ephemeral: bool,

    /// Port of the API [default: 8001]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Address that the API listens on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub listen_host: IpAddr,
    /// Port of the NATS server [default: 4222]
    #[arg(long, value_name = "PORT")]
    pub nats_port: Option<u16>,
    /// Address that the NATS server listens on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub nats_listen_host: IpAddr,
    /// Take free ports for whatever has none given
    #[arg(long)]
    pub random_ports: bool,

    /// Do not start an agent
    #[arg(long)]
    pub no_agent: bool,
    /// The agent's id [default: made from its key]
    #[arg(long, value_name = "ID", env = "OGENT_AGENT_ID")]
    pub agent_id: Option<AgentId>,
    /// Something to know the agent by; may be given more than once
    #[arg(long = "label", value_name = "KEY=VALUE", env = "OGENT_LABELS", value_delimiter = ',', value_parser = label)]
    pub labels: Vec<String>,

    /// Print one JSON object on stdout when all is ready, and no text for people
    #[arg(long)]
    pub json: bool,

    /// When an acknowledged message is safe from a power cut: always, or after a time such as 2m
    #[arg(long, value_name = "WHEN", default_value = "always")]
    pub sync: SyncInterval,
    /// The nats-server program to start [default: on PATH, then what `ogent nats install` installed]
    #[arg(long, value_name = "PATH", env = "OGENT_NATS_SERVER")]
    pub nats_server: Option<PathBuf>,
    /// If there is no nats-server, download one first, as `ogent nats install` does
    #[arg(long)]
    pub install_nats: bool,

    /// A program to run once all is ready; everything stops when it ends, with its exit code
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,

    /// A broker that is there already
    #[command(flatten)]
    pub broker: ExternalArgs,
    /// How access tokens are made
    #[command(flatten)]
    pub tokens: TokenArgs,
    /// Which model explains verdicts
    #[command(flatten)]
    pub advisor: AdvisorArgs,
    /// What may run, and who may let it
    #[command(flatten)]
    pub gate: GateArgs,
}

/// What may run, and who may let it.
#[derive(Debug, Args)]
#[command(next_help_heading = "What may run")]
pub struct GateArgs {
    /// Which commands run, which somebody has to approve, and which are refused
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Minutes for which a command waits for its approval
    #[arg(long, value_name = "MINUTES", env = "OGENT_APPROVAL_MINUTES", default_value_t = 60, value_parser = value_parser!(u64).range(1..=1440))]
    pub approval_minutes: u64,
    /// File with people who may log in beside admin, as `ogent hash-password` prints its lines [default: users in the data
    /// folder, where there is one]
    #[arg(long, value_name = "FILE", env = "OGENT_USERS_FILE")]
    pub users_file: Option<PathBuf>,
}

/// A broker that is there already.
#[derive(Debug, Args)]
#[command(next_help_heading = "A NATS server that runs already")]
pub struct ExternalArgs {
    /// Its address: no server is started, and the other --nats-… of this group say who all parts are there
    #[arg(long, value_name = "URL", env = "NATS_URL", hide_env_values = true)]
    pub nats_url: Option<String>,
    /// File with the nkey seed to log in with
    #[arg(long, value_name = "FILE", env = "NATS_NKEY")]
    pub nats_nkey: Option<PathBuf>,
    /// File with the credentials (JWT and seed) to log in with
    #[arg(long, value_name = "FILE", env = "NATS_CREDS")]
    pub nats_creds: Option<PathBuf>,
    /// File with the certificates that may sign the server's own
    #[arg(long, value_name = "FILE", env = "NATS_CA")]
    pub nats_ca: Option<PathBuf>,
    /// First tokens of the subjects on which answers come, where the credentials ask for other ones than usual
    #[arg(long, value_name = "PREFIX", env = "NATS_INBOX_PREFIX")]
    pub nats_inbox_prefix: Option<String>,
}

/// How access tokens are made, as the gateway takes it from the environment.
#[derive(Debug, Args)]
#[command(next_help_heading = "Access tokens")]
pub struct TokenArgs {
    /// How they are signed: HS256, HS384 or HS512
    #[arg(long, value_name = "NAME", env = "JWT_ALGORITHM", default_value = "HS256")]
    pub jwt_algorithm: JwtAlgorithm,
    /// Minutes for which they are good [default: 30; a day for the COMMAND's own]
    #[arg(long, value_name = "MINUTES", env = "ACCESS_TOKEN_EXPIRE_MINUTES", value_parser = value_parser!(u64).range(1..=1440))]
    pub token_minutes: Option<u64>,
}

fn label(text: &str) -> Result<String, &'static str> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.to_owned()),
        _ => Err("a label looks like key=value"),
    }
}
