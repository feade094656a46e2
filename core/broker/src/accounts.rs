//! The accounts of the broker and what they share, as data.
//!
//! Agents live in an account of their own, without JetStream. Whatever reply or deliver subject a hostile one names
//! means something in that account only: between the accounts pass exactly the subjects of [`shared`].

use ogent_protocol::subject::{
    self, AGENTS_BUCKET, COMMANDS, ENROLL_REQUESTS, INVENTORY_BUCKET, PRESENCE_BUCKET, RESULTS,
};

use crate::credentials::account::Direction;

/// How requests to JetStream begin.
pub const JETSTREAM_API: &str = "$JS.API";
/// How they begin in the agents' account, which has no JetStream and would answer the usual ones itself.
pub const LEDGER_API: &str = "LEDGER.API";

/// A space of subjects of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// The broker's own: questions to it, and new versions of accounts.
    System,
    /// Everything but agents; has the streams.
    Ogent,
    /// Agents, and machines that want to become one.
    Agents,
}

/// Subjects of the account OGENT that the account AGENTS takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The subjects in OGENT.
    pub subject: String,
    /// The subjects in AGENTS.
    pub local: String,
    /// Whether agents hear them or publish them.
    pub direction: Direction,
    /// Whether a request gets more than one answer.
    pub is_stream: bool,
}

// === impl Account ===

impl Account {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Ogent, Self::Agents];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "SYS",
            Self::Ogent => "OGENT",
            Self::Agents => "AGENTS",
        }
    }
}

/// All that passes between the two accounts.
#[must_use]
pub fn shared() -> Vec<Shared> {
    let service = |subject: &str| Shared {
        subject: subject.to_owned(),
        local: subject.to_owned(),
        direction: Direction::Service,
        is_stream: false,
    };
    let api =
        |rest: &str| Shared { local: format!("{LEDGER_API}.{rest}"), ..service(&format!("{JETSTREAM_API}.{rest}")) };
    let bucket = |bucket: &str| service(&format!("$KV.{bucket}.*"));
    let value = |bucket: &str| api(&format!("DIRECT.GET.KV_{bucket}.$KV.{bucket}.*"));
    vec![
        service(subject::ALL_COMMANDS),
        service(subject::ALL_RESULTS),
        bucket(AGENTS_BUCKET),
        bucket(PRESENCE_BUCKET),
        bucket(INVENTORY_BUCKET),
        // Answers to `nats req`.
        service("_INBOX.>"),
        service(ENROLL_REQUESTS),
        service(subject::ALL_RENEWALS),
        api(&format!("CONSUMER.CREATE.{COMMANDS}.*.commands.*.>")),
        Shared { is_stream: true, ..api(&format!("CONSUMER.MSG.NEXT.{COMMANDS}.*")) },
        api(&format!("CONSUMER.DELETE.{COMMANDS}.*")),
        api(&format!("DIRECT.GET.{COMMANDS}.commands.*.*")),
        api(&format!("DIRECT.GET.{RESULTS}.results.*.*")),
        value(AGENTS_BUCKET),
        value(PRESENCE_BUCKET),
        Shared { direction: Direction::Stream, ..service(subject::ALL_EXEC) },
    ]
}
