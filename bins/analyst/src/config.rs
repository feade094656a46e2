//! Receives flags and the environment from `main` or `ogent up`, gives a checked configuration to `app`.
//!
//! Without a model's address there is no model, and the analyst answers with the rules alone. A key in the environment
//! is no such address: commands are sent to nobody whom the configuration does not name.

use std::fmt;
use std::time::Duration;

use ogent_broker::permissions::Role;
use ogent_broker::{BrokerArgs, ConnectOptions};
use ogent_runtime::{Secret, secret_from_env};
use reqwest::Url;

/// The name under which the analyst connects to the broker.
const CONNECTION_NAME: &str = "ogent-analyst";

/// What the analyst is started with. The values are checked together, by [`AnalystArgs::into_config`].
#[derive(Debug, Clone, clap::Args)]
pub struct AnalystArgs {
    /// How the analyst reaches its broker
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// Which model explains verdicts
    #[command(flatten)]
    pub advisor: AdvisorArgs,
}

/// Which language model explains verdicts, if one does.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "A language model that explains verdicts and may raise them")]
pub struct AdvisorArgs {
    /// Address of an Ollama server, like http://127.0.0.1:11434; without any, the rules judge alone
    #[arg(long, value_name = "URL", env = "OLLAMA_URL", hide_env_values = true)]
    pub ollama_url: Option<String>,
    /// Model that Ollama should use
    #[arg(long, value_name = "NAME", env = "OLLAMA_MODEL", default_value = "qwen2.5-coder:3b")]
    pub ollama_model: String,
    /// Instead: address of a server that speaks OpenAI's protocol; its key is read from OPENAI_API_KEY or OPENAI_API_KEY_FILE
    #[arg(long, value_name = "URL", env = "OPENAI_BASE_URL", hide_env_values = true)]
    pub openai_base_url: Option<String>,
    /// Model that this server should use
    #[arg(long, value_name = "NAME", env = "OPENAI_MODEL")]
    pub openai_model: Option<String>,
    /// Seconds after which a model's answer comes too late
    #[arg(long, value_name = "SECONDS", env = "OGENT_ADVISOR_DEADLINE", default_value = "60")]
    pub advisor_deadline: String,
}

/// What the analyst needs to know.
#[derive(Debug, Clone)]
pub struct AnalystConfig {
    /// How to reach the broker.
    pub broker: ConnectOptions,
    /// The model, if there is one.
    pub advisor: Option<AdvisorConfig>,
}

/// A language model.
#[derive(Debug, Clone)]
pub struct AdvisorConfig {
    /// How its server is spoken to.
    pub protocol: Protocol,
    /// Where that is.
    pub url: Url,
    /// Its name there.
    pub model: String,
    /// What to log in with, if that is needed.
    pub key: Option<Secret>,
    /// When an answer comes too late.
    pub deadline: Duration,
}

/// How a model's server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Ollama's own, `/api/chat`.
    Ollama,
    /// OpenAI's, `/v1/chat/completions`.
    OpenAi,
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

// === impl AnalystArgs ===

impl AnalystArgs {
    /// Checks everything, and reads the key of the model's server.
    ///
    /// # Errors
    /// Names every mistake.
    pub fn into_config(self) -> Result<AnalystConfig, ConfigError> {
        let advisor = self.advisor.into_config()?;
        let broker = self.broker.into_options(CONNECTION_NAME, &Role::Analyst);
        Ok(AnalystConfig { broker, advisor })
    }
}

// === impl AdvisorArgs ===

