//! `ogent agents invite|invites|withdraw|replace`: makes invitations, shows them, takes them back.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use ogent_protocol::AgentId;
use ogent_protocol::rest::{InviteRequest, InviteView};

use super::Context;
use crate::output::format::{Format, FormatArgs};
use crate::output::humane;
use crate::output::table::{Cell, Table};

const INVITE_EXAMPLES: &str = "\
Examples:
  ogent agents invite --id web-1 --label role=web
  ogent agents invite --uses 20 --ttl 1d --label site=berlin --hold
  ogent agents invite --id web-1 | ssh root@web-1 ogent-agent join -

The token is printed this once. Whoever has it can join by it: treat it like a password until it is used up.";

const REPLACE_EXAMPLES: &str = "\
Examples:
  ogent agents replace web-1

When the new machine joins by the token, the one that has the id now is cut off for good.";

const INVITES_EXAMPLES: &str = "\
Examples:
  ogent agents invites
  ogent agents invites -o json | jq -r '.[] | select(.state == \"open\") | .id'";

const WITHDRAW_EXAMPLES: &str = "\
Examples:
  ogent agents withdraw 4tKc0QW7oRvG3xZb";

/// What `ogent agents invite` takes.
#[derive(Debug, Args)]
#[command(after_help = INVITE_EXAMPLES)]
pub(super) struct InviteArgs {
    /// Id that the machine gets; it may choose one when absent
    #[arg(long, value_name = "ID")]
    id: Option<AgentId>,
    /// What to choose it by, whatever the machine says itself; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = ogent_protocol::enroll::parse_label)]
    labels: Vec<(String, String)>,
    /// How long the invitation is open, like 30m or 2d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humane::parse_duration)]
    ttl: Duration,
    /// How many machines may join by it
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,
    /// Let each machine wait until somebody accepts it
    #[arg(long)]
    hold: bool,
    /// Take the id from the machine that has it now
    #[arg(long, requires = "id", conflicts_with = "hold")]
    replace: bool,
    #[command(flatten)]
    output: FormatArgs,
}

/// What `ogent agents replace` takes.
#[derive(Debug, Args)]
#[command(after_help = REPLACE_EXAMPLES)]
pub(super) struct ReplaceArgs {
    /// Id that passes to another machine
    #[arg(value_name = "ID")]
    id: AgentId,
    /// What to choose it by, instead of the labels that it has; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = ogent_protocol::enroll::parse_label)]
    labels: Vec<(String, String)>,
    /// How long the invitation is open, like 30m or 2d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humane::parse_duration)]
    ttl: Duration,
    #[command(flatten)]
    output: FormatArgs,
}

/// What `ogent agents invites` takes.
#[derive(Debug, Args)]
#[command(after_help = INVITES_EXAMPLES)]
pub(super) struct InvitesArgs {
    #[command(flatten)]
    output: FormatArgs,
}

/// What `ogent agents withdraw` takes.
#[derive(Debug, Args)]
#[command(after_help = WITHDRAW_EXAMPLES)]
pub(super) struct WithdrawArgs {
    /// Id of the invitation (see `ogent agents invites`)
    #[arg(value_name = "INVITE")]
    id: AgentId,
}

/// Makes an invitation, and prints its token.
///
/// # Errors
/// When the gateway refuses.
pub(super) async fn invite(args: InviteArgs, context: &Context) -> anyhow::Result<()> {
    let InviteArgs { id, labels, ttl, uses, hold, replace, output } = args;
    let (labels, ttl_s) = (labels.into_iter().collect(), Some(ttl.as_secs().max(1)));
    let request = InviteRequest { id, labels, ttl_s, uses: Some(uses), hold, replace };
    make(&request, output.format, context).await
}

/// Makes an invitation for an id that is taken.
///
/// # Errors
/// When the gateway refuses.
pub(super) async fn replace(args: ReplaceArgs, context: &Context) -> anyhow::Result<()> {
    let ReplaceArgs { id, labels, ttl, output } = args;
    let (labels, ttl_s) = (labels.into_iter().collect(), Some(ttl.as_secs().max(1)));
    let request = InviteRequest { id: Some(id), labels, ttl_s, replace: true, ..InviteRequest::default() };
    make(&request, output.format, context).await
}

async fn make(request: &InviteRequest, format: Format, context: &Context) -> anyhow::Result<()> {
    let created = context.client()?.invite(request).await?;
    if format != Format::Table {
        return Ok(context.out.one(format, &created, Table::default)?);
    }
    // The token alone, so that it can be piped.
    context.out.data(&format!("{}\n", created.token))?;
    context.out.hint(&format!(
        "on the new machine, as root: ogent-agent join - (then paste it) (open until {})",
        humane::moment(created.invite.expires_at)
    ));
    if request.replace {
        context.out.hint("a machine that has joined before joins with: ogent-agent join --new-keys -");
    }
    Ok(())
}

/// Shows invitations.
///
/// # Errors
/// When the gateway refuses.
pub(super) async fn invites(args: InvitesArgs, context: &Context) -> anyhow::Result<()> {
    let invites = context.client()?.invites().await?;
    let is_relative = context.out.is_terminal();
    context.out.list(args.output.format, &invites, || table(&invites, Timestamp::now(), is_relative))?;
    if invites.is_empty() {
        context.out.say("there are no invitations; 'ogent agents invite' makes one");
    }
    Ok(())
}

/// Takes an invitation back.
///
/// # Errors
/// When there is none, or the gateway refuses.
pub(super) async fn withdraw(args: WithdrawArgs, context: &Context) -> anyhow::Result<()> {
    let invite = context.client()?.withdraw(&args.id).await?;
    context.out.say(&format!("withdrawn; {} joined by it", machines(invite.used.len())));
    Ok(())
}

fn machines(count: usize) -> String {
    match count {
        0 => "no machine has".to_owned(),
        1 => "one machine has".to_owned(),
        more => format!("{more} machines have"),
    }
}

fn table(invites: &[InviteView], now: Timestamp, is_relative: bool) -> Table {
    let mut table = Table::new(["INVITE", "STATE", "AGENT", "USED", "HOLD", "ENDS", "MADE BY", "LABELS"]);
    for invite in invites {
        let ends = match invite.expires_at.duration_since(now).try_into() {
            Ok(left) if is_relative => format!("in {}", humane::duration(left)),
            _ => humane::moment(invite.expires_at),
        };
        table.row([
            invite.id.as_str().into(),
            invite.state.to_string().into(),
            Cell::or_dash(invite.agent.as_ref()),
            format!("{}/{}", invite.used.len(), invite.uses).into(),
            if invite.hold { "yes" } else { "no" }.into(),
            ends.into(),
            invite.created_by.as_str().into(),
            Cell::or_dash(super::labels(&invite.labels)),
        ]);
    }
    table
}
