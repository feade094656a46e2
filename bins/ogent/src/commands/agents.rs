//! `ogent agents`: shows which machines there are, or one of them in full; invites machines, lets them in, shuts them out.

mod decide;
mod invite;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use ogent_protocol::AgentId;
use ogent_protocol::rest::AgentView;

use super::Context;
use crate::client::enroll::Decide;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

const EXAMPLES: &str = "\
Examples:
  ogent agents
  ogent agents agent-dxu4rcsjnzoi
  ogent exec $(ogent agents -q | head -n 1) -- uptime
  ogent agents invite --id web-1             print a token: 'ogent-agent join TOKEN' on the new machine
  ogent agents pending                       see which machines wait to be let in
  ogent agents revoke web-1                  cut a machine off, at once and for good
  ogent agents -o json | jq -r '.[] | select(.status == \"online\") | .id'";

/// What `ogent agents` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct AgentsArgs {
    #[command(subcommand)]
    verb: Option<AgentsVerb>,

    /// Show this one only, in full
    #[arg(value_name = "ID")]
    id: Option<AgentId>,

    /// Print ids only, one a line
    #[arg(short, long, conflicts_with_all = ["id", "format"])]
    quiet: bool,

    #[command(flatten)]
    output: FormatArgs,
}

/// What can be done about machines that join.
#[derive(Debug, Subcommand)]
enum AgentsVerb {
    /// Print a token by which a machine may join
    Invite(invite::InviteArgs),
    /// Show invitations
    Invites(invite::InvitesArgs),
    /// Take an invitation back
    Withdraw(invite::WithdrawArgs),
    /// Show which machines wait to be let in
    Pending(decide::PendingArgs),
    /// Let a machine in that waits
    Accept(decide::DecideArgs),
    /// Do not let a machine in that waits
    Reject(decide::DecideArgs),
    /// Cut an agent off, at once and for good
    Revoke(decide::DecideArgs),
    /// Print a token by which another machine takes over an id
    Replace(invite::ReplaceArgs),
}

// === impl AgentsVerb ===

impl AgentsVerb {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Invite(args) => invite::invite(args, context).await,
            Self::Invites(args) => invite::invites(args, context).await,
            Self::Withdraw(args) => invite::withdraw(args, context).await,
            Self::Replace(args) => invite::replace(args, context).await,
            Self::Pending(args) => decide::pending(args, context).await,
            Self::Accept(args) => decide::decide(args, Decide::Accept, context).await,
            Self::Reject(args) => decide::decide(args, Decide::Reject, context).await,
            Self::Revoke(args) => decide::decide(args, Decide::Revoke, context).await,
        }
    }
}

/// Shows agents.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: AgentsArgs, context: &Context) -> anyhow::Result<()> {
    if let Some(verb) = args.verb {
        return verb.run(context).await;
    }
    let Context { out, .. } = context;
    let client = context.client()?;
    let times = Times { now: Timestamp::now(), is_relative: out.is_terminal() };
    if let Some(id) = args.id {
        let agent = client.agent(&id).await?;
        out.one(args.output.format, &agent, || details(&agent, times))?;
        return Ok(());
    }
    let agents = client.agents().await?;
    if args.quiet {
        agents.iter().try_for_each(|agent| out.data(&format!("{}\n", agent.id)))?;
        return Ok(());
    }
    out.list(args.output.format, &agents, || overview(&agents, times))?;
    if agents.is_empty() {
        out.say("no agents have registered yet");
    }
    Ok(())
}

/// How moments are shown: as ages to people, in full to programs.
#[derive(Debug, Clone, Copy)]
struct Times {
    now: Timestamp,
    is_relative: bool,
}

// === impl Times ===

impl Times {
    fn show(self, moment: Timestamp) -> String {
        if self.is_relative { format!("{} ago", humane::age(moment, self.now)) } else { humane::moment(moment) }
    }
}

fn overview(agents: &[AgentView], times: Times) -> Table {
    let mut table = Table::new(["ID", "STATUS", "HOSTNAME", "PLATFORM", "RUNNING", "LAST SEEN", "LABELS"]);
    for agent in agents {
        table.row([
            agent.id.as_str().into(),
            agent.status.into(),
            agent.hostname.as_deref().unwrap_or(agent.id.as_str()).into(),
            format!("{}/{}", agent.platform.os, agent.platform.arch).into(),
            Cell::or_dash(load(agent)),
            times.show(agent.last_seen).into(),
            Cell::or_dash(labels(&agent.labels)),
        ]);
    }
    table
}

fn details(agent: &AgentView, times: Times) -> Table {
    let mut table = Table::default();
    table.field("id", agent.id.as_str());
    table.field("status", agent.status);
    table.optional_field("hostname", agent.hostname.as_deref());
    let platform = &agent.platform;
    table.field("platform", format!("{}/{}", platform.os, platform.arch));
    table.optional_field("distribution", platform.distribution.as_deref());
    table.field("kernel", platform.kernel.as_str());
    table.field("version", agent.version.as_str());
    table.field("runs as", agent.user.as_str());
    table.optional_field("home", agent.home.as_deref());
    table.optional_field("shell", agent.shell.as_deref());
    table.optional_field("programs", agent.programs.as_ref().map(|programs| programs.count.to_string()));
    table.field("capabilities", agent.capabilities.join(", "));
    table.optional_field("labels", labels(&agent.labels));
    table.optional_field("running", load(agent));
    table.optional_field("waiting", agent.queued.map(|queued| queued.to_string()));
    table.field("started", times.show(agent.started_at));
    table.field("last seen", times.show(agent.last_seen));
    table
}

fn load(agent: &AgentView) -> Option<String> {
    agent.running.map(|running| format!("{running}/{}", agent.max_concurrent))
}

fn labels(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::Look;

    fn agent() -> AgentView {
        serde_json::from_value(serde_json::json!({
            "id": "web-1", "status": "online", "hostname": "web\u{1b}[1m", "version": "0.1.0", "user": "root",
            "platform": {"os": "linux", "arch": "x86_64", "kernel": "6.1"}, "capabilities": ["shell", "argv"],
            "labels": {"role": "web", "zone": "a"}, "started_at": "2026-05-01T07:00:00Z",
            "last_seen": "2026-05-01T07:59:48Z", "running": 2, "queued": 0, "max_concurrent": 8
        }))
        .unwrap()
    }

    fn render(table: &Table) -> String {
        table.render(Look { width: None, has_color: false })
    }

    #[test]
    fn agents_are_listed() {
        let now = "2026-05-01T08:00:00Z".parse().unwrap();
        assert_eq!(
            render(&overview(&[agent()], Times { now, is_relative: true })),
            "ID     STATUS  HOSTNAME  PLATFORM      RUNNING  LAST SEEN  LABELS\n\
             web-1  online  web^[[1m  linux/x86_64  2/8      12s ago    role=web,zone=a\n"
        );
    }

    #[test]
    fn one_agent_is_shown_in_full() {
        let text = render(&details(&agent(), Times { now: Timestamp::now(), is_relative: false }));
        assert!(text.contains("capabilities  shell, argv\n"), "{text}");
        assert!(text.contains("last seen     2026-05-01T07:59:48.000Z\n"), "{text}");
    }
}
