//! Receives the commands of the client's log, asks each gateway for each of them, writes down what it tells.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use ogent_protocol::CommandId;
use ogent_protocol::rest::{CommandView, TokenResponse};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::GatherOptions;
use super::sse::Reader;
use crate::check::hex;
use crate::evidence::{ClientEvent, ClientLine, Told};

/// Questions to one gateway at once: enough to keep it busy, few enough that each is answered soon.
const AT_ONCE: usize = 16;
const PAUSE: Duration = Duration::from_millis(250);
/// Where a command has not ended, its live events do not either: so long for those that are there.
const OPEN_END: Duration = Duration::from_secs(2);

/// One gateway, and the token that it has given.
struct Gateway<'a> {
    number: usize,
    url: &'a str,
    options: &'a GatherOptions,
    client: Client,
    token: Mutex<String>,
}

/// How many answers there were.
pub(super) async fn all(options: &GatherOptions) -> anyhow::Result<usize> {
    let commands = accepted(options)?;
    let log = options.evidence.log("gateways.jsonl")?;
    let client = Client::builder().no_proxy().build()?;
    let gateways: Vec<Gateway<'_>> = (0..)
        .zip(&options.gateways)
        .map(|(number, url)| Gateway { number, url, options, client: client.clone(), token: Mutex::default() })
        .collect();
    let questions = gateways.iter().flat_map(|gateway| commands.iter().map(move |command| (gateway, command)));
    let answers = stream::iter(questions).map(|(gateway, command)| gateway.ask(command)).buffer_unordered(AT_ONCE);
    Ok(answers.map(|told| log.write(&told)).count().await)
}

fn accepted(options: &GatherOptions) -> anyhow::Result<BTreeSet<CommandId>> {
    let lines: Vec<ClientLine> = options.evidence.read("client.jsonl")?;
    let ids = lines.into_iter().filter_map(|line| match line.event {
        ClientEvent::Accepted { command, .. } | ClientEvent::Followed { command, .. } => Some(command),
        _ => None,
    });
    Ok(ids.collect())
}

// === impl Gateway ===

impl Gateway<'_> {
    /// Everything about one command. What cannot be had is what the gateway says of it.
    async fn ask(&self, command: &CommandId) -> Told {
        let mut told = Told {
            gateway: self.number,
            command: command.clone(),
            status: String::new(),
            stdout_sha256: String::new(),
            stdout_bytes: 0,
            numbers: Vec::new(),
        };
        if let Err(problem) = self.fill(command, &mut told).await {
            told.status = problem;
        }
        told
    }

    async fn fill(&self, command: &CommandId, told: &mut Told) -> Result<(), String> {
        let shown = self.get(&format!("/commands/{command}")).await?;
        let view: CommandView = shown.json().await.map_err(broken)?;
        told.status = view.status.to_string();
        let deadline = Instant::now() + self.options.limit;
        while let Err(problem) = self.output(command, told).await {
            give_up(deadline, problem).await?;
        }
        let mut reader = Reader::default();
        let wait = if view.status.is_final() { self.options.limit } else { OPEN_END };
        let _ = timeout(wait, self.events(command, &mut reader)).await;
        told.numbers = reader.numbers;
        Ok(())
    }

    async fn output(&self, command: &CommandId, told: &mut Told) -> Result<(), String> {
        let mut response = self.get(&format!("/commands/{command}/output?stream=stdout")).await?;
        let (mut hash, mut length) = (Sha256::new(), 0);
        while let Some(piece) = timeout(self.options.limit, response.chunk()).await.map_err(broken)?.map_err(broken)? {
            hash.update(&piece);
            length += piece.len() as u64;
        }
        (told.stdout_sha256, told.stdout_bytes) = (hex(&hash.finalize()), length);
        Ok(())
    }

    /// Reads live events to their end, through as many connections as it takes.
    async fn events(&self, command: &CommandId, reader: &mut Reader) {
        while !reader.ended {
            let path = format!("/commands/{command}/events");
            let last = reader.numbers.last().copied();
            let add = |request: RequestBuilder| match last {
                Some(last) => request.header("Last-Event-ID", last),
                None => request,
            };
            let Ok(mut response) = self.get_with(&path, add).await else { return };
            while let Ok(Some(piece)) = response.chunk().await {
                reader.push(&piece);
                if reader.ended {
                    return;
                }
            }
            reader.cut_off();
            sleep(PAUSE).await;
        }
    }

    async fn get(&self, path: &str) -> Result<Response, String> {
        self.get_with(path, |request| request).await
    }

    /// Asks until there is an answer that another try would not better.
    async fn get_with(&self, path: &str, add: impl Fn(RequestBuilder) -> RequestBuilder) -> Result<Response, String> {
        let deadline = Instant::now() + self.options.limit;
        loop {
            let token = self.token.lock().await.clone();
            let request = add(self.client.get(format!("{}{path}", self.url)).bearer_auth(&token));
            let problem = match timeout(self.options.limit, request.send()).await {
                Ok(Ok(response)) => match response.status() {
                    StatusCode::OK => return Ok(response),
                    StatusCode::UNAUTHORIZED => self.log_in(&token).await.err().unwrap_or_default(),
                    status if status.is_client_error() => return Err(status.as_u16().to_string()),
                    status => status.as_u16().to_string(),
                },
                Ok(Err(error)) => broken(error),
                Err(_) => "no answer".to_owned(),
            };
            give_up(deadline, problem).await?;
        }
    }

    /// Gets a new token, unless somebody has got one in place of `old` meanwhile.
    async fn log_in(&self, old: &str) -> Result<(), String> {
        let mut token = self.token.lock().await;
        if *token != old {
            return Ok(());
        }
        let form = [("username", "admin"), ("password", self.options.password.as_str())];
        let sending = self.client.post(format!("{}/token", self.url)).form(&form).send();
        let response = timeout(self.options.limit, sending).await.map_err(broken)?.map_err(broken)?;
        let response = response.error_for_status().map_err(broken)?;
        *token = response.json::<TokenResponse>().await.map_err(broken)?.access_token;
        Ok(())
    }
}

/// Waits a little, or fails when it is too late for another try.
async fn give_up(deadline: Instant, problem: String) -> Result<(), String> {
    if Instant::now() >= deadline {
        return Err(problem);
    }
    sleep(PAUSE).await;
    Ok(())
}

fn broken(error: impl std::fmt::Display) -> String {
    format!("no answer: {error}")
}
