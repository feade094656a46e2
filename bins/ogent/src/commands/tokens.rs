//! `ogent tokens`: makes API tokens for machines, shows and revokes them.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use ogent_protocol::rest::{TokenRequest, TokenView};
use ogent_protocol::session::Scope;
use ogent_protocol::{AgentId, GrantId};

use super::Context;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::Table;

const EXAMPLES: &str = "\
Examples:
  ogent tokens create deploy --action execute --agent web-1 --agent web-2 --ttl 30d
  ogent tokens create watch --role viewer
  ogent tokens ls
  ogent tokens revoke t-0b9d3c6f5a1e4b7f8d2c1a0e9f8b7c6d

A machine gives its token in OGENT_TOKEN, or in the file that OGENT_TOKEN_FILE names.";

/// What `ogent tokens` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TokensArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make one, and print it this once
    Create(CreateArgs),
    /// Show what is kept of them, the newest first
    Ls {
        /// Of this user, or of all with '*' (for admins)
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        output: FormatArgs,
    },
    /// End tokens at once
    Revoke {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<GrantId>,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// What you call it
    name: String,

    /// How long it is good for, like 12h or 30d; 90 days when absent
    #[arg(long, value_name = "TIME", value_parser = humane::parse_duration)]
    ttl: Option<Duration>,

    /// Only for this action, like execute or view_commands; may be repeated
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,

    /// Only on this agent; may be repeated
    #[arg(long = "agent", value_name = "ID")]
    agents: Vec<AgentId>,

    /// Only as far as this role of yours goes; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
}

/// Makes, shows or revokes API tokens.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: TokensArgs, context: &Context) -> anyhow::Result<()> {
    let Context { out, .. } = context;
    let client = context.client()?;
    match args.what {
        What::Create(args) => {
            let created = client.create_token(&args.into()).await?;
            out.data(&format!("{}\n", created.token))?;
            out.say(&format!("{} is good until {}", created.view.id, humane::moment(created.view.expires_at)));
            out.hint_to_person("it is not shown again; keep it where others cannot read it");
        }
        What::Ls { user, output } => {
            let tokens = client.tokens(user.as_deref()).await?;
            let is_relative = out.is_terminal();
            out.list(output.format, &tokens, || overview(&tokens, Timestamp::now(), is_relative))?;
        }
        What::Revoke { ids } => {
            for id in ids {
                client.revoke_token(&id).await?;
                out.say(&format!("token {id} has ended"));
            }
        }
    }
    Ok(())
}

impl From<CreateArgs> for TokenRequest {
    fn from(args: CreateArgs) -> Self {
        let CreateArgs { name, ttl, actions, agents, roles } = args;
        let scope = Scope { actions: some(actions), agents: some(agents), roles: some(roles) };
        Self { name, expires_in: ttl.map(|ttl| ttl.as_secs()), scope }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn overview(tokens: &[TokenView], now: Timestamp, is_relative: bool) -> Table {
    let mut table = Table::new(["ID", "NAME", "USER", "SINCE", "UNTIL", "SCOPE"]);
    for token in tokens {
        let since = if is_relative { humane::age(token.created_at, now) } else { humane::moment(token.created_at) };
        table.row([
            token.id.as_str().into(),
            token.name.as_str().into(),
            token.user.as_str().into(),
            since.into(),
            humane::moment(token.expires_at).into(),
            words(&token.scope).into(),
        ]);
    }
    table
}

fn words(scope: &Scope) -> String {
    let agents = scope.agents.as_ref().map(|agents| agents.iter().map(ToString::to_string).collect::<Vec<_>>());
    let parts = [("actions", scope.actions.as_ref()), ("agents", agents.as_ref()), ("roles", scope.roles.as_ref())];
    let parts = parts.into_iter().filter_map(|(name, list)| Some(format!("{name}={}", list?.join(","))));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "all of the owner's rights".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_said_in_words() {
        assert_eq!(words(&Scope::default()), "all of the owner's rights");
        let scope = Scope {
            actions: Some(vec!["execute".into(), "cancel".into()]),
            agents: Some(vec!["web-1".parse().unwrap()]),
            roles: None,
        };
        assert_eq!(words(&scope), "actions=execute,cancel agents=web-1");
    }
}
