//! `ogent hash-password`: receives a name, roles and a password, gives the line by which that person may log in.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::commands::login;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  ogent hash-password alice operator >> .ogent/users
  ogent hash-password bob viewer approver --password-file /run/secrets/bob

viewer sees agents and commands; operator runs and cancels commands as well; approver approves and denies commands of \
others; admin does everything. Nobody approves a command of their own, so two people are needed.

`ogent up` reads the file `users` in its data folder when it starts; a gateway the one that OGENT_USERS_FILE names.";

/// What `ogent hash-password` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HashPasswordArgs {
    /// Name of the user
    name: String,

    /// What the user may be: viewer, operator, approver, admin
    #[arg(required = true, value_name = "ROLE")]
    roles: Vec<String>,

    /// File with the password; without it you are asked for it, or it is read from stdin where that is no terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Prints the line.
///
/// # Errors
/// When the name, a role or the password cannot be used.
pub(crate) fn run(args: &HashPasswordArgs, out: &Output) -> anyhow::Result<()> {
    let ask = || login::password(args.password_file.as_deref(), &args.name);
    let password = ask()?;
    if args.password_file.is_none() && io::stdin().is_terminal() {
        ensure!(ask()?.expose() == password.expose(), "these are two passwords");
    }
    let roles: Vec<&str> = args.roles.iter().map(String::as_str).collect();
    let line = ogent_gateway::user_line(&args.name, &roles, &password)?;
    out.data(&format!("{line}\n"))?;
    Ok(())
}
