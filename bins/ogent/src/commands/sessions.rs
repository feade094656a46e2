//! `ogent sessions`: shows where one is logged in, and ends it.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use ogent_protocol::GrantId;
use ogent_protocol::rest::SessionView;

use super::Context;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

const EXAMPLES: &str = "\
Examples:
  ogent sessions ls
  ogent sessions ls --user '*'
  ogent sessions revoke s-0b9d3c6f5a1e4b7f8d2c1a0e9f8b7c6d";

/// What `ogent sessions` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SessionsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show sessions, the one used last first
    Ls {
        /// Of this user, or of all with '*' (for admins)
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        output: FormatArgs,
    },
    /// End sessions: what they have open closes within seconds
    Revoke {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<GrantId>,
    },
}

/// Shows or ends sessions.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: SessionsArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    match args.what {
        What::Ls { user, output } => {
            let sessions = client.sessions(user.as_deref()).await?;
            let is_relative = context.out.is_terminal();
            context.out.list(output.format, &sessions, || overview(&sessions, Timestamp::now(), is_relative))?;
        }
        What::Revoke { ids } => {
            for id in ids {
                client.end_session(&id).await?;
                context.out.say(&format!("session {id} has ended"));
            }
        }
    }
    Ok(())
}

fn overview(sessions: &[SessionView], now: Timestamp, is_relative: bool) -> Table {
    let mut table = Table::new(["ID", "USER", "SINCE", "USED", "FROM", "WITH", ""]);
    let time = |at| if is_relative { humane::age(at, now) } else { humane::moment(at) };
    for session in sessions {
        table.row([
            session.id.as_str().into(),
            session.user.as_str().into(),
            time(session.created_at).into(),
            time(session.refreshed_at).into(),
            Cell::or_dash(session.address.as_deref()),
            Cell::or_dash(session.user_agent.as_deref()),
            if session.is_current { "this one" } else { "" }.into(),
        ]);
    }
    table
}
