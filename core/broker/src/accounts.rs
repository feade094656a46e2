//! The accounts of the broker and what they share, as data.
//!
//! Whoever asks for something names the subject for the answer, and the broker publishes it there with its own rights.
//! So everybody who may ask but not write has an account of their own, without JetStream: a reply or deliver subject
//! means something in that account only, and between the accounts pass exactly the subjects of [`shared`].

use ogent_protocol::subject::{
    self, AGENTS_BUCKET, ANALYSES, ANALYSIS_REQUESTS, ANALYSIS_RESULTS, COMMANDS, ENROLL_REQUESTS, IDENTITIES_BUCKET,
    INVENTORY_BUCKET, INVITES_BUCKET, PRESENCE_BUCKET, REGISTRAR_ADMIN, RESULTS,
};

use crate::credentials::account::Direction;
use crate::service;

/// How requests to JetStream begin.
pub const JETSTREAM_API: &str = "$JS.API";
/// How they begin in the accounts that have no JetStream and would answer the usual ones themselves.
pub const LEDGER_API: &str = "LEDGER.API";

/// A space of subjects of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// The broker's own: questions to it, and new versions of accounts.
    System,
    /// Has the streams; and those who write the history of others, which are gateways.
    Ogent,
    /// Agents, and machines that want to become one.
    Agents,
    /// Those who judge commands.
    Analysts,
    /// Those who give agents their identities.
    Registrars,
    /// Those who copy the history elsewhere.
    Mirrors,
    /// People with the `nats` command line.
    People,
}

/// Subjects that one account takes from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The account that gives them.
    pub of: Account,
    /// The account that takes them.
    pub to: Account,
    /// The subjects where they are given.
    pub subject: String,
    /// The subjects where they are taken.
    pub local: String,
    /// Whether those who take them hear them or publish them.
    pub direction: Direction,
    /// Whether a request gets more than one answer.
    pub is_stream: bool,
}

// === impl Account ===

impl Account {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::System, Self::Ogent, Self::Agents, Self::Analysts, Self::Registrars, Self::Mirrors, Self::People];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "SYS",
            Self::Ogent => "OGENT",
            Self::Agents => "AGENTS",
            Self::Analysts => "ANALYSTS",
            Self::Registrars => "REGISTRARS",
            Self::Mirrors => "MIRRORS",
            Self::People => "PEOPLE",
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Requests to those in `of`, who give one answer each.
    fn requests(of: Account, to: Account, subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self { of, to, local: subject.clone(), subject, direction: Direction::Service, is_stream: false }
    }

    /// What is published in `of`.
    fn feed(of: Account, to: Account, subject: impl Into<String>) -> Self {
        Self { direction: Direction::Stream, ..Self::requests(of, to, subject) }
    }

    /// Requests to JetStream.
    fn api(to: Account, rest: &str) -> Self {
        let local = format!("{LEDGER_API}.{rest}");
        Self { local, ..Self::requests(Account::Ogent, to, format!("{JETSTREAM_API}.{rest}")) }
    }

    /// Whether these are questions of `nats micro`.
    pub(crate) fn is_micro(&self) -> bool {
        self.subject.starts_with("$SRV.")
    }

    /// The same with several answers.
    fn several(self) -> Self {
        Self { is_stream: true, ..self }
    }
}

/// All that passes between accounts.
#[must_use]
pub fn shared() -> Vec<Shared> {
    let parts = [agents(), analysts(), registrars(), mirrors(), people()];
    parts.into_iter().flatten().chain(gateways()).collect()
}

/// What agents take.
fn agents() -> Vec<Shared> {
    let to = Account::Agents;
    let requests = |of, subject: &str| Shared::requests(of, to, subject);
    let bucket = |bucket: &str| requests(Account::Ogent, &format!("$KV.{bucket}.*"));
    let value = |bucket: &str| Shared::api(to, &format!("DIRECT.GET.KV_{bucket}.$KV.{bucket}.*"));
    vec![
        requests(Account::Ogent, subject::ALL_COMMANDS),
        requests(Account::Ogent, subject::ALL_RESULTS),
        bucket(AGENTS_BUCKET),
        bucket(PRESENCE_BUCKET),
        bucket(INVENTORY_BUCKET),
        Shared::api(to, &format!("CONSUMER.CREATE.{COMMANDS}.*.commands.*.>")),
        Shared::api(to, &format!("CONSUMER.MSG.NEXT.{COMMANDS}.*")).several(),
        Shared::api(to, &format!("CONSUMER.DELETE.{COMMANDS}.*")),
        Shared::api(to, &format!("DIRECT.GET.{COMMANDS}.{}", subject::ALL_COMMANDS)),
        Shared::api(to, &format!("DIRECT.GET.{RESULTS}.{}", subject::ALL_RESULTS)),
        value(AGENTS_BUCKET),
        value(PRESENCE_BUCKET),
        requests(Account::Registrars, ENROLL_REQUESTS),
        requests(Account::Registrars, subject::ALL_RENEWALS),
        Shared::feed(Account::Ogent, to, subject::ALL_EXEC),
        Shared::feed(Account::People, to, subject::ALL_EXEC),
        // Answers to `nats req`.
        requests(Account::People, "_INBOX.>"),
    ]
}

