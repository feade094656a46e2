//! `ogent whoami`: shows who one is at the gateway, and what one may be.

use clap::Args;
use ogent_protocol::rest::Me;

use super::Context;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

const EXAMPLES: &str = "\
Examples:
  ogent whoami
  ogent whoami -o json | jq -r .user";

/// What `ogent whoami` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WhoamiArgs {
    #[command(flatten)]
    output: FormatArgs,
}

/// Shows who one is.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: WhoamiArgs, context: &Context) -> anyhow::Result<()> {
    let me = context.client()?.me().await?;
    context.out.one(args.output.format, &me, || details(&me))?;
    Ok(())
}

fn details(me: &Me) -> Table {
    let mut table = Table::new(["USER", "ROLES", "WITH", "UNTIL"]);
    table.row([
        me.user.as_str().into(),
        me.roles.join(",").as_str().into(),
        Cell::or_dash(me.grant.as_ref().map(|id| id.as_str())),
        humane::moment(me.expires_at).into(),
    ]);
    table
}
