//! `ogent show`: shows everything that the history has of one command, but for its output.

use clap::Args;
use ogent_protocol::CommandId;
use ogent_protocol::rest::CommandView;

use super::{Context, history};
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

const EXAMPLES: &str = "\
Examples:
  ogent show 0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e
  ogent show ID -o yaml

`ogent logs ID` shows what the command printed.";

/// What `ogent show` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// The command (see `ogent history`)
    #[arg(value_name = "ID")]
    id: CommandId,

    #[command(flatten)]
    output: FormatArgs,
}

/// Shows a command.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: ShowArgs, context: &Context) -> anyhow::Result<()> {
    let command = context.client()?.command(&args.id).await?;
    context.out.one(args.output.format, &command, || details(&command))?;
    Ok(())
}

fn details(command: &CommandView) -> Table {
    let mut table = Table::default();
    table.field("id", command.id.as_str());
    table.field("agent", command.agent_id.as_str());
    table.field("status", command.status);
    table.optional_field("exit", history::exit(command));
    table.optional_field("message", command.message.as_deref().map(Cell::lines));
    table.field("command", Cell::lines(&command.command));
    table.field("shell", if command.argv.is_some() { "no" } else { "yes" });
    table.field("target", command.execution_target.to_string());
    table.optional_field("folder", command.cwd.as_deref());
    table.optional_field("user", command.user.as_deref());
    table.optional_field("asked by", command.requested_by.as_deref());
    table.optional_field("reason", command.reason.as_deref().map(Cell::lines));
    if command.cancel_requested {
        table.field("cancel", "was asked for");
    }
    add_times(&mut table, command);
    add_sizes(&mut table, command);
    table
}

fn add_times(table: &mut Table, command: &CommandView) {
    table.field("created", humane::moment(command.created_at));
    table.optional_field("started", command.started_at.map(humane::moment));
    table.optional_field("finished", command.finished_at.map(humane::moment));
    table.optional_field("took", history::took(command));
    table.field("timeout", seconds(command.timeout_s));
    if !command.status.is_final() {
        table.optional_field("not after", command.not_after.map(humane::moment));
    }
}

fn add_sizes(table: &mut Table, command: &CommandView) {
    table.optional_field("stdout", command.stdout_bytes.map(humane::size));
    table.optional_field("stderr", command.stderr_bytes.map(humane::size));
    table.optional_field("not kept", command.cut_bytes.filter(|cut| *cut > 0).map(humane::size));
}

fn seconds(seconds: f64) -> String {
    std::time::Duration::try_from_secs_f64(seconds).map_or_else(|_| seconds.to_string(), humane::duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::Look;
    use serde_json::json;

    #[test]
    fn a_command_is_shown_in_full() {
        let command = history::tests::command(&json!({
            "status": "timed_out", "signal": 15, "duration_ms": 2003.0, "command": "sleep 9\necho \u{1b}[1m",
            "timeout_s": 2.0, "message": "it ran longer than 2 s", "stdout_bytes": 3_000_000, "cut_bytes": 0
        }));
        let text = details(&command).render(Look { width: None, has_color: false });
        for line in [
            "status    timed_out\n",
            "exit      signal 15\n",
            "command   sleep 9\n          echo ^[[1m\n",
            "timeout   2.0s\n",
            "stdout    2.8 MiB\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
        assert!(!text.contains("not kept") && !text.contains("folder"), "{text}");
    }
}
