//! Receives the messages of one WebSocket client, gives each subscription a task, and ends all of them in the end.

use std::collections::HashMap;

use axum::extract::ws::{Message, WebSocket, close_code};
use futures::StreamExt as _;
use futures::stream::SplitStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::message::{ClientMessage, Reference, ServerMessage, Topic};
use super::subscription;
use super::writer::{Outbox, Outgoing, write};
use crate::access::{Action, Principal, Resource, Seen};
use crate::http::Shared;
use crate::http::problem::Code;
use crate::limits::{WS_AUTH_WITHIN, WS_IDLE, WS_MAX_SUBSCRIPTIONS, WS_OUTBOX, WS_WRITE_WITHIN};
use crate::streams::{Ended, Place};

/// Why a socket is closed: a code of RFC 6455 and words for people.
type Closing = (u16, &'static str);

const UNREADABLE: Closing = (close_code::PROTOCOL, "not a message, or one of more than 64 KiB");
const LEFT: Closing = (close_code::NORMAL, "bye");
const NOT_LOGGED_IN: Closing = (close_code::POLICY, "send an auth message with a valid token first");
const FULL: Closing = (close_code::AGAIN, "too many streams are open; try again");
const SILENT: Closing = (close_code::POLICY, "no sign of life");
/// Like 401: private codes begin at 4000.
const LOG_IN_AGAIN: u16 = 4401;
const EXPIRED: Closing = (LOG_IN_AGAIN, "the token has ended");
const REVOKED: Closing = (LOG_IN_AGAIN, "the session has ended");
const STOPPING: Closing = (close_code::AWAY, "the gateway stops; connect again");

/// One client that is logged in.
struct Session {
    services: Shared,
    principal: Principal,
    outbox: Outbox,
    // Dropped with the session, which ends all of them.
    tasks: JoinSet<()>,
    subscriptions: HashMap<Reference, Subscription>,
    // How many subscriptions have been named by the gateway.
    numbered: u64,
}

/// One topic that a client follows.
struct Subscription {
    stop: CancellationToken,
    task: AbortHandle,
}

/// Talks with one client until either side has enough. `place` is that of a stranger where there is no principal yet.
pub(super) async fn run(socket: WebSocket, services: Shared, principal: Option<Principal>, mut place: Place) {
    let (sink, mut source) = socket.split();
    let (outbox, queue) = mpsc::channel(WS_OUTBOX);
    let writer = tokio::spawn(write(sink, queue));
    let admitted = match principal {
        Some(principal) => Ok(principal),
        None => admit(&mut source, &services, &mut place).await,
    };
    let closing = match admitted {
        Ok(principal) => Session::new(services, principal, outbox.clone()).run(source).await,
        Err(closing) => closing,
    };
    // The writer gives up on a client that takes nothing, so neither of these waits for ever; a writer that is
    // gone already is what we want.
    let (code, reason) = closing;
    let _ = timeout(WS_WRITE_WITHIN, outbox.send(Outgoing::Close(code, reason))).await;
    drop(outbox);
    let _ = writer.await;
    drop(place);
}

/// Lets a stranger log in, and changes the `place` of a stranger for that of a user.
async fn admit(
    source: &mut SplitStream<WebSocket>,
    services: &Shared,
    place: &mut Place,
) -> Result<Principal, Closing> {
    let principal = log_in(source, services).await.ok_or(NOT_LOGGED_IN)?;
    *place = services.streams.enter("ws", &principal).ok_or(FULL)?;
    Ok(principal)
}

async fn log_in(source: &mut SplitStream<WebSocket>, services: &Shared) -> Option<Principal> {
    let first = timeout(WS_AUTH_WITHIN, source.next()).await.ok()??.ok()?;
    let ClientMessage::Auth { token } = ClientMessage::read(first.to_text().ok()?).ok()? else { return None };
    let verified = services.authority.authenticate(token.expose()).await;
    verified.inspect_err(|error| tracing::debug!(%error, "a socket was refused")).ok()
}

// === impl Session ===

impl Session {
    fn new(services: Shared, principal: Principal, outbox: Outbox) -> Self {
        let (tasks, subscriptions) = (JoinSet::new(), HashMap::new());
        Self { services, principal, outbox, tasks, subscriptions, numbered: 0 }
    }

    async fn run(mut self, mut source: SplitStream<WebSocket>) -> Closing {
        let expires_at = self.principal.expires_at;
        let mut end = Box::pin(self.services.end_of(&self.principal));
        let outbox = self.outbox.clone();
        let mut closing = self.say(ServerMessage::Ready { user: self.principal.user.clone(), expires_at }).await;
        while closing.is_none() {
            let message = tokio::select! {
                ended = &mut end => return closing_of(ended),
                // The writer has given up on the client, who may go on talking without ever listening.
                () = outbox.closed() => return LEFT,
                message = timeout(WS_IDLE, source.next()) => message,
            };
            let handled = async {
                match message {
                    Ok(Some(Ok(message))) => self.take(message).await,
                    Ok(Some(Err(error))) => {
                        tracing::debug!(%error, "a socket cannot be read");
                        Some(UNREADABLE)
                    }
                    Ok(None) => Some(LEFT),
                    Err(_) => Some(SILENT),
                }
            };
            // An answer waits while the client takes nothing; the end must not wait with it.
            closing = tokio::select! {
                ended = &mut end => return closing_of(ended),
                closing = handled => closing,
            };
        }
        closing.unwrap_or(LEFT)
    }

    /// Does what the client says. Gives the reason if this ends the session.
    async fn take(&mut self, message: Message) -> Option<Closing> {
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => return self.refuse(None, Code::InvalidRequest, "send text, not bytes").await,
            Message::Ping(_) | Message::Pong(_) => return None,
            Message::Close(_) => return Some(LEFT),
        };
        match ClientMessage::read(text) {
            Ok(ClientMessage::Ping {}) => self.say(ServerMessage::Pong).await,
            Ok(ClientMessage::Auth { .. }) => self.refuse(None, Code::InvalidRequest, "is logged in already").await,
            Ok(ClientMessage::Subscribe { reference, topic }) => self.subscribe(reference, topic).await,
            Ok(ClientMessage::Unsubscribe { reference }) => self.unsubscribe(reference).await,
            Err(error) => self.refuse(None, Code::InvalidRequest, &error.to_string()).await,
        }
    }

    async fn subscribe(&mut self, reference: Option<Reference>, topic: Topic) -> Option<Closing> {
        // What of the topic the principal may see is asked by the subscription, again and again.
        if self.services.users_meter.take(self.principal.user.clone()).is_err() {
            return self.refuse(reference, Code::TooManyRequests, "too many requests; wait a moment").await;
        }
        if let Err(denied) = self.services.access.may(&self.principal, Action::Follow, &Resource::Fleet) {
            return self.refuse(reference, Code::Forbidden, &denied.to_string()).await;
        }
        self.subscriptions.retain(|_, subscription| !subscription.task.is_finished());
        // Finished tasks leave their result behind until somebody takes it.
        while self.tasks.try_join_next().is_some() {}
        if self.subscriptions.len() >= WS_MAX_SUBSCRIPTIONS {
            return self.refuse(reference, Code::InvalidRequest, "too many subscriptions on one socket").await;
        }
        let reference = reference.unwrap_or_else(|| self.number());
        if self.subscriptions.contains_key(&reference) {
            return self.refuse(Some(reference), Code::InvalidRequest, "this ref is in use").await;
        }
        let (services, outbox, stop) = (self.services.clone(), self.outbox.clone(), CancellationToken::new());
        let seen = Seen::new(&services.access, &self.principal);
        let served = subscription::serve(services, seen, reference.clone(), topic, outbox, stop.clone());
        let task = self.tasks.spawn(served);
        self.subscriptions.insert(reference, Subscription { stop, task });
        None
    }

    /// The task itself says `ended`, as its last message. Until then its mark is in use.
    async fn unsubscribe(&mut self, reference: Reference) -> Option<Closing> {
        match self.subscriptions.get(&reference) {
            Some(subscription) if !subscription.task.is_finished() => {
                subscription.stop.cancel();
                None
            }
            _ => self.refuse(Some(reference), Code::InvalidRequest, "there is no such subscription").await,
        }
    }

    async fn refuse(&self, reference: Option<Reference>, code: Code, detail: &str) -> Option<Closing> {
        self.say(ServerMessage::Error { reference, code: code.as_str(), detail: detail.to_owned() }).await
    }

    async fn say(&self, message: ServerMessage) -> Option<Closing> {
        // It fails when the writer has given up on the client.
        self.outbox.send(Outgoing::Message(message)).await.err().map(|_| LEFT)
    }

    fn number(&mut self) -> Reference {
        loop {
            self.numbered += 1;
            let reference = Reference::numbered(self.numbered);
            if !self.subscriptions.contains_key(&reference) {
                return reference;
            }
        }
    }
}

fn closing_of(ended: Ended) -> Closing {
    match ended {
        Ended::Expired => EXPIRED,
        Ended::Revoked => REVOKED,
        Ended::Stopping => STOPPING,
    }
}
