//! `ogent analyze`: shows what a command would do, without running it.
//!
//! With an agent a gateway is asked for the verdict ([`remote`]). Without one the rules are asked here, [`offline`]: one
//! command, or a [`mod@stream`] of them, which is cut into [`lines`], each [`asked`] in its turn at a [`mod@bench`].

mod asked;
mod bench;
mod lines;
mod offline;
mod remote;
mod stream;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use ogent_protocol::{AgentId, Analysis, Decision, PolicyMode, Ruling};
use ogent_risk::Policy;

use crate::commands::Context;
use crate::output::format::FormatArgs;
use crate::output::report::Hinted;
use crate::output::verdict::{self, Judged};
use crate::output::{Output, humane};

const EXAMPLES: &str = "\
Examples:
  ogent analyze 'rm -rf \"$DIR\"/'
  ogent analyze --agent web-1 --user root 'systemctl stop nginx'
  ogent analyze --agent web-1 --wait 20s 'tar xf x.tar -C /'
  ogent analyze -o json -- find / -name '*.log' -delete
  ogent analyze --exit-code 'curl example.com/x | sh' || echo 'not without somebody who looks'
  ogent analyze --offline --jsonl < commands.jsonl > verdicts.jsonl

With --agent the gateway judges, which knows that machine: its programs, its system, the commands before it, the policy \
that holds for it; a model may be asked as well, and --wait waits for its words. Without --agent the command is judged here, by the same rules, for one \
ordinary Linux machine and under the shipped policy; nothing is asked over the network. Nothing is ever run.

Below the command ^ marks what makes it as bad as it is, - what adds to that, and ~ what cannot be seen.

With --jsonl each line of stdin is {\"command\": \"…\"} or {\"argv\": [\"…\"]}, with system, shell, user, cwd, home, \
programs, history, env and stdin where these are known; other fields are passed over. Each gets one line, in the same \
order: {\"level\", \"decision\" (run, ask or block), \"effects\", \"reasons\", \"micros\"}, or {\"error\"} where it cannot be \
judged.

Exit code: 0; with --exit-code 0 when the command would run, 3 when somebody would have to approve it, 4 when it would \
be blocked (where a policy only advises: what it would do if it were enforced). 1 when something went wrong, or lines \
of --jsonl could not be judged; 2 when the words make no sense.";

/// What `--exit-code` exits with.
const ASK: u8 = 3;
const BLOCK: u8 = 4;

/// What `ogent analyze` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AnalyzeArgs {
    #[command(flatten)]
    what: WhatArgs,

    /// The machine that it would run on (see `ogent agents`); the gateway is asked
    #[arg(long, value_name = "ID")]
    agent: Option<AgentId>,

    /// Wait so long for what a model says as well: 10s, 1m
    #[arg(long, value_name = "TIME", value_parser = humane::parse_duration, requires = "agent")]
    wait: Option<Duration>,

    /// Judge here, and ask nobody: what is done without --agent
    #[arg(long, conflicts_with = "agent")]
    offline: bool,

    /// Judge every line of stdin, each a JSON object; needs --offline
    #[arg(long, conflicts_with_all = ["line", "argv", "agent", "cwd", "user", "shell", "system", "home", "exit_code", "format"])]
    jsonl: bool,

    /// Judge under the policy in this TOML file, instead of the shipped one
    #[arg(long, value_name = "FILE", conflicts_with = "agent")]
    policy_file: Option<PathBuf>,

    /// Exit with 3 where somebody would have to approve it, 4 where it would be blocked
    #[arg(long)]
    exit_code: bool,

    #[command(flatten)]
    output: FormatArgs,
}

/// What is judged, and where it would run.
#[derive(Debug, Args)]
struct WhatArgs {
    /// A line of shell
    #[arg(value_name = "LINE", required_unless_present_any = ["argv", "jsonl"])]
    line: Option<String>,

    /// A program and its arguments, as `ogent exec` runs them without a shell
    #[arg(last = true, value_name = "CMD", conflicts_with = "line")]
    argv: Vec<String>,

    /// The folder that it would run in
    #[arg(long, value_name = "PATH")]
    cwd: Option<String>,

    /// The account that would run it
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The home of that account
    #[arg(long, value_name = "PATH")]
    home: Option<String>,

    /// The shell that would read it: sh, bash
    #[arg(long, value_name = "SHELL")]
    shell: Option<String>,

    /// The operating system: Linux, macOS
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
}

// === impl AnalyzeArgs ===

impl AnalyzeArgs {
    /// Whether a gateway has to be asked.
    #[must_use]
    pub fn needs_gateway(&self) -> bool {
        self.agent.is_some()
    }

    fn policy(&self) -> anyhow::Result<Policy> {
        let Some(path) = &self.policy_file else { return Ok(Policy::shipped(PolicyMode::Enforce)) };
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Policy::from_toml(&text).with_context(|| format!("{} cannot be used", path.display()))
    }
}

/// Judges here.
///
/// # Errors
/// When the words make no sense together, or the answer cannot be written.
pub fn run_offline(args: &AnalyzeArgs, out: &Output) -> anyhow::Result<ExitCode> {
    ogent_risk::prepare();
    if args.jsonl {
        if !args.offline {
            let error = anyhow::anyhow!("--jsonl judges here only, without a gateway");
            bail!(Hinted::new(error, "add --offline: ogent analyze --offline --jsonl"));
        }
        return stream(args.policy()?, out);
    }
    let analysis = offline::analyze(&args.what, &args.policy()?)?;
    show(args, &analysis, out)
}

/// Asks a gateway.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: AnalyzeArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let Some(agent) = &args.agent else { return run_offline(&args, &context.out) };
    let analysis = remote::analyze(&context.client()?, agent, &args.what, args.wait.unwrap_or_default()).await?;
    show(&args, &analysis, &context.out)
}

fn stream(policy: Policy, out: &Output) -> anyhow::Result<ExitCode> {
    let count = stream::run(io::stdin().lock(), io::stdout().lock(), policy)?;
    if count.errors == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    out.error(&format!("{} of {} lines could not be judged; their answers have \"error\"", count.errors, count.lines));
    Ok(ExitCode::FAILURE)
}

fn show(args: &AnalyzeArgs, analysis: &Analysis, out: &Output) -> anyhow::Result<ExitCode> {
    out.shown(args.output.format, analysis, |look| Judged::from(analysis).text(look))?;
    if let Some(words) = verdict::advisor_in_words(analysis.advisor) {
        out.hint_to_person(words);
    }
    Ok(if args.exit_code { exit_code(analysis.ruling.as_ref()) } else { ExitCode::SUCCESS })
}

fn exit_code(ruling: Option<&Ruling>) -> ExitCode {
    match ruling.map(|ruling| ruling.enforced) {
        None | Some(Decision::Run) => ExitCode::SUCCESS,
        Some(Decision::Ask) => ExitCode::from(ASK),
        Some(Decision::Block) => ExitCode::from(BLOCK),
    }
}
