//! `ogent history`: shows which commands were run, newest first.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use ogent_protocol::rest::{ApprovalState, CommandView};
use ogent_protocol::{AgentId, CommandStatus};

use super::Context;
use crate::client::{Client, HistoryQuery};
use crate::output::Output;
use crate::output::format::{Format, FormatArgs};
use crate::output::humane;
use crate::output::table::{Cell, Table};

/// Commands on one page that is asked for: the most that a gateway gives.
const PAGE: usize = 200;

const EXAMPLES: &str = "\
Examples:
  ogent history
  ogent history --agent web-1 --status failed --since 24h
  ogent history --status awaiting_approval
  ogent history --user alice --since 2026-05-01T00:00:00Z --all -o jsonl";

/// What `ogent history` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HistoryArgs {
    /// Of this agent only
    #[arg(long, value_name = "ID")]
    agent: Option<AgentId>,

    /// With this status only
    #[arg(long, value_parser = status_parser())]
    status: Option<CommandStatus>,

    /// That this person asked for only
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Not older than this: how long ago (1h, 2d) or a time (2026-05-01T08:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = humane::parse_moment)]
    since: Option<Timestamp>,

    /// Not newer than this
    #[arg(long, value_name = "WHEN", value_parser = humane::parse_moment)]
    until: Option<Timestamp>,

    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,

    /// All there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,

    #[command(flatten)]
    output: FormatArgs,
}

fn status_parser() -> impl TypedValueParser<Value = CommandStatus> {
    let names = STATUSES.map(CommandStatus::as_str);
    PossibleValuesParser::new(names).try_map(|name| {
        STATUSES.into_iter().find(|status| status.as_str() == name).ok_or_else(|| format!("{name} is no status"))
    })
}

const STATUSES: [CommandStatus; 14] = [
    CommandStatus::AwaitingApproval,
    CommandStatus::Queued,
    CommandStatus::Accepted,
    CommandStatus::Running,
    CommandStatus::Succeeded,
    CommandStatus::Failed,
    CommandStatus::Signaled,
    CommandStatus::TimedOut,
    CommandStatus::Cancelled,
    CommandStatus::Rejected,
    CommandStatus::Denied,
    CommandStatus::Expired,
    CommandStatus::Unspawnable,
    CommandStatus::Lost,
];

/// Shows the history.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: HistoryArgs, context: &Context) -> anyhow::Result<()> {
    let Context { out, .. } = context;
    let client = context.client()?;
    let limit = if args.all { usize::MAX } else { args.limit };
    let query = HistoryQuery {
        agent: args.agent,
        status: args.status,
        user: args.user,
        since: args.since,
        until: args.until,
        ..HistoryQuery::default()
    };
    let format = args.output.format;
    let mut pages = Pages { client, query, left: limit, is_over: false };
    let mut commands = Vec::new();
    while let Some(page) = pages.next().await? {
        if format == Format::Jsonl {
            // One line for each does not have to wait for the last one.
            show(out, format, &page)?;
        }
        commands.extend(page);
    }
    if format != Format::Jsonl {
        show(out, format, &commands)?;
    }
    if commands.is_empty() {
        out.say("no commands found");
    } else if !pages.is_over {
        out.hint_to_person(&format!("these are the newest {limit}; see more with --limit or --all"));
    }
    Ok(())
}

fn show(out: &Output, format: Format, commands: &[CommandView]) -> anyhow::Result<()> {
    out.list(format, commands, || overview(commands, Timestamp::now(), out.is_terminal()))?;
    Ok(())
}

/// The history, page by page.
pub(super) struct Pages {
    pub(super) client: Client,
    pub(super) query: HistoryQuery,
    pub(super) left: usize,
    pub(super) is_over: bool,
}

// === impl Pages ===

impl Pages {
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<CommandView>>> {
        if self.left == 0 || self.is_over {
            return Ok(None);
        }
        self.query.limit = self.left.min(PAGE);
        let page = self.client.commands(&self.query).await?;
        self.left = self.left.saturating_sub(page.commands.len());
        // A page may be empty and not be the last one; the gateway looks through a part of the history at a time.
        self.is_over = page.next_cursor.is_none();
        self.query.cursor = page.next_cursor;
        Ok(Some(page.commands))
    }
}

