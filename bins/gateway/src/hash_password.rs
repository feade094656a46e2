//! Receives who shall log in from the command line, and the password from standard input, gives the line for the users
//! file to standard output.

use std::io::{Read as _, Write};
use std::process::ExitCode;

use ogent_runtime::Secret;

use crate::auth::user_line;

/// Longer ones are refused anyway.
const MAX_BYTES: u64 = 4096;

/// Who shall log in.
#[derive(Debug, Clone, clap::Args)]
pub struct HashPasswordArgs {
    /// Name of the user
    pub name: String,
    /// What the user may be: viewer, operator, approver, admin
    #[arg(required = true)]
    pub roles: Vec<String>,
}

/// Prints the line, or what is wrong.
#[must_use]
pub fn run(args: &HashPasswordArgs) -> ExitCode {
    let (text, mut to, code): (_, Box<dyn Write>, _) = match line(args) {
        Ok(line) => (line, Box::new(std::io::stdout()), ExitCode::SUCCESS),
        Err(error) => (format!("error: {error}"), Box::new(std::io::stderr()), ExitCode::FAILURE),
    };
    if writeln!(to, "{text}").is_err() { ExitCode::FAILURE } else { code }
}

fn line(args: &HashPasswordArgs) -> Result<String, String> {
    let read = std::io::read_to_string(std::io::stdin().take(MAX_BYTES)).map_err(|error| error.to_string())?;
    let password = Secret::new(read.trim_end_matches(['\r', '\n']).to_owned());
    let roles: Vec<&str> = args.roles.iter().map(String::as_str).collect();
    user_line(&args.name, &roles, &password).map_err(|error| error.to_string())
}
