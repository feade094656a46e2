//! Receives what comes on an agent's exec subject and what the ledger holds for it, gives intents.

use async_nats::{HeaderMap, Message};
use futures::StreamExt as _;
use ogent_protocol::subject::{self, COMMANDS};
use ogent_protocol::{AgentId, CommandId, Encoding, Intent, IntentWire, Link, limits};

use crate::connect::{Broker, BrokerError};
use crate::direct::{header_number, was_given_out, was_stored_once};
use crate::listen::Published;
use crate::sign::Original;

/// An answer may hold credentials and labels; what is larger is read as an intent.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// An agent's ear.
pub struct Intake {
    broker: Broker,
    agent: AgentId,
    published: Published,
}

/// What an agent hears.
#[derive(Debug)]
pub enum Heard {
    /// The ledger has stored this intent, and rings.
    Stored {
        /// Its sequence in the stream of commands.
        sequence: u64,
        /// What is wanted.
        intent: Intent,
        /// The same as it came.
        original: Original,
    },
    /// Somebody has published this intent straight to the agent.
    Direct {
        /// What is wanted.
        intent: Intent,
        /// The same as it came.
        original: Original,
        /// Where the answer goes, if somebody waits for one.
        reply: Option<ReplyTo>,
    },
    /// Something that is not an intent for this agent.
    Refused {
        /// A code that does not change.
        code: &'static str,
        /// What is wrong with it.
        problem: String,
        /// The command that the ledger keeps it under, if it came from there.
        command: Option<CommandId>,
        /// What its end follows.
        link: Link,
        /// Where the answer goes, if somebody waits for one.
        reply: Option<ReplyTo>,
    },
}

/// Somebody who waits for an answer, in the encoding in which they asked.
#[derive(Debug, Clone)]
pub struct ReplyTo {
    broker: Broker,
    subject: String,
    encoding: Encoding,
}

// === impl Intake ===

impl Intake {
    /// Listens on the agent's exec subject.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn open(broker: &Broker, agent: &AgentId) -> Result<Self, BrokerError> {
        let published = broker.listen(subject::exec(agent)).await?;
        Ok(Self { broker: broker.clone(), agent: agent.clone(), published })
    }

    /// The next message; `None` when the connection is closed for good.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            let message = self.published.next().await?;
            if is_answer(&message) {
                tracing::trace!("passed over an answer that somebody has led here");
                continue;
            }
            return Some(self.hear(&message));
        }
    }

    /// Stops listening; what has come already can still be taken.
    pub async fn close(&mut self) {
        self.published.close().await;
    }

    fn hear(&self, message: &Message) -> Heard {
        let none = HeaderMap::new();
        let headers = message.headers.as_ref().unwrap_or(&none);
        let content_type = headers.get("Content-Type").map(async_nats::HeaderValue::as_str);
        let encoding = Encoding::from_content_type(content_type);
        // Only to inboxes: an answer on any other subject that this agent may use would be taken for its own word.
        let inbox = message.reply.as_ref().filter(|subject| subject.starts_with("_INBOX."));
        let reply = inbox.map(|subject| ReplyTo {
            broker: self.broker.clone(),
            subject: subject.to_string(),
            encoding: encoding.as_ref().copied().unwrap_or_default(),
        });
        let link = Link::to(&message.payload);
        let stored = match self.provenance(&message.subject, headers) {
            Ok(stored) => stored,
            Err(problem) => {
                let (code, problem) = ("foreign_message", problem.to_owned());
                return Heard::Refused { code, problem, command: None, link, reply };
            }
        };
        let intent = encoding.map_err(|error| error.to_string()).and_then(|encoding| {
            let wire: IntentWire =
                encoding.decode(&message.payload, limits::MAX_INTENT_BYTES).map_err(|error| error.to_string())?;
            let names_command = wire.id.is_some();
            let intent = wire.admit(CommandId::generate).map_err(|error| error.to_string())?;
            Ok((intent, Original::of(headers, encoding, &message.payload, names_command)))
        });
        let (intent, original) = match intent {
            Ok(intent) => intent,
            Err(problem) => {
                let command = stored.map(|(_, command)| command);
                return Heard::Refused { code: "malformed_intent", problem, command, link, reply };
            }
        };
        if intent.agent().is_some_and(|named| *named != self.agent) {
            let problem = "it names another agent".to_owned();
            return Heard::Refused { code: "foreign_message", problem, command: None, link, reply };
        }
        match stored {
            None => Heard::Direct { intent, original, reply },
            Some((sequence, id)) if *intent.id() == id => Heard::Stored { sequence, intent, original },
            Some(_) => {
                let problem = "it names another command than its subject".to_owned();
                Heard::Refused { code: "foreign_message", problem, command: None, link, reply }
            }
        }
    }

    /// Whether the ledger's republishing brought the message, and for which command.
    ///
    /// Other ways lead to this subject: a consumer can be told to deliver here, and a Direct Get to answer here. Such
    /// messages carry the headers of the stream that they come from, and their own subject.
    fn provenance(&self, at: &str, headers: &HeaderMap) -> Result<Option<(u64, CommandId)>, &'static str> {
        if at != subject::exec(&self.agent) {
            return Err("it came for another subject");
        }
        if !was_given_out(headers) {
            return Ok(None);
        }
        let stream = headers.get("Nats-Stream").ok_or("it comes from nowhere")?;
        if stream.as_str() != COMMANDS || !was_stored_once(headers) {
            return Err("it comes from another stream");
        }
        let stored = headers.get("Nats-Subject").and_then(|stored| subject::parse_ledger(stored.as_str()));
        match (stored, header_number(Some(headers), "Nats-Sequence")) {
            (Some((agent, command)), Some(sequence)) if agent == self.agent => Ok(Some((sequence, command))),
            _ => Err("it was stored for another agent"),
        }
    }
}

