//! Receives what happens at one topic from the ledger or the directory, gives it to the writer of one socket.

use ogent_broker::{AgentState, BrokerError, ReadError};
use ogent_protocol::{AgentId, CommandStatus};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::message::{OneCommand, Reference, Results, ServerMessage, Topic};
use super::requesters::Requesters;
use super::writer::{Outbox, Outgoing};
use crate::access::{self, Resource, Seen};
use crate::agents;
use crate::history::{Happened, HistoryError};
use crate::http::Shared;
use crate::http::problem::Code;

/// Why a subscription is over.
#[derive(Debug, thiserror::Error)]
enum Over {
    /// The socket takes nothing any more.
    #[error("the socket is closed")]
    Gone,
    /// There is nothing to follow.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
    /// It cannot be followed, or not any further.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Sends the messages of one topic under one mark.
struct Channel {
    reference: Reference,
    outbox: Outbox,
    seen: Seen,
}

/// Follows `topic` until it ends, cannot go on, or is told to `stop`. The last message with its mark is `ended`.
pub(super) async fn serve(
    services: Shared,
    seen: Seen,
    reference: Reference,
    topic: Topic,
    outbox: Outbox,
    stop: CancellationToken,
) {
    let channel = Channel { reference, outbox, seen };
    let followed = async {
        match topic {
            Topic::Agents => channel.agents(&services).await,
            Topic::Results(wanted) => channel.results(&services, wanted).await,
            Topic::Command(wanted) => channel.command(&services, wanted).await,
        }
    };
    let end = tokio::select! {
        end = followed => end,
        () = stop.cancelled() => Ok(None),
    };
    match end {
        Ok(status) => channel.ended(status).await,
        Err(over) => channel.explain(over).await,
    }
}

// === impl Channel ===

impl Channel {
    async fn agents(&self, services: &Shared) -> Result<Option<CommandStatus>, Over> {
        // First listen, then look: what changes in between is heard, at worst twice.
        let (mut changes, mut rights) = (services.directory.subscribe(), services.access.watch());
        self.subscribed(Topic::Agents).await?;
        self.all_agents(services).await?;
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                // Others may be seen now than before.
                () = rights.next() => {
                    self.all_agents(services).await?;
                    continue;
                }
            };
            match change {
                Ok(state) => self.agent(&state).await?,
                Err(RecvError::Lagged(missed)) => {
                    self.send(ServerMessage::Gap { reference: self.reference.clone(), missed }).await?;
                    self.all_agents(services).await?;
                }
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    async fn all_agents(&self, services: &Shared) -> Result<(), Over> {
        for state in services.directory.list() {
            self.agent(&state).await?;
        }
        Ok(())
    }

    async fn agent(&self, state: &AgentState) -> Result<(), Over> {
        if !self.seen.agent(&state.info.id) {
            return Ok(());
        }
        let (reference, agent) = (self.reference.clone(), Box::new(agents::view(state)));
        self.send(ServerMessage::Agent { reference, agent }).await
    }

    async fn results(&self, services: &Shared, wanted: Results) -> Result<Option<CommandStatus>, Over> {
        let Results { agent, after } = &wanted;
        let mut rights = services.access.watch();
        let is_there = || services.directory.labels(agent).is_some() && self.seen.agent(agent);
        if !is_there() {
            return Err(Over::UnknownAgent(agent.clone()));
        }
        let (mut asked_by, agent) = (Requesters::new(services), agent.clone());
        let mut feed = services.ledger.follow_agent(&agent, *after).await?;
        self.subscribed(Topic::Results(wanted)).await?;
        loop {
            let stored = tokio::select! {
                stored = feed.next() => stored?,
                () = rights.next() => match services.directory.labels(&agent).is_some() && self.seen.agent(&agent) {
                    true => continue,
                    false => return Err(Over::UnknownAgent(agent)),
                },
            };
            let requested_by = asked_by.of(&agent, &stored.event).await?;
            let id = stored.event.command.clone();
            let command = Resource::Command(&id, &agent, requested_by.as_deref());
            if !self.seen.command(&command) {
                continue;
            }
            let stored = access::shown(&self.seen, &command, stored);
            let (reference, event) = (self.reference.clone(), Box::new(stored.event));
            self.send(ServerMessage::Event { reference, seq: stored.sequence, event }).await?;
        }
    }

    async fn command(&self, services: &Shared, wanted: OneCommand) -> Result<Option<CommandStatus>, Over> {
        let found = services.history.look(&wanted.command).await?.into_found();
        if !self.seen.command(&found.resource()) {
            return Err(HistoryError::NotFound(wanted.command).into());
        }
        let id = wanted.command.clone();
        let mut sight = self.seen.clone().sight(found);
        let mut follow = services.history.follow(&wanted.command, wanted.after).await?;
        self.subscribed(Topic::Command(wanted)).await?;
        loop {
            let next = tokio::select! {
                next = follow.next() => next?,
                () = sight.lost() => return Err(HistoryError::NotFound(id).into()),
            };
            let Some(happened) = next else { break };
            let reference = self.reference.clone();
            let message = match happened {
                Happened::Approval(event) => ServerMessage::Approval { reference, event },
                Happened::Event(stored) => {
                    let stored = sight.shown(*stored);
                    ServerMessage::Event { reference, seq: stored.event.n, event: Box::new(stored.event) }
                }
            };
            self.send(message).await?;
        }
        Ok(Some(follow.status()))
    }

    /// Said once the feed is joined: what happens after the client has read this comes.
    async fn subscribed(&self, topic: Topic) -> Result<(), Over> {
        self.send(ServerMessage::Subscribed { reference: self.reference.clone(), topic }).await
    }

    async fn explain(&self, over: Over) {
        let code = match &over {
            Over::Gone => return,
            Over::UnknownAgent(_) => Code::UnknownAgent,
            Over::History(HistoryError::NotFound(_)) => Code::UnknownCommand,
            Over::History(HistoryError::Read(ReadError::Corrupt { .. })) => Code::Internal,
            Over::History(_) => Code::BrokerUnavailable,
        };
        tracing::debug!(error = %over, "a subscription is over");
        let detail = over.to_string();
        let error = ServerMessage::Error { reference: Some(self.reference.clone()), code: code.as_str(), detail };
        // The client hears both: why, and that it may use the mark again. If it is gone it needs neither.
        if self.send(error).await.is_ok() {
            self.ended(None).await;
        }
    }

    async fn ended(&self, status: Option<CommandStatus>) {
        // A socket that is gone does not need to know.
        let _ = self.send(ServerMessage::Ended { reference: self.reference.clone(), status }).await;
    }

    async fn send(&self, message: ServerMessage) -> Result<(), Over> {
        self.outbox.send(Outgoing::Message(message)).await.map_err(|_| Over::Gone)
    }
}

impl From<ReadError> for Over {
    fn from(error: ReadError) -> Self {
        Self::History(error.into())
    }
}

impl From<BrokerError> for Over {
    fn from(error: BrokerError) -> Self {
        Self::History(error.into())
    }
}
