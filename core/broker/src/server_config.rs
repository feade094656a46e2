//! Receives who vouches for those who connect and where the store is, gives the configuration file of a nats-server.

use std::fmt::Write as _;
use std::path::PathBuf;

use ogent_protocol::limits;

use crate::credentials::PublicKey;

/// A nats-server for Ogent: JetStream on, everybody known by a token that the operator's keys vouch for.
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
    /// Who vouches for those who connect.
    pub identities: Identities,
    /// TLS from the first byte on, where there are certificates.
    pub tls: Option<TlsPaths>,
}

/// Who vouches for those who connect. No secret is in it.
#[derive(Debug, Clone)]
pub struct Identities {
    /// The operator's token.
    pub operator: String,
    /// Which of the accounts is the broker's own.
    pub system_account: PublicKey,
    /// Identity and token of each account. A later token that the broker has been sent counts instead.
    pub accounts: Vec<(PublicKey, String)>,
    /// Where the broker keeps what tokens of accounts it is sent.
    pub resolver_dir: PathBuf,
}

/// Files with which a broker proves who it is. After `SIGHUP` it reads them again.
#[derive(Debug, Clone)]
pub struct TlsPaths {
    /// Its certificate, and those between it and its CA.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
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

impl std::fmt::Display for SyncInterval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::Every(time) => time,
        })
    }
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
        self.render_tls(&mut text);
        self.render_jetstream(&mut text);
        self.identities.render(&mut text);
        text
    }

    fn render_jetstream(&self, text: &mut String) {
        let _ = writeln!(text, "\njetstream: {{");
        let _ = writeln!(text, "  store_dir: {}", quote(&self.store_dir.to_string_lossy()));
        let _ = writeln!(text, "  # Before a message is acknowledged: \"recorded before run\" survives a power cut.");
        let _ = writeln!(text, "  sync_interval: {}", quote(&self.sync.to_string()));
        let _ = writeln!(text, "  max_memory_store: 64MB\n  max_file_store: 16GB\n}}");
    }

    fn render_tls(&self, text: &mut String) {
        let Some(tls) = &self.tls else { return };
        let _ = writeln!(text, "\ntls: {{\n  # Not one byte in the clear.\n  handshake_first: true");
        let _ = writeln!(text, "  cert_file: {}", quote(&tls.certificate.to_string_lossy()));
        let _ = writeln!(text, "  key_file: {}", quote(&tls.key.to_string_lossy()));
        let _ = writeln!(text, "  min_version: \"1.2\"\n}}");
    }
}

// === impl Identities ===

impl Identities {
    fn render(&self, text: &mut String) {
        let _ = writeln!(text, "\noperator: {}\nsystem_account: {}", self.operator, self.system_account);
        let _ = writeln!(text, "\nresolver: {{\n  type: full\n  dir: {}", quote(&self.resolver_dir.to_string_lossy()));
        let _ = writeln!(text, "  # Accounts change, they do not go.\n  allow_delete: false\n  interval: \"2m\"\n}}");
        let _ = writeln!(text, "\nresolver_preload: {{");
        for (account, token) in &self.accounts {
            let _ = writeln!(text, "  {account}: {token}");
        }
        let _ = writeln!(text, "}}");
    }
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
