//! `ogent-agent`: runs commands on this machine.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ogent_agent::{AgentArgs, Identity, JoinArgs, launch};

/// Runs commands on this machine, as NATS brings them
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connect and run commands until stopped
    Run(AgentArgs),
    /// Become an agent of an installation, by an invitation from 'ogent agents invite'
    Join(JoinArgs),
    /// Print the id and the public key of this agent; makes the key if there is none
    Id(AgentArgs),
    /// Become another program
    #[command(hide = true)]
    Launch(launch::LaunchArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Launch(args) => launch::become_program(&args),
        Command::Join(args) => done(ogent_agent::join_process(args)),
        Command::Id(args) => done(print_id(args)),
        Command::Run(args) => done(ogent_agent::run_process(args)),
    }
}

fn print_id(args: AgentArgs) -> anyhow::Result<()> {
    let identity = Identity::establish(&args.into_config()?)?;
    let key = identity.public_key.unwrap_or_default();
    Ok(std::io::Write::write_all(&mut std::io::stdout(), format!("{} {key}\n", identity.id).as_bytes())?)
}

fn done(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {error:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}