fn overview(commands: &[CommandView], now: Timestamp, is_relative: bool) -> Table {
    let when = if is_relative { "AGE" } else { "CREATED" };
    let mut table = Table::new(["ID", "AGENT", "STATUS", "EXIT", "RISK", "BY", when, "TOOK", "COMMAND"]);
    for command in commands {
        let created = command.created_at;
        table.row([
            command.id.as_str().into(),
            command.agent_id.as_str().into(),
            command.status.into(),
            Cell::or_dash(exit(command)),
            risk(command),
            Cell::or_dash(command.requested_by.as_deref()),
            if is_relative { humane::age(created, now) } else { humane::moment(created) }.into(),
            Cell::or_dash(took(command)),
            command.command.as_str().into(),
        ]);
    }
    table
}

/// What the process ended with: its exit code, or the signal.
pub(super) fn exit(command: &CommandView) -> Option<String> {
    let signal = || command.signal.map(|signal| format!("signal {signal}"));
    command.exit_code.map(|code| code.to_string()).or_else(signal)
}

/// How bad it could have been, and what was decided about that where somebody had to.
pub(super) fn risk(command: &CommandView) -> Cell {
    let Some(risk) = command.risk else { return Cell::from("-") };
    let decision = match command.approval.as_ref().map(|approval| approval.state) {
        Some(ApprovalState::Approved) => "approved",
        Some(ApprovalState::Denied) => "denied",
        Some(ApprovalState::Blocked) => "blocked",
        // The status says it.
        None
        | Some(ApprovalState::Awaiting | ApprovalState::Expired | ApprovalState::Withdrawn | ApprovalState::Other) => {
            return Cell::from(risk);
        }
    };
    Cell::from(risk).with(&format!(", {decision}"))
}

/// How long the process ran.
pub(super) fn took(command: &CommandView) -> Option<String> {
    let took = Duration::try_from_secs_f64(command.duration_ms? / 1000.0).ok()?;
    Some(humane::duration(took))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::output::table::Look;
    use serde_json::{Value, json};

    pub(crate) fn command(more: &Value) -> CommandView {
        let mut command = json!({
            "id": "c1", "agent_id": "web-1", "status": "queued", "command": "uptime", "execution_target": "auto",
            "timeout_s": 3600.0, "requested_by": "admin", "created_at": "2026-05-01T07:57:00Z", "cancel_requested": false
        });
        for (name, value) in more.as_object().unwrap() {
            command[name] = value.clone();
        }
        serde_json::from_value(command).unwrap()
    }

    #[test]
    fn commands_are_listed() {
        let commands = [
            command(&json!({"status": "failed", "exit_code": 3, "duration_ms": 4260.0, "risk": "none"})),
            command(&json!({"id": "c2", "status": "signaled", "signal": 9, "command": "a\nb", "duration_ms": 0.7})),
            command(&json!({"id": "c3", "requested_by": null, "created_at": "2026-04-29T07:57:00Z"})),
            command(&json!({"id": "c4", "status": "rejected", "risk": "critical", "approval": {"state": "blocked"}})),
            command(
                &json!({"id": "c5", "status": "awaiting_approval", "risk": "high", "approval": {"state": "awaiting"}}),
            ),
        ];
        let table = overview(&commands, "2026-05-01T08:00:00Z".parse().unwrap(), true);
        assert_eq!(
            table.render(Look { width: None, has_color: false }),
            "ID  AGENT  STATUS             EXIT      RISK               BY     AGE  TOOK  COMMAND\n\
             c1  web-1  failed             3         none               admin  3m   4.2s  uptime\n\
             c2  web-1  signaled           signal 9  -                  admin  3m   0ms   a\\nb\n\
             c3  web-1  queued             -         -                  -      2d   -     uptime\n\
             c4  web-1  rejected           -         critical, blocked  admin  3m   -     uptime\n\
             c5  web-1  awaiting_approval  -         high               admin  3m   -     uptime\n"
        );
    }

    #[test]
    fn every_status_can_be_asked_for() {
        for status in STATUSES {
            let parsed: CommandStatus = serde_json::from_value(json!(status.as_str())).unwrap();
            assert_eq!(parsed, status);
        }
        for outcome in ogent_protocol::Outcome::ALL {
            assert!(STATUSES.contains(&outcome.into()), "{outcome}");
        }
    }
}
