//! Receives where the broker is, writes down all that its two streams hold.
//!
//! Any replica may answer a Direct Get, also one that is behind: what came is compared with what the leader says that
//! there is, and read again until it is all there.

use anyhow::{Context as _, bail};
use async_nats::{Client, HeaderMap, Message, jetstream};
use futures::StreamExt as _;
use ogent_protocol::subject::{COMMANDS, RESULTS};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::GatherOptions;
use crate::evidence::{Log, Micros, Record};

/// Messages in one answer, and their bytes: bounds what is in flight.
const BATCH: u64 = 512;
const BATCH_BYTES: u64 = 4 * 1024 * 1024;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Some messages of a stream.
struct Batch {
    records: Vec<Record>,
    more: bool,
}

/// How many records of COMMANDS and of RESULTS there were.
pub(super) async fn dump(options: &GatherOptions) -> anyhow::Result<(usize, usize)> {
    dump_with(options, "_INBOX").await
}

/// The same for a key whose answers come elsewhere.
pub(super) async fn dump_with(options: &GatherOptions, inbox_prefix: &str) -> anyhow::Result<(usize, usize)> {
    let servers: Vec<String> = options.nats_url.split(',').map(|url| url.trim().to_owned()).collect();
    let connecting = async_nats::ConnectOptions::with_credentials(&options.nats_creds)?
        .custom_inbox_prefix(inbox_prefix)
        .request_timeout(Some(options.limit))
        .connect(servers);
    let client = timeout(options.limit, connecting).await.context("the broker")?.context("the broker")?;
    let log = options.evidence.log("ledger.jsonl")?;
    let commands = stream(&client, options, &log, COMMANDS).await.context(COMMANDS)?;
    let results = stream(&client, options, &log, RESULTS).await.context(RESULTS)?;
    Ok((commands, results))
}

async fn stream(client: &Client, options: &GatherOptions, log: &Log, name: &str) -> anyhow::Result<usize> {
    let deadline = Instant::now() + options.limit * 3;
    let (mut next, mut count) = (1, 0);
    loop {
        let batch = read(client, options, name, next).await;
        if let Ok(batch) = &batch {
            batch.records.iter().for_each(|record| log.write(record));
            count += batch.records.len();
            next = batch.records.last().map_or(next, |last| last.sequence + 1);
            if batch.more {
                continue;
            }
        }
        let state =
            jetstream::new(client.clone()).get_stream(name).await.map(|stream| stream.cached_info().state.clone());
        match (batch, state) {
            (Ok(_), Ok(state)) if next > state.last_sequence && count as u64 == state.messages => return Ok(count),
            // It holds fewer than were read, or others than were read: reading further does not mend that.
            (Ok(_), Ok(state)) if next > state.last_sequence => {
                bail!("its leader says that there are {} records, and {count} were read", state.messages);
            }
            (Err(error), _) if Instant::now() >= deadline => return Err(error),
            (_, state) if Instant::now() >= deadline => bail!("it cannot be read to its end: {state:?}"),
            _ => sleep(PAUSE).await,
        }
    }
}

/// Messages from a sequence on.
async fn read(client: &Client, options: &GatherOptions, stream: &str, from: u64) -> anyhow::Result<Batch> {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await?;
    let query = json!({"seq": from, "next_by_subj": ">", "batch": BATCH, "max_bytes": BATCH_BYTES});
    let request = format!("$JS.API.DIRECT.GET.{stream}");
    client.publish_with_reply(request, inbox, query.to_string().into()).await?;
    let mut batch = Batch { records: Vec::new(), more: false };
    loop {
        let answer = timeout(options.limit, answers.next()).await.context("no answer")?.context("the end")?;
        match answer.status.map_or(0, |status| status.as_u16()) {
            0 => batch.records.push(record(stream, &answer)?),
            204 => {
                batch.more = header(answer.headers.as_ref(), "Nats-Num-Pending").is_some_and(|pending| pending != "0");
                return Ok(batch);
            }
            404 => return Ok(batch),
            other => bail!("Direct Get answers {other} {}", answer.description.unwrap_or_default()),
        }
    }
}

fn record(stream: &str, message: &Message) -> anyhow::Result<Record> {
    let own = |name| header(message.headers.as_ref(), name).with_context(|| format!("a record without {name}"));
    let at: jiff::Timestamp = own("Nats-Time-Stamp")?.parse()?;
    Ok(Record {
        stream: stream.to_owned(),
        sequence: own("Nats-Sequence")?.parse()?,
        subject: own("Nats-Subject")?,
        at: at.as_microsecond() as Micros,
        // All that Ogent's parts write is JSON. What is not is for the checker to wonder at.
        payload: serde_json::from_slice(&message.payload)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&message.payload).into_owned())),
    })
}

/// The last header of a name: the broker writes its own behind those that were stored.
fn header(headers: Option<&HeaderMap>, name: &str) -> Option<String> {
    headers?.get_all(name).last().map(ToString::to_string)
}
