//! `ogent deny`: says no to a command that waits for its approval.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use ogent_protocol::CommandId;
use ogent_protocol::rest::DenyRequest;

use super::Context;

const EXAMPLES: &str = "\
Examples:
  ogent deny 0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e --reason 'not before the backup'

The one who asked is told the reason, and the history keeps it. `ogent approvals` lists what waits.";

/// What `ogent deny` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DenyArgs {
    /// The command (see `ogent approvals`)
    #[arg(value_name = "ID")]
    id: CommandId,

    /// Why, for the history and for the one who asked
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

/// Denies it.
///
/// # Errors
/// When it does not wait, or the gateway refuses.
pub async fn run(args: DenyArgs, context: &Context) -> anyhow::Result<()> {
    let request = DenyRequest { reason: Some(args.reason) };
    let command = context.client()?.deny(&args.id, &request).await?;
    context.out.say(&format!("denied; it will not run on {}", command.agent_id));
    Ok(())
}
