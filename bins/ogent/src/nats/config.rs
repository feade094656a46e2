//! `ogent nats config`: receives where a nats-server should listen and which agents there are, gives its
//! configuration and one key for each part.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use ogent_broker::keys::KeyPair;
use ogent_broker::permissions::Role;
use ogent_broker::server_config::{ServerConfig, SyncInterval};
use ogent_protocol::AgentId;

use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  ogent nats config --out ./nats-config --agent web-1 --agent db-1
  ogent nats config --out /etc/ogent --agent web-1 --listen 0.0.0.0:4222

Run it again with all agents to add some: keys that are there are kept.
Then restart the server.";

/// What `ogent nats config` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConfigArgs {
    /// Folder for nats.conf and the keys
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Agent that may connect; give it several times for several
    #[arg(long = "agent", value_name = "ID")]
    agents: Vec<AgentId>,
    /// Address and port of the server
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4222")]
    listen: String,
    /// Address and port of the server's health and statistics page
    #[arg(long, value_name = "HOST:PORT")]
    monitor: Option<String>,
    /// Folder in which the server keeps its data
    #[arg(long, value_name = "DIR", default_value = "/var/lib/nats")]
    store_dir: PathBuf,
    /// When acknowledged messages reach the disk: `always`, or every so often (`2m`)
    #[arg(long, value_name = "TIME", default_value = "always")]
    sync: SyncInterval,
}

/// Writes the files and says what to do with them.
pub(super) fn run(args: ConfigArgs, out: &Output) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.out)
        .with_context(|| format!("{} cannot be made", args.out.display()))?;
    let roles = [Role::Setup, Role::Gateway, Role::Analyst, Role::Operator];
    let roles = roles.into_iter().chain(args.agents.into_iter().map(Role::Agent));
    let mut users = Vec::new();
    for role in roles {
        let path = args.out.join(key_file(&role));
        let key = KeyPair::load_or_create(&path).with_context(|| format!("{} cannot be used", path.display()))?;
        out.say(&format!("{}", path.display()));
        users.push((role, key.public()));
    }
    let config = ServerConfig {
        server_name: "ogent".to_owned(),
        listen: args.listen,
        monitor: args.monitor,
        store_dir: args.store_dir,
        ports_file_dir: None,
        pid_file: None,
        sync: args.sync,
        users,
    };
    let path = args.out.join("nats.conf");
    write_private(&path, &config.render()).with_context(|| format!("{} cannot be written", path.display()))?;
    out.data(&format!("{}\n", path.display()))?;
    out.hint(&format!("start it with: nats-server -c {}", path.display()));
    out.hint("then make the streams, once, with: ogent setup --nats-nkey <the folder>/setup.nk");
    Ok(())
}

fn key_file(role: &Role) -> String {
    match role {
        Role::Setup => "setup.nk".to_owned(),
        Role::Gateway => "gateway.nk".to_owned(),
        Role::Analyst => "analyst.nk".to_owned(),
        Role::Operator => "operator.nk".to_owned(),
        Role::Agent(id) => format!("agent-{id}.nk"),
    }
}

/// Replaces the file in one step: a server that reads it meanwhile sees the old one or the new one.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("conf.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ColorChoice;

    #[test]
    fn keys_are_kept_when_agents_are_added() {
        let dir = tempfile::tempdir().unwrap();
        let config = |agents: &[&str]| {
            let args = ConfigArgs {
                out: dir.path().to_owned(),
                agents: agents.iter().map(|id| id.parse().unwrap()).collect(),
                listen: "127.0.0.1:4222".to_owned(),
                monitor: None,
                store_dir: "/data".into(),
                sync: SyncInterval::Always,
            };
            run(args, &Output::new(ColorChoice::Never)).unwrap();
            fs::read_to_string(dir.path().join("nats.conf")).unwrap()
        };
        let keys = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.contains("nkey:")).map(|line| line.trim().to_owned()).collect()
        };
        let (before, after) = (keys(&config(&["web-1"])), keys(&config(&["web-1", "web-2"])));
        assert_eq!((before.len(), after.len()), (5, 6));
        assert!(before.iter().all(|key| after.contains(key)));
        assert!(dir.path().join("agent-web-2.nk").exists());
    }
}