/// What analysts take.
fn analysts() -> Vec<Shared> {
    let to = Account::Analysts;
    vec![
        Shared::requests(Account::Ogent, to, subject::ALL_ANALYSES),
        Shared::api(to, &format!("STREAM.INFO.{ANALYSES}")),
    ]
}

/// What registrars take.
fn registrars() -> Vec<Shared> {
    let to = Account::Registrars;
    let bucket = |bucket: &str| {
        let key = format!("$KV.{bucket}.*");
        let stream = format!("KV_{bucket}");
        [
            Shared::requests(Account::Ogent, to, key.as_str()),
            Shared::api(to, &format!("STREAM.INFO.{stream}")),
            Shared::api(to, &format!("DIRECT.GET.{stream}")).several(),
            Shared::api(to, &format!("DIRECT.GET.{stream}.{key}")),
        ]
    };
    let audit = Shared::requests(Account::Ogent, to, subject::ALL_AUDIT);
    [INVITES_BUCKET, IDENTITIES_BUCKET].into_iter().flat_map(bucket).chain([audit]).collect()
}

/// What mirrors take.
fn mirrors() -> Vec<Shared> {
    let to = Account::Mirrors;
    let stream = |stream: &str, subjects: &str| {
        [
            Shared::api(to, &format!("STREAM.INFO.{stream}")),
            Shared::api(to, &format!("DIRECT.GET.{stream}")).several(),
            Shared::api(to, &format!("DIRECT.GET.{stream}.{subjects}")),
        ]
    };
    let feeds = [subject::ALL_FEEDS, subject::ALL_APPROVAL_FEEDS].map(|feed| Shared::feed(Account::Ogent, to, feed));
    let streams = [stream(COMMANDS, subject::ALL_COMMANDS), stream(RESULTS, subject::ALL_RESULTS)];
    streams.into_iter().flatten().chain(feeds).collect()
}

/// What people take.
fn people() -> Vec<Shared> {
    let to = Account::People;
    let feeds = [subject::ALL_FEEDS, subject::ALL_APPROVAL_FEEDS, ANALYSIS_RESULTS];
    let feeds = feeds.map(|feed| Shared::feed(Account::Ogent, to, feed));
    let micro = |of, subjects: Vec<String>| {
        subjects.into_iter().map(move |subject| Shared::requests(of, to, subject).several())
    };
    feeds
        .into_iter()
        .chain([Shared::requests(Account::Analysts, to, ANALYSIS_REQUESTS)])
        // An account takes a subject from one other only: who asks for all services is answered by analysts.
        .chain(micro(Account::Analysts, service::micro_all().into()))
        .chain(micro(Account::Analysts, service::micro(service::ANALYSIS.name).collect()))
        .chain(micro(Account::Registrars, service::micro(service::REGISTRAR_NAME).collect()))
        .collect()
}

/// What gateways take, who live where the streams are.
fn gateways() -> Vec<Shared> {
    let to = Account::Ogent;
    vec![
        Shared::requests(Account::Analysts, to, ANALYSIS_REQUESTS),
        // Whether one of them has a model.
        Shared::requests(Account::Analysts, to, format!("$SRV.STATS.{}", service::ANALYSIS.name)).several(),
        Shared::requests(Account::Registrars, to, REGISTRAR_ADMIN),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn overlap(one: &str, other: &str) -> bool {
        let (mut one, mut other) = (one.split('.'), other.split('.'));
        loop {
            match (one.next(), other.next()) {
                (None, None) => return true,
                (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
                (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
                _ => return false,
            }
        }
    }

    /// NATS refuses accounts of which two imports of requests, or two exports, mean the same subject.
    #[test]
    fn nothing_is_taken_or_given_twice() {
        let shared = shared();
        for (at, one) in shared.iter().enumerate() {
            for other in &shared[at + 1..] {
                let both = one.direction == Direction::Service && other.direction == Direction::Service;
                let is_taken_twice = both && one.to == other.to && overlap(&one.local, &other.local);
                assert!(!is_taken_twice, "{one:?} {other:?}");
                let is_same_gift = one.subject == other.subject && one.is_stream == other.is_stream;
                let is_given_twice = both && one.of == other.of && overlap(&one.subject, &other.subject);
                assert!(!is_given_twice || is_same_gift, "{one:?} {other:?}");
            }
        }
    }
}
