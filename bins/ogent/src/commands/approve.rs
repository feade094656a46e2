//! `ogent approve`: shows a command that waits, whole, and lets it run if that is what the user wants.
//!
//! What is shown is the intent itself, as the ledger has it; what is approved is named by the hash of that, worked out
//! here. So nobody approves anything but what they have seen.

mod proposal;

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{bail, ensure};
use clap::Args;
use ogent_protocol::approval::hash;
use ogent_protocol::rest::{ApprovalState, ApproveRequest, CommandView};
use ogent_protocol::{AgentId, CommandId};

use super::{Context, show};
use crate::client::{Client, News};
use crate::output::Output;
use crate::output::report::Hinted;
use proposal::Shown;

const EXAMPLES: &str = "\
Examples:
  ogent approve 0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e
  ogent approve ID --reason 'agreed with the team' --yes

Shows the whole command: what it is, where and as whom it would run, who asked for it, what it could do. Then asks; \
with --yes it does not. Nobody approves a command of their own. `ogent approvals` lists what waits.";

/// What `ogent approve` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ApproveArgs {
    /// The command (see `ogent approvals`)
    #[arg(value_name = "ID")]
    id: CommandId,

    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Do not ask; the command is shown all the same
    #[arg(long, short)]
    yes: bool,
}

/// Shows the command, asks, and approves it.
///
/// # Errors
/// When it does not wait, the user says no, or the gateway refuses.
pub async fn run(args: ApproveArgs, context: &Context) -> anyhow::Result<()> {
    let Context { out, .. } = context;
    let client = context.client()?;
    let command = client.command(&args.id).await?;
    ensure_waits(&command)?;
    let shown = proposed(&client, &args.id, command.agent_id.clone()).await?;
    out.say_shown(|look| shown.text(look));
    if !args.yes {
        confirm(out)?;
    }
    let request = ApproveRequest { reason: args.reason, hash: Some(shown.hash) };
    let command = client.approve(&args.id, &request).await?;
    out.say(&format!("approved; {} has it now", command.agent_id));
    out.hint_to_person(&format!("see how it goes on with: ogent logs -f {}", args.id));
    Ok(())
}

/// Whether there is something to decide.
fn ensure_waits(command: &CommandView) -> anyhow::Result<()> {
    let Some(approval) = &command.approval else {
        bail!("the command waits for nobody: it is {}", command.status);
    };
    ensure!(approval.state == ApprovalState::Awaiting, "that is decided: {}", show::decided(approval));
    Ok(())
}

/// The intent that waits, from its own first event.
async fn proposed(client: &Client, id: &CommandId, agent: AgentId) -> anyhow::Result<Shown> {
    let mut follow = client.follow(id);
    loop {
        match follow.next().await? {
            News::Proposal(event) => {
                if let Some(shown) = Shown::new(*event, &agent) {
                    ensure!(
                        shown.run.id == *id && hash(&agent, &shown.run) == shown.hash,
                        "what the gateway shows is not what it wants approved"
                    );
                    return Ok(shown);
                }
            }
            News::Interrupted(_) => {}
            News::Event(_) | News::End => bail!("the gateway does not say what waits for approval"),
        }
    }
}

fn confirm(out: &Output) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        let error = anyhow::anyhow!("nobody is there to be asked: stdin is not a terminal");
        bail!(Hinted::new(error, "read the command, then run the same with --yes"));
    }
    out.ask("Let it run? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    ensure!(is_yes(&answer), "not approved; it goes on waiting");
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::history;
    use serde_json::json;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes("YES\r\n"));
        for answer in ["", "\n", "n\n", "yep\n", "no\n", "y y\n"] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }

    #[test]
    fn only_what_waits_can_be_approved() {
        let with = |more| ensure_waits(&history::tests::command(&more)).map_err(|error| error.to_string());
        assert_eq!(with(json!({"approval": {"state": "awaiting"}})), Ok(()));
        assert_eq!(with(json!({})).unwrap_err(), "the command waits for nobody: it is queued");
        let denied = with(json!({"approval": {"state": "denied", "by": "bob"}}));
        assert_eq!(denied.unwrap_err(), "that is decided: denied by bob");
    }
}
