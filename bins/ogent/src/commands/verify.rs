//! `ogent verify`: proves the history of commands from what the ledger holds and the public keys. Whoever hands the records
//! over, the gateway or a file, need not be believed.

mod evidence;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use ogent_broker::credentials::Trust;
use ogent_broker::sign::Verifier;
use ogent_broker::sign::proof::{End, Report};
use ogent_protocol::{CommandId, CommandStatus};

use super::Context;
use super::history::Pages;
use crate::client::{Client, HistoryQuery};
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Look, Table};
use crate::output::{Output, WriteError};
use evidence::Source;

/// How often somebody who waits is told how far it is.
const TOLD_EVERY: usize = 100;

const EXAMPLES: &str = "\
Examples:
  ogent verify --trust-file trust.json 0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e
  ogent verify --trust-file trust.json --since 24h
  ogent verify --trust-file trust.json --save evidence.jsonl ID
  ogent verify --trust-file trust.json --evidence evidence.jsonl

It exits with 1 where something does not fit, and names the first thing that does not. A signature says who has \
written something, not that it is true; that a command has no end yet, nobody can prove.";

/// What `ogent verify` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// The command; without it, the newest ones
    #[arg(value_name = "ID")]
    id: Option<CommandId>,

    /// The public keys that count, as `ogent init` writes them
    #[arg(long, value_name = "FILE", env = "OGENT_TRUST_FILE")]
    trust_file: PathBuf,

    /// Prove what this file holds, and ask nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save", "since", "limit", "all"])]
    evidence: Option<PathBuf>,

    /// Keep the records in a new file, to be proved later or by others
    #[arg(long, value_name = "FILE", requires = "id")]
    save: Option<PathBuf>,

    /// All not older than this: how long ago (1h, 2d) or a time (2026-05-01T08:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = humane::parse_moment, conflicts_with_all = ["id", "limit"])]
    since: Option<Timestamp>,

    /// The newest N
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, conflicts_with = "id")]
    limit: usize,

    /// All there are
    #[arg(long, conflicts_with_all = ["limit", "id"])]
    all: bool,

    #[command(flatten)]
    output: FormatArgs,
}

/// Proves one command, or many.
///
/// # Errors
/// When the records cannot be had, or the outcome not be written. That something does not fit is the exit code.
pub async fn run(args: VerifyArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let trust = Trust::load(&args.trust_file);
    let trust = trust.with_context(|| format!("{} cannot be used", args.trust_file.display()))?;
    let verifier = Verifier::new(trust);
    let mut source = match &args.evidence {
        Some(path) => Source::file(path)?,
        None => Source::gateway(context.client()?),
    };
    if args.evidence.is_none() && args.id.is_none() {
        return many(&args, context, &verifier, context.client()?).await;
    }
    let report = source.prove(&verifier, args.id.as_ref(), args.save.as_deref()).await?;
    context.out.shown(args.output.format, &report, |look| text(&report, look))?;
    tell(&report, &context.out);
    Ok(code(report.misfit.is_none()))
}

async fn many(args: &VerifyArgs, context: &Context, verifier: &Verifier, client: Client) -> anyhow::Result<ExitCode> {
    let left = if args.all || args.since.is_some() { usize::MAX } else { args.limit };
    let query = HistoryQuery { since: args.since, ..HistoryQuery::default() };
    let mut pages = Pages { client: client.clone(), query, left, is_over: false };
    let (mut seen, mut wrong, mut open) = (0_usize, 0_usize, 0_usize);
    while let Some(page) = pages.next().await? {
        for command in page {
            let report = Source::gateway(client.clone()).prove(verifier, Some(&command.id), None).await?;
            seen += 1;
            wrong += usize::from(report.misfit.is_some());
            open += usize::from(report.misfit.is_none() && report.end == End::Open);
            line(&report, args, &context.out)?;
            if seen % TOLD_EVERY == 0 {
                context.out.say(&format!("{seen} commands so far, {wrong} of them do not fit"));
            }
        }
    }
    let fits = seen - wrong;
    context.out.say(&format!("{seen} commands: {fits} fit (of these, {open} without an end so far), {wrong} do not"));
    Ok(code(wrong == 0))
}

fn code(fits: bool) -> ExitCode {
    if fits { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn line(report: &Report, args: &VerifyArgs, out: &Output) -> Result<(), WriteError> {
    use crate::output::format::Format;
    match args.output.format {
        Format::Table => {
            let (word, told) = match &report.misfit {
                None => ("fits   ", end(report.end)),
                Some(_) => ("WRONG  ", misfit(report)),
            };
            out.data(&crate::output::sanitize::text(&format!("{word} {}  {told}\n", report.command)))
        }
        // One document a line: nobody waits for the last to see the first.
        _ => out.shown(Format::Jsonl, report, |_| String::new()),
    }
}

fn text(report: &Report, look: Look) -> String {
    let mut table = Table::new(["WHEN", "WHAT", "SIGNED BY", "KEY"]);
    for step in &report.steps {
        let by = format!("{} {}", step.signed_by.role.as_str(), step.signed_by.name);
        table.row([
            Cell::from(humane::moment(step.at)),
            Cell::lines(&step.what),
            Cell::from(by),
            Cell::from(step.signed_by.key.clone()),
        ]);
    }
    table.render(look)
}

fn tell(report: &Report, out: &Output) {
    if report.misfit.is_some() {
        return out.error(&format!("does not fit: {}", misfit(report)));
    }
    out.say(&format!("everything fits: {}", end(report.end)));
    if report.end == End::Open {
        out.warning("that nothing is missing behind the last record cannot be proved before the end");
    }
}

fn misfit(report: &Report) -> String {
    let Some(misfit) = &report.misfit else { return String::new() };
    match (&misfit.stream, misfit.sequence) {
        (Some(stream), Some(sequence)) => format!("{stream} {sequence}: {}", misfit.problem),
        _ => misfit.problem.clone(),
    }
}

fn end(end: End) -> String {
    match end {
        End::Ended(outcome) => CommandStatus::from(outcome).to_string(),
        End::NeverSent(state) => format!("never sent: {state}"),
        End::Open => "no end yet".to_owned(),
    }
}
