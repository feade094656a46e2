//! `ogent approvals`: shows which commands wait for somebody's approval, newest first.

use clap::Args;
use jiff::Timestamp;
use ogent_protocol::rest::{ApprovalState, CommandView};

use super::Context;
use crate::client::ApprovalsQuery;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

/// Commands on one page that is asked for: the most that a gateway gives.
const PAGE: usize = 200;

const EXAMPLES: &str = "\
Examples:
  ogent approvals
  ogent approvals --all -n 100
  ogent approvals -o json | jq -r '.[].id'

`ogent approve ID` shows one of them whole, and lets it run; `ogent deny ID --reason TEXT` does not.";

/// What `ogent approvals` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ApprovalsArgs {
    /// Also those that were decided, or not in time
    #[arg(long)]
    all: bool,

    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,

    #[command(flatten)]
    output: FormatArgs,
}

/// Shows what waits.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: ApprovalsArgs, context: &Context) -> anyhow::Result<()> {
    let Context { out, .. } = context;
    let client = context.client()?;
    let mut query = ApprovalsQuery { all: args.all, ..ApprovalsQuery::default() };
    let mut commands: Vec<CommandView> = Vec::new();
    let mut has_more = true;
    while has_more && commands.len() < args.limit {
        query.limit = (args.limit - commands.len()).min(PAGE);
        let page = client.approvals(&query).await?;
        commands.extend(page.approvals);
        query.cursor = page.next_cursor;
        has_more = query.cursor.is_some();
    }
    let is_relative = out.is_terminal();
    out.list(args.output.format, &commands, || overview(&commands, Timestamp::now(), is_relative))?;
    if commands.is_empty() {
        out.say(if args.all { "no command has needed an approval yet" } else { "no command waits for an approval" });
    } else if has_more {
        out.hint_to_person(&format!("these are the newest {}; see more with --limit", args.limit));
    }
    Ok(())
}

fn overview(commands: &[CommandView], now: Timestamp, is_relative: bool) -> Table {
    let (age, until) = if is_relative { ("AGE", "LEFT") } else { ("CREATED", "EXPIRES") };
    let mut table = Table::new(["ID", "AGENT", "STATE", "RISK", "ASKED BY", "DECIDED BY", age, until, "COMMAND"]);
    for command in commands {
        let created = command.created_at;
        table.row([
            command.id.as_str().into(),
            command.agent_id.as_str().into(),
            state(command).into(),
            command.risk.map_or_else(|| Cell::from("-"), Cell::from),
            Cell::or_dash(command.requested_by.as_deref()),
            Cell::or_dash(command.approval.as_ref().and_then(|approval| approval.by.as_deref())),
            if is_relative { humane::age(created, now) } else { humane::moment(created) }.into(),
            Cell::or_dash(until_when(command, now, is_relative)),
            command.command.as_str().into(),
        ]);
    }
    table
}

fn state(command: &CommandView) -> &'static str {
    match command.approval.as_ref().map(|approval| approval.state) {
        Some(ApprovalState::Awaiting) => "waits",
        Some(ApprovalState::Approved) => "approved",
        Some(ApprovalState::Denied) => "denied",
        Some(ApprovalState::Expired) => "expired",
        Some(ApprovalState::Withdrawn) => "withdrawn",
        Some(ApprovalState::Blocked) => "blocked",
        Some(ApprovalState::Other) | None => "-",
    }
}

/// How long somebody can still decide about it.
fn until_when(command: &CommandView, now: Timestamp, is_relative: bool) -> Option<String> {
    let approval = command.approval.as_ref().filter(|approval| approval.state == ApprovalState::Awaiting)?;
    let end = approval.expires_at?;
    // An age, the other way round.
    Some(if is_relative { humane::age(now, end) } else { humane::moment(end) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::history;
    use crate::output::table::Look;
    use serde_json::json;

    #[test]
    fn what_waits_is_listed() {
        let end = "2026-05-01T08:25:00Z";
        let commands = [
            history::tests::command(&json!({
                "status": "awaiting_approval", "risk": "high", "approval": {"state": "awaiting", "expires_at": end}
            })),
            history::tests::command(&json!({
                "id": "c2", "status": "denied", "risk": "high", "command": "rm\u{202e}",
                "approval": {"state": "denied", "by": "bob", "expires_at": end}
            })),
        ];
        let now = "2026-05-01T08:00:00Z".parse().unwrap();
        assert_eq!(
            overview(&commands, now, true).render(Look { width: None, has_color: false }),
            "ID  AGENT  STATE   RISK  ASKED BY  DECIDED BY  AGE  LEFT  COMMAND\n\
             c1  web-1  waits   high  admin     -           3m   25m   uptime\n\
             c2  web-1  denied  high  admin     bob         3m   -     rm\\u{202e}\n"
        );
    }
}
