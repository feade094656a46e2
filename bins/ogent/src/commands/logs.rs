//! `ogent logs`: shows what a command printed, or prints.

use clap::{Args, ValueEnum};
use ogent_protocol::{CommandId, Event, EventKind, Outcome, OutputStream};

use super::Context;
use super::exec::gate;
use crate::client::{Client, News, answer};
use crate::output::Output;
use crate::output::sink::Sink;

const EXAMPLES: &str = "\
Examples:
  ogent logs 0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e
  ogent logs -f ID
  ogent logs --stream stderr ID > errors.txt

Both streams of the command come on stdout, in the order in which it printed them. The exit code says whether they \
could be shown; `ogent show ID` says how the command ended.";

/// What `ogent logs` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogsArgs {
    /// The command (see `ogent history`)
    #[arg(value_name = "ID")]
    id: CommandId,

    /// Go on until the command ends
    #[arg(long, short)]
    follow: bool,

    /// Show this one only
    #[arg(long, value_enum)]
    stream: Option<Stream>,

    /// Let control characters through to the terminal
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stream {
    Stdout,
    Stderr,
}

impl From<Stream> for OutputStream {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Stdout => Self::Stdout,
            Stream::Stderr => Self::Stderr,
        }
    }
}

/// Shows the output of a command.
///
/// # Errors
/// When the gateway refuses, or the output cannot be written.
pub async fn run(args: LogsArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let stream = args.stream.map(OutputStream::from);
    let mut sink = context.out.sink(OutputStream::Stdout, args.raw);
    if args.follow {
        let end = follow(&client, &args.id, stream, &mut sink, &context.out).await?;
        sink.finish()?;
        if let Some(outcome) = end {
            context.out.say(&format!("the command has ended: {outcome}"));
        }
        return Ok(());
    }
    let mut response = client.output(&args.id, stream).await?;
    while let Some(bytes) = answer::chunk(&mut response).await? {
        sink.write(bytes.as_ref())?;
    }
    sink.finish()?;
    Ok(())
}

/// Writes the output until nothing follows; gives the outcome.
async fn follow(
    client: &Client,
    id: &CommandId,
    stream: Option<OutputStream>,
    sink: &mut Sink,
    out: &Output,
) -> anyhow::Result<Option<Outcome>> {
    let mut follow = client.follow(id);
    loop {
        match follow.next().await? {
            News::Event(event) => {
                write_chunks(&event, stream, sink)?;
                if let EventKind::Finished(end) = &event.kind {
                    return Ok(Some(end.outcome));
                }
            }
            News::Proposal(event) => {
                if let Some(words) = gate::news(&event.kind) {
                    out.say(&words);
                }
            }
            News::Interrupted(error) => out.warning(&format!("{error}; trying again")),
            News::End => return Ok(None),
        }
    }
}

fn write_chunks(event: &Event, stream: Option<OutputStream>, sink: &mut Sink) -> anyhow::Result<()> {
    for chunk in event.kind.chunks() {
        if stream.is_none_or(|stream| stream == chunk.stream) {
            sink.write(chunk.data.as_bytes())?;
        }
    }
    Ok(())
}
