//! Receives a seed, gives wishes: which command, for whom, by which way, and what else is done about it.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::rest::ExecuteRequest;
use ogent_protocol::{AgentId, CommandId, IntentWire, limits};

use crate::evidence::{Behaviour, ClientEvent, Way};
use crate::witness;

/// The one user that there is.
pub(super) const USER: &str = "admin";

/// One command that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    /// Its name, also its `Idempotency-Key`, and its id where it is asked for by NATS.
    pub(crate) nonce: String,
    pub(crate) agent: AgentId,
    pub(crate) way: Way,
    pub(crate) behaviour: Behaviour,
    pub(crate) timeout: Duration,
    /// How long it may wait for its start; `None` leaves it to Ogent.
    pub(crate) start_within: Option<Duration>,
    pub(crate) max_output_bytes: Option<u64>,
    /// Seconds that the gateway is asked to wait for the end.
    pub(crate) wait: u32,
    /// When it is cancelled, from the moment at which it is asked for.
    pub(crate) cancel_after: Option<Duration>,
    /// Whether its events are followed.
    pub(crate) is_followed: bool,
    /// Whether it is asked for at two gateways in the same moment.
    pub(crate) is_doubled: bool,
}

/// A wish, ready to be sent as often as it takes: each time the same.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) wish: Wish,
    argv: Vec<String>,
    not_after: Option<Timestamp>,
}

// === impl Wish ===

impl Wish {
    /// The id that the command has, or would have.
    pub(crate) fn command(&self) -> CommandId {
        match self.way {
            Way::Nats => self.nonce.parse().expect("a nonce is an id"),
            Way::Rest { .. } | Way::Queued { .. } => CommandId::derive(USER, &self.nonce),
        }
    }

    /// How long it may wait for its start, as Ogent sees it.
    pub(crate) fn patience(&self) -> Duration {
        self.start_within.unwrap_or(match self.way {
            Way::Queued { .. } => limits::DEFAULT_QUEUE_WITHIN,
            Way::Rest { .. } | Way::Nats => limits::DEFAULT_START_WITHIN,
        })
    }

    /// The gateway at which it is asked for first.
    pub(crate) fn gateway(&self) -> usize {
        match self.way {
            Way::Rest { gateway } | Way::Queued { gateway } => gateway,
            Way::Nats => 0,
        }
    }

    /// What is written down before anything is sent.
    pub(crate) fn offer(&self) -> ClientEvent {
        ClientEvent::Offer {
            nonce: self.nonce.clone(),
            agent: self.agent.clone(),
            way: self.way,
            behaviour: self.behaviour.clone(),
            timeout_s: self.timeout.as_secs_f64(),
            start_within_s: self.patience().as_secs_f64(),
            max_output_bytes: self.max_output_bytes,
        }
    }
}

// === impl Order ===

impl Order {
    /// From now on it may wait for its start.
    pub(crate) fn new(wish: Wish, program: &Path, file: &Path) -> Self {
        let argv = witness::argv(program, file, &wish.nonce, &wish.behaviour);
        let not_after = wish
            .start_within
            .and_then(|within| Timestamp::now().checked_add(SignedDuration::try_from(within).ok()?).ok());
        Self { wish, argv, not_after }
    }

    /// As the gateways want it.
    pub(crate) fn request(&self) -> ExecuteRequest {
        ExecuteRequest {
            argv: Some(self.argv.clone()),
            env: self.env().into(),
            timeout_s: Some(self.wish.timeout.as_secs_f64()),
            not_after: self.not_after,
            max_output_bytes: self.wish.max_output_bytes,
            queue: matches!(self.wish.way, Way::Queued { .. }),
            ..ExecuteRequest::default()
        }
    }

    /// As an agent wants it.
    pub(crate) fn intent(&self) -> IntentWire {
        IntentWire {
            id: Some(self.wish.command()),
            argv: Some(self.argv.clone()),
            env: self.env().into(),
            timeout_s: Some(self.wish.timeout.as_secs_f64()),
            not_after: self.not_after,
            max_output_bytes: self.wish.max_output_bytes,
            requested_by: Some("chaos".to_owned()),
            ..IntentWire::default()
        }
    }

    fn env(&self) -> [(String, String); 1] {
        [(witness::NONCE.to_owned(), self.wish.nonce.clone())]
    }
}
