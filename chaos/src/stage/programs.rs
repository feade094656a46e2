//! Finds the programs under test, and says which versions they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `nats-server`.
    pub nats_server: PathBuf,
    /// `ogent-agent`.
    pub agent: PathBuf,
    /// `ogent-gateway`.
    pub gateway: PathBuf,
    /// `ogent-witness`, which every command runs.
    pub witness: PathBuf,
    /// `ogent-chaos`, for the guard; a run from a test may be without it.
    pub chaos: Option<PathBuf>,
}

// === impl Programs ===

impl Programs {
    /// The programs beside this one (a test's own program is one folder deeper).
    ///
    /// # Errors
    /// Names the first one that is not there.
    pub fn beside_this() -> anyhow::Result<Self> {
        let this = std::env::current_exe().context("this program does not know where it is")?;
        let mut folders = this.ancestors().skip(1).take(2);
        let Some(folder) = folders.find(|folder| folder.join("ogent-agent").is_file()) else {
            bail!("there is no ogent-agent beside {}: use `make chaos`", this.display());
        };
        Self::in_folder(folder)
    }

    /// The programs in this folder.
    ///
    /// # Errors
    /// Names the first one that is not there.
    pub fn in_folder(folder: &Path) -> anyhow::Result<Self> {
        let find = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { bail!("there is no {}: use `make chaos`", path.display()) }
        };
        Ok(Self {
            nats_server: ogent_testkit::nats_server(),
            agent: find("ogent-agent")?,
            gateway: find("ogent-gateway")?,
            witness: find("ogent-witness")?,
            chaos: find("ogent-chaos").ok(),
        })
    }

    /// Name and version of everything that takes part.
    #[must_use]
    pub fn versions(&self) -> Vec<(String, String)> {
        let mut versions: Vec<(String, String)> =
            [("nats-server", &self.nats_server), ("ogent-agent", &self.agent), ("ogent-gateway", &self.gateway)]
                .into_iter()
                .map(|(name, path)| (name.to_owned(), version(path)))
                .collect();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        versions.push(("kernel".to_owned(), kernel.trim().to_owned()));
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        versions.push(("build".to_owned(), build.to_owned()));
        versions
    }
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().last().unwrap_or("?").to_owned()
}
