//! Receives flags and variables, gives the agent's configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ogent_broker::BrokerArgs;
use ogent_protocol::AgentId;
use ogent_risk::Policy;
use ogent_runtime::{PolicyArgs, PolicyFileError};

use crate::trust::{TrustArgs, TrustConfig, TrustError};

/// Everything that an agent can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct AgentArgs {
    /// Id of this agent; without it, one is made from its key
    #[arg(long, env = "OGENT_AGENT_ID", value_name = "ID")]
    pub id: Option<AgentId>,
    /// Folder in which the agent keeps its key, its lock, and which commands it has started
    #[arg(long, env = "OGENT_STATE_DIR", default_value = "/var/lib/ogent-agent", value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Say something about this machine, to choose agents by; may be given several times
    #[arg(long = "label", env = "OGENT_LABELS", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = ogent_protocol::enroll::parse_label)]
    pub labels: Vec<(String, String)>,
    /// Commands that run at once; others wait their turn
    #[arg(long, env = "OGENT_MAX_CONCURRENT", default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_concurrent: u32,
    /// Seconds between asking a command to stop (SIGTERM) and ending it (SIGKILL)
    #[arg(long, env = "OGENT_KILL_GRACE", default_value_t = 5.0, value_name = "SECONDS", value_parser = seconds)]
    pub kill_grace: f64,
    /// Seconds that running commands get to finish when the agent is stopped
    #[arg(long, env = "OGENT_DRAIN", default_value_t = 0.0, value_name = "SECONDS", value_parser = seconds)]
    pub drain: f64,
    /// What this agent lets run, whoever asks
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Whose word counts, and who signs
    #[command(flatten)]
    pub trust: TrustArgs,
    /// Where the broker is
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// End with the process of this id
    #[arg(long, hide = true, value_name = "PID")]
    pub die_with_parent: Option<u32>,
}

/// The agent's configuration.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Its id; made from its key when absent.
    pub id: Option<AgentId>,
    /// Where it keeps its key, its lock, and which commands it has started.
    pub state_dir: PathBuf,
    /// What its owner says about the machine.
    pub labels: BTreeMap<String, String>,
    /// Commands that run at once.
    pub max_concurrent: u32,
    /// Time between SIGTERM and SIGKILL.
    pub kill_grace: Duration,
    /// Time that running commands get when the agent is stopped.
    pub drain: Duration,
    /// What it lets run, whoever asks.
    pub policy: Policy,
    /// Whose intents it takes, and who signs its events.
    pub trust: TrustConfig,
    /// Where the broker is, and who one is there.
    pub broker: BrokerArgs,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The policy file.
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    /// What is said about signatures.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

// === impl AgentArgs ===

impl AgentArgs {
    /// The configuration that these say.
    ///
    /// # Errors
    /// When a file that it names cannot be used.
    pub fn into_config(self) -> Result<AgentConfig, ConfigError> {
        Ok(AgentConfig {
            id: self.id,
            trust: self.trust.load(&self.state_dir)?,
            state_dir: self.state_dir,
            labels: self.labels.into_iter().collect(),
            max_concurrent: self.max_concurrent,
            kill_grace: Duration::from_secs_f64(self.kill_grace),
            drain: Duration::from_secs_f64(self.drain),
            policy: self.policy.load()?,
            broker: self.broker,
        })
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0 to 86400".to_owned()),
    }
}
