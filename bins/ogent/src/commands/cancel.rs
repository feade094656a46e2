//! `ogent cancel`: asks for a command to be ended.

use clap::Args;
use ogent_protocol::CommandId;

use super::Context;

const EXAMPLES: &str = "\
Examples:
  ogent cancel 0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e
  ogent cancel ID --reason 'wrong machine'

A command that runs gets TERM, and KILL a few seconds later; one that waits is not started. `ogent show ID` says what \
became of it.";

/// What `ogent cancel` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CancelArgs {
    /// The command (see `ogent history`)
    #[arg(value_name = "ID")]
    id: CommandId,

    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Asks for the end of a command, without waiting for it.
///
/// # Errors
/// When the gateway refuses, or does not answer.
pub async fn run(args: CancelArgs, context: &Context) -> anyhow::Result<()> {
    let command = context.client()?.cancel(&args.id, args.reason).await?;
    if command.status.is_final() {
        context.out.say(&format!("{} has already ended: {}", args.id, command.status));
        return Ok(());
    }
    context.out.say(&format!("asked to cancel {}", args.id));
    context.out.hint_to_person(&format!("see what became of it with: ogent show {}", args.id));
    Ok(())
}
