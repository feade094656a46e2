//! What is measured: one `ogent up` of the release build, from whose inside this program runs.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::memory;

/// A running Ogent.
pub struct Stage {
    /// The gateway.
    pub url: String,
    /// An admin's token.
    pub token: String,
    /// The agent's id.
    pub agent: String,
    /// The broker.
    pub nats_url: String,
    /// What a person connects with.
    pub creds: PathBuf,
}

// === impl Stage ===

impl Stage {
    /// What `ogent up -- …` says in the environment; `None` outside of it.
    pub fn from_env() -> Option<Self> {
        Some(Self {
            url: env::var("OGENT_URL").ok()?,
            token: env::var("OGENT_TOKEN").ok()?,
            agent: env::var("OGENT_AGENT").unwrap_or_default(),
            nats_url: env::var("NATS_URL").ok()?,
            creds: env::var_os("NATS_CREDS")?.into(),
        })
    }

    /// Memory of gateway, broker and agent in MiB. The gateway is a task of `ogent up` itself.
    pub fn memory(&self) -> [(&'static str, f64); 3] {
        let up = std::os::unix::process::parent_id();
        let children = memory::children(up);
        let of = |word: &str| {
            children
                .iter()
                .find(|(_, line)| line.contains(word))
                .and_then(|(pid, _)| memory::pss(*pid))
                .unwrap_or(f64::NAN)
        };
        [
            ("gateway (with ogent up)", memory::pss(up).unwrap_or(f64::NAN)),
            ("broker", of("nats.conf")),
            ("agent", of("run-agent")),
        ]
    }

    /// Memory of an `ogent-agent` that runs on its own, after it has run some commands, in MiB.
    pub async fn lone_agent_memory(&self) -> f64 {
        // Made for the agent that `ogent up` would have started.
        let files = std::fs::read_dir(self.creds.parent().unwrap()).unwrap().flatten();
        let mut named = files.filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            Some((file.path(), name.strip_prefix("agent-")?.strip_suffix(".creds")?.to_owned()))
        });
        let (creds, id) = named.next().unwrap();
        let state = tempfile::TempDir::new().unwrap();
        let args = ["--nats-creds".as_ref(), creds.as_os_str(), "--state-dir".as_ref(), state.path().as_os_str()];
        let program = beside("ogent-agent");
        let mut agent = Command::new(&program).arg("run").args(["--id", &id]).args(args).stderr(Stdio::null()).spawn().unwrap();
        let stage = Self { agent: id, ..self.copy() };
        let wire = crate::wire::Wire::connect(&stage).await;
        // The first request may come before the agent listens; nobody answers it then.
        tokio::time::sleep(Duration::from_secs(1)).await;
        wire.requesting_rate(200, 8).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let found = memory::pss(agent.id()).unwrap_or(f64::NAN);
        let _ = agent.kill();
        let _ = agent.wait();
        found
    }

    fn copy(&self) -> Self {
        Self {
            url: self.url.clone(),
            token: self.token.clone(),
            agent: self.agent.clone(),
            nats_url: self.nats_url.clone(),
            creds: self.creds.clone(),
        }
    }
}

/// Runs this program again inside `ogent up`, with more arguments for both.
pub fn run_inside(up: &[&str], own: &[String]) -> std::process::ExitStatus {
    Command::new(beside("ogent"))
        .args(["up", "--ephemeral", "--random-ports"])
        .args(up)
        .arg("--")
        .arg(env::current_exe().unwrap())
        .args(own)
        .status()
        .unwrap()
}

/// Another program of this build.
fn beside(name: &str) -> PathBuf {
    env::current_exe().unwrap().with_file_name(name)
}
