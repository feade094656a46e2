//! What goes over a WebSocket: [`ClientMessage`] from the client, [`ServerMessage`] to it, as JSON text.

use std::fmt;

use jiff::Timestamp;
use ogent_protocol::rest::AgentView;
use ogent_protocol::wire::DecodeError;
use ogent_protocol::{AgentId, CommandId, CommandStatus, Encoding, Event, ProposalEvent};
use ogent_runtime::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limits::{WS_MAX_MESSAGE_BYTES, WS_MAX_REF_BYTES};

/// What a client may say. The set is closed, and unknown fields are errors.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientMessage {
    /// Who it is; the first message of a client that could not say so in a header.
    Auth {
        /// An access token.
        #[serde(deserialize_with = "secret")]
        token: Secret,
    },
    /// Send what happens at a topic.
    Subscribe {
        /// What messages about it are marked with; the gateway makes one up where it is missing.
        #[serde(default, rename = "ref")]
        reference: Option<Reference>,
        /// Which topic.
        topic: Topic,
    },
    /// Stop that.
    Unsubscribe {
        /// As in `subscribe` or `subscribed`.
        #[serde(rename = "ref")]
        reference: Reference,
    },
    /// Answer `pong`.
    Ping {},
}

/// What can be followed: `"agents"`, `{"results": {…}}` or `{"command": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Topic {
    /// All agents: each one as it is now, then each change.
    Agents,
    /// The events of all commands of one agent.
    Results(Results),
    /// The events of one command, until its end.
    Command(OneCommand),
}

/// The events of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Results {
    /// Which agent.
    pub(super) agent: AgentId,
    /// Begin behind the event with this `seq`; with what happens from now on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<u64>,
}

/// The events of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneCommand {
    /// Which command.
    pub(super) command: CommandId,
    /// Begin behind the event with this `seq`; with its first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<u64>,
}

/// What the gateway says. The set is closed; clients must ignore fields that they do not know.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage {
    /// The client is logged in.
    Ready {
        /// As whom.
        user: String,
        /// When the token ends, and the socket with it.
        expires_at: Timestamp,
    },
    /// A topic is followed from now on.
    Subscribed {
        /// What messages about it are marked with.
        #[serde(rename = "ref")]
        reference: Reference,
        /// Which one.
        topic: Topic,
    },
    /// Something happened to a command.
    Event {
        /// Of which subscription.
        #[serde(rename = "ref")]
        reference: Reference,
        /// Give it as `after` to go on behind this event. Of `results`, its place in the stream of all events; of
        /// `command`, its number among those of the command.
        seq: u64,
        /// The CloudEvent.
        event: Box<Event>,
    },
    /// Something happened to a command before it was sent: somebody has to approve it.
    Approval {
        /// Of which subscription.
        #[serde(rename = "ref")]
        reference: Reference,
        /// The CloudEvent.
        event: Box<ProposalEvent>,
    },
    /// An agent as it is now.
    Agent {
        /// Of which subscription.
        #[serde(rename = "ref")]
        reference: Reference,
        /// The agent.
        agent: Box<AgentView>,
    },
    /// The client was too slow and has missed changes of agents; all agents follow once more.
    Gap {
        /// Of which subscription.
        #[serde(rename = "ref")]
        reference: Reference,
        /// Changes that were missed.
        missed: u64,
    },
    /// A subscription is over.
    Ended {
        /// Which one.
        #[serde(rename = "ref")]
        reference: Reference,
        /// How the command ended, if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<CommandStatus>,
    },
    /// A message was not understood, or a subscription cannot go on.
    Error {
        /// Which subscription, if it is about one.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
        /// The kind of error, for programs; as in HTTP's problems.
        code: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The answer to `ping`.
    Pong,
}

/// The name of a subscription, chosen by the client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Reference(String);

/// A text that cannot name a subscription.
#[derive(Debug, thiserror::Error)]
#[error("a ref has 1 to {WS_MAX_REF_BYTES} bytes")]
pub(super) struct InvalidReference;

// === impl ClientMessage ===

impl ClientMessage {
    /// Reads one message. What is wrong with it is told without repeating all of it.
    pub(super) fn read(text: &str) -> Result<Self, DecodeError> {
        Encoding::Json.decode(text.as_bytes(), WS_MAX_MESSAGE_BYTES)
    }
}

// === impl Reference ===

impl Reference {
    /// A name for a subscription that came without one.
    pub(super) fn numbered(number: u64) -> Self {
        Self(format!("s{number}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, InvalidReference> {
        (1..=WS_MAX_REF_BYTES).contains(&text.len()).then_some(Self(text)).ok_or(InvalidReference)
    }
}

/// Reads one message of a client, for the fuzz target, which cannot name its type: how it shows in a log, and the same
/// message once more.
#[doc(hidden)]
pub fn read_client_message(text: &str) -> Result<(String, Value), DecodeError> {
    let message = ClientMessage::read(text)?;
    let shown = format!("{message:?}");
    let again = match message {
        ClientMessage::Auth { token } => json!({"type": "auth", "token": token.expose()}),
        ClientMessage::Subscribe { reference, topic } => json!({"type": "subscribe", "ref": reference, "topic": topic}),
        ClientMessage::Unsubscribe { reference } => json!({"type": "unsubscribe", "ref": reference}),
        ClientMessage::Ping {} => json!({"type": "ping"}),
    };
    Ok((shown, again))
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(json: &str) -> Result<Topic, String> {
        match ClientMessage::read(json) {
            Ok(ClientMessage::Subscribe { topic, .. }) => Ok(topic),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn topics_are_read() {
        assert_eq!(topic(r#"{"type":"subscribe","topic":"agents"}"#), Ok(Topic::Agents));
        let results = Results { agent: "web-1".parse().unwrap(), after: Some(7) };
        let json = r#"{"type":"subscribe","ref":"r","topic":{"results":{"agent":"web-1","after":7}}}"#;
        assert_eq!(topic(json), Ok(Topic::Results(results)));
        let command = OneCommand { command: "c".parse().unwrap(), after: None };
        assert_eq!(topic(r#"{"type":"subscribe","topic":{"command":{"command":"c"}}}"#), Ok(Topic::Command(command)));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for bad in [
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","topic":"agents","x":1}"#,
            r#"{"type":"subscribe","topic":{"results":{"agent":"a","x":1}}}"#,
            r#"{"type":"subscribe","topic":{"results":{"agent":"*"}}}"#,
            r#"{"type":"subscribe","topic":"agents","ref":""}"#,
            r#"{"type":"unsubscribe"}"#,
            r#"{"type":"ping","x":1}"#,
            r#"{"type":"exec"}"#,
            r#"{"token":"x"}"#,
            "[]",
            r#"["ping"]"#,
        ] {
            assert!(ClientMessage::read(bad).is_err(), "{bad}");
        }
        assert!(ClientMessage::read(r#"{"type":"ping"}"#).is_ok());
    }

    #[test]
    fn a_token_does_not_show() {
        let message = ClientMessage::read(r#"{"type":"auth","token":"abc.def"}"#).unwrap();
        assert!(!format!("{message:?}").contains("abc"));
    }

    #[test]
    fn messages_are_written_with_their_type() {
        let reference = Reference::numbered(1);
        let ended = ServerMessage::Ended { reference, status: Some(CommandStatus::Succeeded) };
        assert_eq!(serde_json::to_string(&ended).unwrap(), r#"{"type":"ended","ref":"s1","status":"succeeded"}"#);
        assert_eq!(serde_json::to_string(&ServerMessage::Pong).unwrap(), r#"{"type":"pong"}"#);
    }
}