impl AdvisorArgs {
    /// Checks everything, and reads the key of the model's server.
    ///
    /// # Errors
    /// Names every mistake.
    pub fn into_config(self) -> Result<Option<AdvisorConfig>, ConfigError> {
        let mut check = Check::default();
        let deadline = check.take(parse_seconds(&self.advisor_deadline));
        // An empty variable counts as unset, as everywhere.
        let set = |text: Option<String>| text.filter(|text| !text.is_empty());
        let address = match (set(self.ollama_url), set(self.openai_base_url)) {
            (Some(_), Some(_)) => check.take(Err("OLLAMA_URL and OPENAI_BASE_URL are both set; set one of them")),
            (Some(url), None) => {
                let url = check.take(parse_url("OLLAMA_URL", &url));
                let model = check.take(parse_model("OLLAMA_MODEL", Some(self.ollama_model)));
                url.zip(model).map(|(url, model)| (Protocol::Ollama, url, model, None))
            }
            (None, Some(url)) => {
                let url = check.take(parse_url("OPENAI_BASE_URL", &url));
                let model = check.take(parse_model("OPENAI_MODEL", set(self.openai_model)));
                let key = check.take(secret_from_env("OPENAI_API_KEY")).flatten();
                url.zip(model).map(|(url, model)| (Protocol::OpenAi, url, model, key))
            }
            (None, None) => None,
        };
        match (address, deadline) {
            _ if !check.mistakes.is_empty() => Err(ConfigError { mistakes: check.mistakes }),
            (Some((protocol, url, model, key)), Some(deadline)) => {
                Ok(Some(AdvisorConfig { protocol, url, model, key, deadline }))
            }
            _ => Ok(None),
        }
    }
}

// === impl ConfigError ===

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the analyst's configuration is not usable:")?;
        self.mistakes.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

impl std::error::Error for ConfigError {}

// === impl Check ===

impl Check {
    fn take<T, E: fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.mistakes.push(error.to_string())).ok()
    }
}

/// What is wrong is not shown: an address may hold a password.
fn parse_url(name: &str, text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| format!("{name} is not an address like http://127.0.0.1:11434"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("{name} must begin with http:// or https:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{name} must not hold a name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{name} must end with its path"));
    }
    Ok(url)
}

fn parse_model(name: &str, text: Option<String>) -> Result<String, String> {
    match text {
        Some(text) if !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control) => Ok(text),
        Some(_) => Err(format!("{name} is not the name of a model")),
        None => Err(format!("{name} is not set; the server has to know which model it should use")),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (1.0..=600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("OGENT_ADVISOR_DEADLINE is {text:?}, but must be a number of seconds from 1 to 600")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(ollama: &str, openai: &str) -> AdvisorArgs {
        AdvisorArgs {
            ollama_url: Some(ollama.to_owned()),
            ollama_model: "qwen2.5-coder:3b".to_owned(),
            openai_base_url: Some(openai.to_owned()),
            openai_model: None,
            advisor_deadline: "60".to_owned(),
        }
    }

    #[test]
    fn without_an_address_there_is_no_model() {
        assert!(args("", "").into_config().unwrap().is_none());
        let ollama = args("http://127.0.0.1:11434", "").into_config().unwrap().unwrap();
        assert_eq!((ollama.protocol, ollama.model.as_str()), (Protocol::Ollama, "qwen2.5-coder:3b"));
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_no_password_is_shown() {
        let mut wrong = args("http://user:hunter2@host", "");
        wrong.ollama_model = String::new();
        wrong.advisor_deadline = "soon".to_owned();
        let text = wrong.into_config().unwrap_err().to_string();
        assert!(
            ["OLLAMA_URL", "OLLAMA_MODEL", "OGENT_ADVISOR_DEADLINE"].iter().all(|name| text.contains(name)),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        let text = args("", "http://h").into_config().unwrap_err().to_string();
        assert!(text.contains("OPENAI_MODEL is not set"), "{text}");
        assert!(args("http://h", "http://h").into_config().unwrap_err().to_string().contains("both set"));
    }

    #[test]
    fn an_address_is_a_web_address() {
        for good in ["http://localhost:11434", "https://models.example.org/ollama/", "http://[::1]:1"] {
            assert!(parse_url("X", good).is_ok(), "{good}");
        }
        for bad in ["localhost:11434", "ftp://h", "http://", "http://h?a=b", "http://h#a", "/api", "http://u@h"] {
            assert!(parse_url("X", bad).is_err(), "{bad}");
        }
    }
}
