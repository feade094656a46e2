//! Receives messages from a session and its subscriptions, gives them to the client one after another, and pings it.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures::SinkExt as _;
use futures::stream::SplitSink;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::message::ServerMessage;
use crate::limits::{WS_PING_EVERY, WS_WRITE_WITHIN};

/// What a session wants written.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A message.
    Message(ServerMessage),
    /// The end, with a code of RFC 6455 and the reason.
    Close(u16, &'static str),
}

/// Where messages wait for the client. When it is full, whoever sends waits.
pub(super) type Outbox = mpsc::Sender<Outgoing>;

/// The client has gone, or takes nothing more.
#[derive(Debug)]
struct Gone;

/// Writes until the end is written, nobody can send any more, or the client takes nothing. All who send then fail.
pub(super) async fn write(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Outgoing>) {
    let mut ping = interval_at(Instant::now() + WS_PING_EVERY, WS_PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing::Message(message)) => text(&message),
                Some(Outgoing::Close(code, reason)) => {
                    let frame = CloseFrame { code, reason: reason.into() };
                    // The last message: whether it arrives changes nothing any more.
                    let _ = send(&mut sink, Message::Close(Some(frame))).await;
                    return;
                }
                None => return,
            },
            _ = ping.tick() => Some(Message::Ping(Bytes::new())),
        };
        if let Some(message) = message
            && send(&mut sink, message).await.is_err()
        {
            return;
        }
    }
}

fn text(message: &ServerMessage) -> Option<Message> {
    let text = serde_json::to_string(message);
    let text = text.inspect_err(|error| tracing::error!(%error, "invariant violated: a message cannot be written"));
    text.ok().map(|text| Message::Text(text.into()))
}

async fn send(sink: &mut SplitSink<WebSocket, Message>, message: Message) -> Result<(), Gone> {
    match timeout(WS_WRITE_WITHIN, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a socket broke off");
            Err(Gone)
        }
        Err(_) => {
            tracing::debug!("a socket takes nothing, cut off");
            Err(Gone)
        }
    }
}
