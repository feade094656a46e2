//! `ogent show`: shows everything that the history has of one command, but for its output.

use clap::Args;
use ogent_protocol::CommandId;
use ogent_protocol::rest::{ApprovalState, ApprovalView, CommandView};

use super::{Context, history};
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Look, Table};
use crate::output::verdict::{Extent, Judged};

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
    context.out.shown(args.output.format, &command, |look| text(&command, look))?;
    Ok(())
}

fn text(command: &CommandView, look: Look) -> String {
    let mut text = details(command).render(look);
    if let Some(verdict) = &command.verdict {
        let judged = Judged {
            command: &command.command,
            level: command.risk.unwrap_or(verdict.level),
            verdict,
            ruling: command.ruling.as_ref(),
            advice: command.advice.as_ref(),
            extent: Extent::Excerpt,
        };
        text.push('\n');
        text.push_str(&judged.text(look));
    }
    text
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
    match (&command.verdict, command.risk) {
        // Said together with the verdict.
        (Some(_), _) | (None, None) => {}
        (None, Some(risk)) => table.field("risk", risk),
    }
    table.optional_field("approval", command.approval.as_ref().map(|approval| Cell::lines(&decided(approval))));
    if command.cancel_requested {
        table.field("cancel", "was asked for");
    }
    add_times(&mut table, command);
    add_sizes(&mut table, command);
    table
}

/// What has become of the question whether it may run.
pub(super) fn decided(approval: &ApprovalView) -> String {
    let by = approval.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let at = approval.at.map(|at| format!(", {}", humane::moment(at))).unwrap_or_default();
    let reason = approval.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let until = approval.expires_at.map(|end| format!(", until {}", humane::moment(end))).unwrap_or_default();
    match approval.state {
        ApprovalState::Awaiting => format!("waits for somebody else{until}"),
        ApprovalState::Approved => format!("approved{by}{at}{reason}"),
        ApprovalState::Denied => format!("denied{by}{at}{reason}"),
        ApprovalState::Expired => format!("nobody decided in time{until}"),
        ApprovalState::Withdrawn => format!("withdrawn{by}{at}{reason}"),
        ApprovalState::Blocked => "blocked: nobody was asked".to_owned(),
        ApprovalState::Other => "something that this version does not know".to_owned(),
    }
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
    use serde_json::json;

    const PLAIN: Look = Look { width: None, has_color: false };

    #[test]
    fn a_command_is_shown_in_full() {
        let command = history::tests::command(&json!({
            "status": "timed_out", "signal": 15, "duration_ms": 2003.0, "command": "sleep 9\necho \u{1b}[1m",
            "timeout_s": 2.0, "message": "it ran longer than 2 s", "stdout_bytes": 3_000_000, "cut_bytes": 0
        }));
        let text = text(&command, PLAIN);
        for line in [
            "status    timed_out\n",
            "exit      signal 15\n",
            "command   sleep 9\n          echo ^[[1m\n",
            "timeout   2.0s\n",
            "stdout    2.8 MiB\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
        assert!(!text.contains("not kept") && !text.contains("folder") && !text.contains("risk"), "{text}");
    }

    #[test]
    fn what_was_judged_is_shown() {
        let command = history::tests::command(&json!({
            "status": "denied", "command": "ls; rm x", "risk": "high",
            "verdict": {"level": "high", "reasons": [
                {"code": "delete", "level": "high", "message": "removes x", "span": {"start": 4, "end": 8}}]},
            "ruling": {"decision": "ask", "enforced": "ask", "mode": "enforce", "because": "risk high"},
            "approval": {"state": "denied", "by": "bob", "at": "2026-05-01T08:00:00Z", "reason": "not\u{1b}now"}
        }));
        let text = text(&command, PLAIN);
        for part in [
            "approval  denied by bob, 2026-05-01T08:00:00.000Z: not^[now\n",
            "\n  ls; rm x\n      ^^^^\n",
            "\nrisk    high\npolicy  needs approval: risk high\n",
            "  high  delete  removes x\n",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn every_decision_has_words() {
        for (state, words) in [
            ("awaiting", "waits for somebody else, until 2026-05-01T08:00:00.000Z"),
            ("approved", "approved by bob"),
            ("expired", "nobody decided in time, until 2026-05-01T08:00:00.000Z"),
            ("blocked", "blocked: nobody was asked"),
            ("of a later version", "something that this version does not know"),
        ] {
            let approval = json!({"state": state, "by": "bob", "expires_at": "2026-05-01T08:00:00Z"});
            assert_eq!(decided(&serde_json::from_value(approval).unwrap()), words);
        }
    }
}
