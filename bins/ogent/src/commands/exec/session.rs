//! Receives the events of the command that was asked for, gives its output to ours; turns Ctrl-C into a cancellation.

use ogent_protocol::{CommandId, Event, EventKind, OutputStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::ending::{self, End};
use super::gate;
use crate::client::{Client, ClientError, News};
use crate::output::Output;
use crate::output::sink::Sink;

/// A person who waits for a command.
#[derive(Debug)]
pub struct Session<'a> {
    client: Client,
    id: CommandId,
    out: &'a Output,
    stdout: Sink,
    stderr: Sink,
}

// === impl Session ===

impl<'a> Session<'a> {
    /// For a command that was submitted.
    #[must_use]
    pub fn new(client: Client, id: CommandId, out: &'a Output, is_raw: bool) -> Self {
        let stdout = out.sink(OutputStream::Stdout, is_raw);
        let stderr = out.sink(OutputStream::Stderr, is_raw);
        Self { client, id, out, stdout, stderr }
    }

    /// Shows what the command prints until it ends. Once `interrupted`, it is cancelled, and waited for still.
    ///
    /// # Errors
    /// When the gateway is lost for too long, or the output cannot be written.
    pub async fn attend(&mut self, interrupted: &CancellationToken) -> anyhow::Result<End> {
        let mut follow = self.client.follow(&self.id);
        // The request to cancel goes its own way, so that output flows on meanwhile.
        let mut cancellation = JoinSet::new();
        let mut is_cancelling = false;
        loop {
            tokio::select! {
                news = follow.next() => {
                    if let Some(end) = self.take(news?).await? {
                        return Ok(end);
                    }
                }
                () = interrupted.cancelled(), if !is_cancelling => {
                    is_cancelling = true;
                    self.begin_cancelling(&mut cancellation);
                }
                Some(outcome) = cancellation.join_next() => self.say_if_failed(outcome),
            }
        }
    }

    async fn take(&mut self, news: News) -> anyhow::Result<Option<End>> {
        match news {
            News::Event(event) => self.show(&event),
            News::Proposal(event) => {
                if let Some(words) = gate::news(&event.kind) {
                    self.out.say(&words);
                }
                Ok(None)
            }
            News::Interrupted(error) => {
                self.out.warning(&format!("{error}; trying again"));
                Ok(None)
            }
            // An end that came without its event: the history knows how it ended.
            News::End => Ok(Some(self.ended(End::from(&self.client.command(&self.id).await?))?)),
        }
    }

    fn show(&mut self, event: &Event) -> anyhow::Result<Option<End>> {
        for chunk in event.kind.chunks() {
            match chunk.stream {
                OutputStream::Stdout => self.stdout.write(chunk.data.as_bytes())?,
                // Whoever closes stderr does not want to know; the command goes on for its stdout.
                OutputStream::Stderr => drop(self.stderr.write(chunk.data.as_bytes())),
            }
        }
        match &event.kind {
            EventKind::Finished(end) => Ok(Some(self.ended(End::from(end.as_ref()))?)),
            EventKind::Accepted(_) | EventKind::Started(_) | EventKind::Output(_) => Ok(None),
        }
    }

    fn ended(&mut self, end: End) -> anyhow::Result<End> {
        self.stdout.finish()?;
        drop(self.stderr.finish());
        for warning in ending::warnings(&end) {
            self.out.warning(&warning);
        }
        Ok(end)
    }

    fn begin_cancelling(&self, cancellation: &mut JoinSet<Result<(), ClientError>>) {
        self.out.say(&format!("cancelling {}; press Ctrl-C again to leave without waiting for its end", self.id));
        let (client, id) = (self.client.clone(), self.id.clone());
        cancellation
            .spawn(async move { client.cancel(&id, Some("interrupted with Ctrl-C".to_owned())).await.map(drop) });
    }

    fn say_if_failed(&self, outcome: Result<Result<(), ClientError>, JoinError>) {
        let error = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.out.error(&format!("the command cannot be cancelled: {error}"));
        self.out.hint(&format!("press Ctrl-C to leave, then try: ogent cancel {}", self.id));
    }
}