/// Whether a message is some answer that was led here: whoever asks names the subject for it. It says nothing of what an
/// intent says, and nobody waits for a word about it, so it is not worth an event either.
fn is_answer(message: &Message) -> bool {
    #[derive(serde::Deserialize)]
    struct Outline {
        #[serde(default, rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        command: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        argv: Option<serde::de::IgnoredAny>,
    }
    if message.reply.is_some() {
        return false;
    }
    if message.status.is_some() {
        return true;
    }
    let content_type = message.headers.as_ref().and_then(|headers| headers.get("Content-Type"));
    let Ok(encoding) = Encoding::from_content_type(content_type.map(async_nats::HeaderValue::as_str)) else {
        return false;
    };
    let outline: Result<Outline, _> = encoding.decode(&message.payload, MAX_ANSWER_BYTES);
    outline.is_ok_and(|outline| {
        let is_wish = matches!(outline.kind.as_deref(), Some("run" | "cancel"));
        !is_wish && outline.command.is_none() && outline.argv.is_none()
    })
}

// === impl ReplyTo ===

impl ReplyTo {
    /// Sends the answer.
    pub async fn send<T: serde::Serialize>(&self, answer: &T) {
        self.publish(answer, HeaderMap::new()).await;
    }

    /// Sends an error, with the headers by which NATS micro services mark one.
    pub async fn refuse<T: serde::Serialize>(&self, problem: &T, status: u16, text: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Service-Error-Code", status.to_string().as_str());
        // A header ends at a line break; what a client sent may hold one.
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        headers.insert("Nats-Service-Error", line.as_str());
        self.publish(problem, headers).await;
    }

    async fn publish<T: serde::Serialize>(&self, answer: &T, mut headers: HeaderMap) {
        headers.insert("Content-Type", self.encoding.content_type());
        let payload = match self.encoding.encode(answer) {
            Ok(payload) => payload,
            Err(error) => return tracing::warn!(%error, "an answer could not be written"),
        };
        let sent = self.broker.client().publish_with_headers(self.subject.clone(), headers, payload.into()).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "an answer could not be sent");
        }
    }
}
