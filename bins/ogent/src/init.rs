//! `ogent init`: receives where broker and gateway will be, gives all files of an installation: keys, tokens, the
//! broker's configuration, and certificates.
//!
//! What is there is kept, so that it can be run again: to add somebody, or after an upgrade of Ogent.

mod certificates;
mod settings;
mod summary;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use ogent_broker::credentials::{Layout, SignerRole, layout};
use ogent_broker::permissions::Kind;
use ogent_broker::server_config::{ServerConfig, SyncInterval, TlsPaths};
use ogent_protocol::AgentId;

use self::settings::Settings;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  ogent init --out ./ogent-keys --broker broker.example.org --gateway ogent.example.org
  ogent init --out ./ogent-keys --person bob       add somebody; everything else stays
  ogent init --out ./dev --no-tls --listen 127.0.0.1:4222

What an earlier run has made is kept, and so is what it was told.";

/// What `ogent init` takes.
#[derive(Debug, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitArgs {
    /// Folder for all files
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Name or address by which others reach the broker; may be given more than once
    #[arg(long = "broker", value_name = "HOST")]
    pub(crate) brokers: Vec<String>,
    /// Name or address by which others reach the gateway; may be given more than once
    #[arg(long = "gateway", value_name = "HOST")]
    pub(crate) gateways: Vec<String>,
    /// Address and port that the broker listens on [default: 0.0.0.0:4222]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Address and port of the broker's health and statistics page
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) monitor: Option<String>,
    /// Folder in which the broker keeps its data [default: /var/lib/ogent-broker]
    #[arg(long, value_name = "DIR")]
    pub(crate) store_dir: Option<PathBuf>,
    /// Folder with broker.pem and broker-key.pem on the broker's machine [default: tls in the folder of all files]
    #[arg(long, value_name = "DIR")]
    pub(crate) tls_dir: Option<PathBuf>,
    /// When acknowledged messages reach the disk: `always`, or every so often (`2m`) [default: always]
    #[arg(long, value_name = "TIME")]
    pub(crate) sync: Option<SyncInterval>,
    /// Somebody who uses the broker directly, and signs commands; may be given more than once
    #[arg(long = "person", value_name = "NAME")]
    pub(crate) people: Vec<String>,
    /// Agent to make credentials for here, instead of inviting it; may be given more than once
    #[arg(long = "agent", value_name = "ID")]
    pub(crate) agents: Vec<AgentId>,
    /// No TLS: for one machine, or where something else in front of it does it
    #[arg(long)]
    pub(crate) no_tls: bool,
}

/// Makes what is missing and says what belongs where.
pub(crate) fn run(args: &InitArgs, out: &Output) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let mut settings = Settings::load(&args.out)?;
    settings.take(args);
    if settings.tls && settings.brokers.is_empty() {
        bail!(
            "--broker is missing: the name or address by which others reach the broker, which its certificate says \
             (or --no-tls)"
        );
    }
    let mut layout = Layout::open(&args.out, None, now)?;
    for person in &args.people {
        let name = person_name(person)?;
        layout.creds(Kind::Person, &name, now)?;
        layout.signer(SignerRole::Person, &name, now)?;
    }
    for agent in &args.agents {
        layout.agent(agent, None, now)?;
    }
    if settings.tls {
        certificates::make(&mut layout, &mut settings, now)?;
    }
    write_config(&mut layout, &settings)?;
    settings.save(&mut layout)?;
    summary::tell(&layout, &settings, args, out)
}

fn write_config(layout: &mut Layout, settings: &Settings) -> anyhow::Result<()> {
    // The file is read wherever the broker is started from.
    let here = std::path::absolute(layout.path(""))?;
    let tls_dir = settings.tls_dir.clone().unwrap_or_else(|| here.join("tls"));
    let config = ServerConfig {
        server_name: "ogent".to_owned(),
        listen: settings.listen.clone(),
        monitor: settings.monitor.clone(),
        identities: layout.identities(settings.store_dir.join("accounts"))?,
        store_dir: settings.store_dir.clone(),
        ports_file_dir: None,
        pid_file: None,
        sync: settings.sync.parse().context("settings.json has no valid \"sync\"")?,
        tls: settings
            .tls
            .then(|| TlsPaths { certificate: tls_dir.join("broker.pem"), key: tls_dir.join("broker-key.pem") }),
    };
    Ok(layout.write("nats.conf", 0o644, config.render().as_bytes())?)
}

/// Files are called by the names in them, and parts have files, too.
fn person_name(text: &str) -> anyhow::Result<ogent_broker::credentials::Name> {
    if Kind::ALL.iter().any(|kind| kind.name() == text) || text.starts_with("agent-") {
        bail!("'{text}' is what a part of Ogent is called: give the person another name");
    }
    Ok(layout::name(text)?)
}

#[cfg(test)]
mod tests;
