//! Receives the events of one command as a gateway streams them, gives each of them once and in order, however often
//! the connection breaks.

use std::sync::Arc;
use std::time::Duration;

use ogent_protocol::approval::ProposalEvent;
use ogent_protocol::{CommandId, Event};
use reqwest::{Method, Response};
use tokio::time::Instant;

use super::error::ClientError;
use super::sse::{MAX_EVENT_BYTES, SseEvent, SseParser};
use super::{Client, answer};

/// How long the gateway may be away before the follower gives up: longer than a gateway takes to be replaced.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pause before the first attempt to come back; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a follower learns.
#[derive(Debug)]
pub enum News {
    /// Something happened to the command.
    Event(Box<Event>),
    /// Something happened to the question whether it may run, which somebody has to answer.
    Proposal(Box<ProposalEvent>),
    /// The connection broke, after it had worked; the follower comes back by itself.
    Interrupted(ClientError),
    /// The gateway says that nothing follows.
    End,
}

/// Follows one command.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    id: CommandId,
    connection: Option<(Response, SseParser)>,
    last_id: Option<Arc<str>>,
    /// What has been given is not given again, even if a server does not know `Last-Event-ID`.
    next_n: u64,
    /// The same for the events of its approval, which have no id: they come again after each break.
    next_proposal: u64,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    pause: Duration,
}

// === impl Follow ===

impl Follow {
    pub(super) fn new(client: Client, id: CommandId) -> Self {
        Self { client, id, connection: None, last_id: None, next_n: 0, next_proposal: 0, trouble: None }
    }

    /// Waits for the next news. Nothing is lost if the wait is given up; after [`News::End`] there is none.
    ///
    /// # Errors
    /// When the gateway refuses, answers with what cannot be understood, or has been away for too long.
    pub async fn next(&mut self) -> Result<News, ClientError> {
        loop {
            match self.try_next().await {
                Ok(Some(news)) => return Ok(news),
                Ok(None) => {}
                Err(error) => {
                    self.connection = None;
                    if let Some(news) = self.note_trouble(error)? {
                        return Ok(news);
                    }
                }
            }
        }
    }

    /// One step: connects, or reads a piece, or takes an event from what was read.
    async fn try_next(&mut self) -> Result<Option<News>, ClientError> {
        let Some((response, parser)) = &mut self.connection else {
            self.connect().await?;
            return Ok(None);
        };
        if let Some(event) = parser.next_event() {
            return self.take(event);
        }
        match answer::chunk(response).await? {
            Some(bytes) => {
                self.trouble = None;
                parser.push(bytes.as_ref()).map_err(|_| ClientError::TooLarge(MAX_EVENT_BYTES))?;
            }
            // A gateway that stops ends its streams like this.
            None => return Err(ClientError::Ended),
        }
        Ok(None)
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        if let Some(trouble) = &self.trouble {
            tokio::time::sleep(trouble.pause).await;
        }
        let mut request = self.client.request(Method::GET, &["commands", self.id.as_str(), "events"]);
        request = request.header("accept", "text/event-stream");
        if let Some(last_id) = &self.last_id {
            request = request.header("last-event-id", last_id.as_ref());
        }
        self.connection = Some((self.client.send(request).await?, SseParser::default()));
        Ok(())
    }

    fn take(&mut self, event: SseEvent) -> Result<Option<News>, ClientError> {
        if event.last_id.is_some() {
            self.last_id = event.last_id;
        }
        if event.name == "end" {
            return Ok(Some(News::End));
        }
        if event.name.starts_with("ogent.approval.") {
            return Ok(self.take_proposal(&event.data));
        }
        let event: Event = serde_json::from_str(&event.data).map_err(ClientError::Answer)?;
        if event.n < self.next_n {
            return Ok(None);
        }
        self.next_n = event.n + 1;
        Ok(Some(News::Event(Box::new(event))))
    }

    fn take_proposal(&mut self, data: &str) -> Option<News> {
        // One that a later version has invented: the end of the command comes all the same.
        let event: ProposalEvent = serde_json::from_str(data).ok()?;
        if event.n < self.next_proposal {
            return None;
        }
        self.next_proposal = event.n.saturating_add(1);
        Some(News::Proposal(Box::new(event)))
    }

    /// Whether to come back, and whether to say so.
    fn note_trouble(&mut self, error: ClientError) -> Result<Option<News>, ClientError> {
        if !error.is_passing() {
            return Err(error);
        }
        let now = Instant::now();
        match &mut self.trouble {
            Some(trouble) if now.duration_since(trouble.since) > PATIENCE => Err(error),
            Some(trouble) => {
                trouble.pause = (trouble.pause * 2).min(LONGEST_PAUSE);
                Ok(None)
            }
            None => {
                self.trouble = Some(Trouble { since: now, pause: FIRST_PAUSE });
                Ok(Some(News::Interrupted(error)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
