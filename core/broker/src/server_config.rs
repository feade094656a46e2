//! Receives who may connect and where the store is, gives the configuration file of a nats-server.

use std::fmt::Write as _;
use std::path::PathBuf;

use ogent_protocol::limits;

use crate::permissions::{self, Role};

/// A nats-server for Ogent: JetStream on, one account, one nkey a user, nothing else.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// What the server calls itself.
    pub server_name: String,
    /// `host:port`; port `-1` takes a free one.
    pub listen: String,
    /// `host:port` of the monitoring page, if it should have one.
    pub monitor: Option<String>,
    /// Where JetStream keeps its files.
    pub store_dir: PathBuf,
    /// Folder in which the server writes down the ports that it took.
    pub ports_file_dir: Option<PathBuf>,
    /// File in which the server writes down its process id.
    pub pid_file: Option<PathBuf>,
    /// When an acknowledged message is safe from a power cut.
    pub sync: SyncInterval,
    /// Who may connect: role and public nkey.
    pub users: Vec<(Role, String)>,
}

/// When JetStream brings what it has acknowledged to the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SyncInterval {
    /// Before it acknowledges: "recorded before run" then survives a power cut.
    #[default]
    Always,
    /// Every so often, as NATS writes it (`2m`): quicker, and a power cut loses up to that much.
    Every(String),
}

/// Why a text is not a [`SyncInterval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 'always' or a time such as 10s or 2m")]
pub struct InvalidSync;

impl std::str::FromStr for SyncInterval {
    type Err = InvalidSync;

    fn from_str(text: &str) -> Result<Self, InvalidSync> {
        if text == "always" {
            return Ok(Self::Always);
        }
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let is_time = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if is_time && matches!(unit, "ms" | "s" | "m" | "h") {
            Ok(Self::Every(text.to_owned()))
        } else {
            Err(InvalidSync)
        }
    }
}

// === impl ServerConfig ===

impl ServerConfig {
    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::from("# Written by ogent; changes are lost when it is written again.\n\n");
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key}: {value}");
        };
        line("server_name", &quote(&self.server_name));
        line("listen", &quote(&self.listen));
        if let Some(monitor) = &self.monitor {
            line("http", &quote(monitor));
        }
        if let Some(path) = &self.ports_file_dir {
            line("ports_file_dir", &quote(&path.to_string_lossy()));
        }
        if let Some(path) = &self.pid_file {
            line("pid_file", &quote(&path.to_string_lossy()));
        }
        line("max_payload", &limits::MAX_PAYLOAD_BYTES.to_string());
        // A client that reads too slowly is cut off before it costs the broker more than this.
        line("max_pending", "64MB");
        line("write_deadline", &quote("10s"));
        self.render_jetstream(&mut text);
        self.render_accounts(&mut text);
        text
    }

    fn render_jetstream(&self, text: &mut String) {
        let sync = match &self.sync {
            SyncInterval::Always => "always",
            SyncInterval::Every(time) => time,
        };
        let _ = writeln!(text, "\njetstream: {{");
        let _ = writeln!(text, "  store_dir: {}", quote(&self.store_dir.to_string_lossy()));
        let _ = writeln!(text, "  # Before a message is acknowledged: \"recorded before run\" survives a power cut.");
        let _ = writeln!(text, "  sync_interval: {}", quote(sync));
        let _ = writeln!(text, "  max_memory_store: 64MB\n  max_file_store: 16GB\n}}");
    }

    fn render_accounts(&self, text: &mut String) {
        let _ = writeln!(text, "\nsystem_account: SYS\naccounts: {{\n  SYS: {{}}\n  OGENT: {{\n    jetstream: enabled");
        let _ = writeln!(text, "    users: [");
        for (role, key) in &self.users {
            let permissions = permissions::of(role);
            let _ = writeln!(text, "      {{\n        # {}", describe(role));
            let _ = writeln!(text, "        nkey: {key}\n        permissions: {{");
            let _ = writeln!(text, "          publish: {{allow: [{}]}}", list(&permissions.publish));
            let _ = writeln!(text, "          subscribe: {{allow: [{}]}}", list(&permissions.subscribe));
            let _ = writeln!(text, "        }}\n      }}");
        }
        let _ = writeln!(text, "    ]\n  }}\n}}");
    }
}

fn describe(role: &Role) -> String {
    match role {
        Role::Setup => "setup: makes the streams and buckets".to_owned(),
        Role::Gateway => "gateway".to_owned(),
        Role::Analyst => "analyst".to_owned(),
        Role::Agent(id) => format!("agent {id}"),
        Role::Operator => "operator: a person with the nats command line".to_owned(),
    }
}

fn list(subjects: &[String]) -> String {
    subjects.iter().map(|subject| quote(subject)).collect::<Vec<_>>().join(", ")
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_intervals_parse() {
        assert_eq!("always".parse(), Ok(SyncInterval::Always));
        assert_eq!("2m".parse(), Ok(SyncInterval::Every("2m".into())));
        for bad in ["", "m", "2", "2 m", "-1s", "2x", "always}"] {
            assert_eq!(bad.parse::<SyncInterval>(), Err(InvalidSync), "{bad}");
        }
    }
}
