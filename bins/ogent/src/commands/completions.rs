//! `ogent completions`: prints a script that lets a shell complete our command line.

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::output::{Output, WriteError};

const EXAMPLES: &str = "\
Examples:
  ogent completions bash > ~/.local/share/bash-completion/completions/ogent
  ogent completions zsh > ~/.zfunc/_ogent     # with fpath+=~/.zfunc before compinit
  ogent completions fish > ~/.config/fish/completions/ogent.fish";

/// What `ogent completions` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When it cannot be written.
pub fn run(args: &CompletionsArgs, out: &Output) -> Result<(), WriteError> {
    out.data(&script(args.shell))
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(), "ogent", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The command line without what only Ogent itself calls, which the scripts would offer as well.
fn visible() -> Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    Command::new("ogent").args(whole.get_arguments().cloned()).subcommands(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            assert!(script.contains("history"), "{shell}");
            assert!(!script.contains("run-agent") && !script.contains("run__agent"), "{shell}");
        }
    }
}
