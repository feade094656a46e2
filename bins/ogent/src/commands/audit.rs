//! `ogent audit`: shows what happened to people and identities, and follows it.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use ogent_protocol::AuditKind;
use ogent_protocol::rest::{AuditEntry, AuditList};

use super::Context;
use crate::client::{AuditQuery, Client};
use crate::output::format::{self, Format, FormatArgs};
use crate::output::table::{Cell, Table};
use crate::output::{Output, humane, sanitize};

/// How often news are asked for: people see them as they happen, and a gateway does not notice.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Most events of one answer.
const PAGE: usize = 500;

const EXAMPLES: &str = "\
Examples:
  ogent audit
  ogent audit --since 24h --kind login_failed
  ogent audit --user alice
  ogent audit --follow
  ogent audit --json | jq -c '.data'";

/// What `ogent audit` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,

    /// Only since then: a moment, or so long ago, like 2h
    #[arg(long, value_name = "TIME", value_parser = humane::parse_moment)]
    since: Option<Timestamp>,

    /// Only of this kind, like login_failed
    #[arg(long)]
    kind: Option<AuditKind>,

    /// Only by or about this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,

    /// One JSON object a line
    #[arg(long, conflicts_with = "format")]
    json: bool,

    #[command(flatten)]
    output: FormatArgs,
}

/// Shows security events.
///
/// # Errors
/// When the gateway refuses, or the answer cannot be written.
pub async fn run(args: AuditArgs, context: &Context) -> anyhow::Result<()> {
    let out = &context.out;
    let client = context.client()?;
    let format = if args.json { Format::Jsonl } else { args.output.format };
    let AuditArgs { follow, since, kind, user, limit, .. } = args;
    let mut query = AuditQuery { kind, user, since, ..AuditQuery::default() };
    let (mut events, latest, has_more) = read(&client, &mut query, limit).await?;
    if follow {
        // As a log: the newest last.
        events.reverse();
        events.iter().try_for_each(|event| line(out, format, event))?;
        let query = AuditQuery { cursor: None, since: None, after: Some(latest), limit: PAGE, ..query };
        return watch(&client, query, out, format).await;
    }
    out.list(format, &events, || overview(&events))?;
    if events.is_empty() {
        out.say("nothing of this kind has happened");
    } else if has_more {
        out.hint_to_person(&format!("these are the newest {limit}; see more with --limit"));
    }
    Ok(())
}

async fn read(client: &Client, query: &mut AuditQuery, limit: usize) -> anyhow::Result<(Vec<AuditEntry>, u64, bool)> {
    let (mut events, mut latest, mut has_more) = (Vec::new(), None, true);
    while has_more && events.len() < limit {
        query.limit = (limit - events.len()).min(PAGE);
        let AuditList { events: page, next_cursor, latest: newest } = client.audit(query).await?;
        latest.get_or_insert(newest);
        events.extend(page);
        has_more = next_cursor.is_some();
        query.cursor = next_cursor;
    }
    Ok((events, latest.unwrap_or_default(), has_more))
}

async fn watch(client: &Client, mut query: AuditQuery, out: &Output, format: Format) -> anyhow::Result<()> {
    loop {
        let AuditList { events, latest, .. } = client.audit(&query).await?;
        events.iter().try_for_each(|event| line(out, format, event))?;
        if query.after == Some(latest) {
            tokio::time::sleep(ASK_EVERY).await;
        }
        query.after = Some(latest);
    }
}

fn line(out: &Output, format: Format, entry: &AuditEntry) -> anyhow::Result<()> {
    let text = match format {
        Format::Table => sanitize::text(&format!("{}  {}", humane::moment(entry.event.time), words(entry))) + "\n",
        Format::Json | Format::Jsonl | Format::Yaml => format::json_line(entry)?,
    };
    Ok(out.data(&text)?)
}

fn words(entry: &AuditEntry) -> String {
    let facts = &entry.event.data;
    let count = (facts.count > 1).then(|| format!("{} times", facts.count));
    let said = [
        ("by", facts.by.as_deref()),
        ("about", facts.about.as_deref()),
        ("from", facts.address.as_deref()),
        ("with", facts.session.as_deref()),
        ("", facts.detail.as_deref()),
        ("", count.as_deref()),
    ];
    let said = said.into_iter().filter_map(|(name, text)| Some(format!(" {name} {}", text?)));
    said.fold(kind(entry).to_owned(), |line, part| line + &part).replace("  ", " ")
}

fn kind(entry: &AuditEntry) -> &str {
    entry.event.kind.strip_prefix("ogent.audit.").unwrap_or(&entry.event.kind)
}

fn overview(events: &[AuditEntry]) -> Table {
    let mut table = Table::new(["TIME", "KIND", "COUNT", "BY", "ABOUT", "FROM", "WITH", "DETAIL"]);
    for entry in events {
        let facts = &entry.event.data;
        table.row([
            humane::moment(entry.event.time).into(),
            kind(entry).into(),
            facts.count.to_string().into(),
            Cell::or_dash(facts.by.as_deref()),
            Cell::or_dash(facts.about.as_deref()),
            Cell::or_dash(facts.address.as_deref()),
            Cell::or_dash(facts.session.as_deref()),
            Cell::or_dash(facts.detail.as_deref()),
        ]);
    }
    table
}
