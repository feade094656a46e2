//! `ogent agents pending|accept|reject|revoke`: shows who waits at the door, lets them in, or shuts them out.

use clap::Args;
use ogent_protocol::rest::DecideAgentRequest;
use ogent_protocol::{AgentId, Identity};

use super::Context;
use crate::client::enroll::Decide;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

const PENDING_EXAMPLES: &str = "\
Examples:
  ogent agents pending
  ogent agents accept $(ogent agents pending -o json | jq -r '.[0].id')

What a machine says about itself, nobody has checked.";

const DECIDE_EXAMPLES: &str = "\
Examples:
  ogent agents accept web-1
  ogent agents reject web-1 --reason 'not one of ours'
  ogent agents revoke web-1 --reason 'stolen'

Who is revoked is cut off at once, and its key is never taken again; 'ogent agents replace ID' gives its id to another machine.";

/// What `ogent agents pending` takes.
#[derive(Debug, Args)]
#[command(after_help = PENDING_EXAMPLES)]
pub(super) struct PendingArgs {
    #[command(flatten)]
    output: FormatArgs,
}

/// What `ogent agents accept`, `reject` and `revoke` take.
#[derive(Debug, Args)]
#[command(after_help = DECIDE_EXAMPLES)]
pub(super) struct DecideArgs {
    /// The agent
    #[arg(value_name = "ID")]
    id: AgentId,
    /// Which generation of it was seen; if it is another one by now, nothing is done
    #[arg(long, value_name = "N")]
    generation: Option<u32>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Shows who waits.
///
/// # Errors
/// When the gateway refuses.
pub(super) async fn pending(args: PendingArgs, context: &Context) -> anyhow::Result<()> {
    let pending = context.client()?.pending().await?;
    context.out.list(args.output.format, &pending, || table(&pending))?;
    if pending.is_empty() {
        context.out.say("no machine waits");
    }
    Ok(())
}

/// Decides.
///
/// # Errors
/// When it is not so, or the gateway refuses.
pub(super) async fn decide(args: DecideArgs, decide: Decide, context: &Context) -> anyhow::Result<()> {
    let DecideArgs { id, generation, reason } = args;
    let request = DecideAgentRequest { generation, reason };
    let identity = context.client()?.decide(&id, decide, &request).await?;
    let done = match decide {
        Decide::Accept => "is let in; it gets its credentials within seconds",
        Decide::Reject => "is not let in",
        Decide::Revoke => "is revoked: its connections are cut, its key is not taken any more",
    };
    context.out.say(&format!("{} {done}", identity.id));
    Ok(())
}

fn table(identities: &[Identity]) -> Table {
    let mut table = Table::new(["ID", "HOSTNAME", "PLATFORM", "ASKED", "KEY", "LABELS"]);
    for one in identities {
        let platform = &one.facts.platform;
        table.row([
            one.id.as_str().into(),
            Cell::or_dash(one.facts.hostname.as_ref()),
            format!("{}/{}", platform.os, platform.arch).into(),
            humane::moment(one.requested_at).into(),
            one.key.as_str().into(),
            Cell::or_dash(super::labels(&one.labels)),
        ]);
    }
    table
}
