//! Receives what `ogent init` is told, gives that and what it was told before.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ogent_broker::credentials::Layout;
use serde::{Deserialize, Serialize};

use super::InitArgs;

const FILE: &str = "settings.json";

/// What an installation is like. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    /// Names and addresses of the broker.
    pub(super) brokers: Vec<String>,
    /// Names and addresses of the gateway.
    pub(super) gateways: Vec<String>,
    /// Where the broker listens.
    pub(super) listen: String,
    /// Where its health page is.
    pub(super) monitor: Option<String>,
    /// Where it keeps its data.
    pub(super) store_dir: PathBuf,
    /// Where it has its certificate.
    pub(super) tls_dir: Option<PathBuf>,
    /// When acknowledged messages reach the disk.
    pub(super) sync: String,
    /// Whether there is TLS.
    pub(super) tls: bool,
    /// What the broker's certificate was issued for, and in which second.
    pub(super) broker_certificate: Option<Issued>,
    /// The same of the gateway.
    pub(super) gateway_certificate: Option<Issued>,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) hosts: Vec<String>,
    pub(super) at: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            gateways: Vec::new(),
            listen: "0.0.0.0:4222".to_owned(),
            monitor: None,
            store_dir: "/var/lib/ogent-broker".into(),
            tls_dir: None,
            sync: "always".to_owned(),
            tls: true,
            broker_certificate: None,
            gateway_certificate: None,
        }
    }
}

// === impl Settings ===

impl Settings {
    /// What an earlier run was told, or the defaults.
    pub(super) fn load(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} cannot be used", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// What is said now counts instead of what was said before.
    pub(super) fn take(&mut self, args: &InitArgs) {
        if !args.brokers.is_empty() {
            self.brokers.clone_from(&args.brokers);
        }
        if !args.gateways.is_empty() {
            self.gateways.clone_from(&args.gateways);
        }
        self.listen = args.listen.clone().unwrap_or_else(|| self.listen.clone());
        self.monitor = args.monitor.clone().or_else(|| self.monitor.clone());
        self.store_dir = args.store_dir.clone().unwrap_or_else(|| self.store_dir.clone());
        self.tls_dir = args.tls_dir.clone().or_else(|| self.tls_dir.clone());
        if let Some(sync) = &args.sync {
            self.sync = sync.to_string();
        }
        self.tls = self.tls && !args.no_tls;
    }

    /// Keeps it for the next run.
    pub(super) fn save(&self, layout: &mut Layout) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        Ok(layout.write(FILE, 0o644, text.as_bytes())?)
    }
}
