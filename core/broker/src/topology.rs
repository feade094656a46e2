//! The streams and buckets of Ogent, as data, and how they come to be.

use std::fmt::Write as _;
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, PersistenceMode, Republish, StorageType};
use ogent_protocol::limits;
use ogent_protocol::subject::{
    self, AGENTS_BUCKET, ANALYSES, APPROVALS, AUDIT, COMMANDS, IDENTITIES_BUCKET, INVENTORY_BUCKET, INVITES_BUCKET,
    POLICIES_BUCKET, PRESENCE_BUCKET, RESULTS, SESSIONS_BUCKET, TICKETS_BUCKET, USERS_BUCKET,
};

use crate::connect::Broker;

/// What an operator may choose about them.
#[derive(Debug, Clone)]
pub struct TopologyOptions {
    /// Copies of every message in a cluster: 1 or 3.
    pub replicas: usize,
    /// How long history is kept.
    pub max_age: Duration,
    /// Size of the stream of intents in bytes; new commands are refused beyond.
    pub commands_max_bytes: i64,
    /// Size of the stream of events in bytes; gateways refuse new commands from nine tenths of it on.
    pub results_max_bytes: i64,
}

impl Default for TopologyOptions {
    fn default() -> Self {
        Self {
            replicas: 1,
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            commands_max_bytes: 1024 * 1024 * 1024,
            results_max_bytes: 8 * 1024 * 1024 * 1024,
        }
    }
}

/// Why the streams and buckets are not there.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// A stream cannot be made or changed.
    #[error("the stream {stream} cannot be set up: {problem}")]
    Setup {
        /// Which.
        stream: String,
        /// Why.
        problem: String,
    },
    /// A stream is not there.
    #[error("the stream {0} does not exist: run 'ogent setup' against this NATS server first")]
    Missing(String),
    /// A stream cannot be looked at.
    #[error("the stream {stream} cannot be looked at: {problem}")]
    Unavailable {
        /// Which.
        stream: String,
        /// Why.
        problem: String,
    },
}

/// Makes what is missing and brings what is there up to date. Doing it twice is the same as once.
///
/// # Errors
/// Names the stream that the broker refuses.
pub async fn ensure(broker: &Broker, options: &TopologyOptions) -> Result<(), TopologyError> {
    let context = broker.jetstream();
    for config in all(options) {
        let stream = config.name.clone();
        context
            .create_or_update_stream(config)
            .await
            .map_err(|error| TopologyError::Setup { stream: stream.clone(), problem: error.to_string() })?;
        tracing::debug!(stream, "stream is set up");
    }
    Ok(())
}

/// Whether everything is there.
///
/// # Errors
/// Names the first stream that is not.
pub async fn check(broker: &Broker) -> Result<(), TopologyError> {
    let context = broker.jetstream();
    for config in all(&TopologyOptions::default()) {
        let stream = config.name;
        context.get_stream(&stream).await.map_err(|error| match error.kind() {
            GetStreamErrorKind::JetStream(_) => TopologyError::Missing(stream.clone()),
            _ => TopologyError::Unavailable { stream: stream.clone(), problem: error.to_string() },
        })?;
    }
    Ok(())
}

fn all(options: &TopologyOptions) -> [Config; 14] {
    let expiring = |name, what| Config {
        // A key with an end goes by itself, and those who watch the bucket hear of it.
        allow_message_ttl: true,
        subject_delete_marker_ttl: Some(Duration::from_secs(60)),
        ..kept(name, what, options)
    };
    [
        commands(options),
        results(options),
        approvals(options),
        audit(options),
        analyses(options),
        agents(options),
        inventory(options),
        presence(options),
        kept(USERS_BUCKET, "people who may log in", options),
        // What was in force when is part of the history.
        Config {
            max_messages_per_subject: 64,
            // A policy of the largest size, as JSON writes it.
            max_message_size: i32::try_from(limits::MAX_PAYLOAD_BYTES).unwrap_or(i32::MAX),
            ..kept(POLICIES_BUCKET, "who may do what", options)
        },
        expiring(SESSIONS_BUCKET, "sessions and API tokens"),
        expiring(TICKETS_BUCKET, "what may be used once"),
        expiring(INVITES_BUCKET, "invitations to agents"),
        kept(IDENTITIES_BUCKET, "which key is which agent", options),
    ]
}

fn commands(options: &TopologyOptions) -> Config {
    Config {
        name: COMMANDS.to_owned(),
        description: Some("Ogent: what was asked for".to_owned()),
        subjects: vec![subject::ALL_COMMANDS.to_owned()],
        republish: Some(Republish {
            source: subject::ALL_COMMANDS.to_owned(),
            destination: subject::EXEC_REPUBLISH.to_owned(),
            headers_only: false,
        }),
        max_age: options.max_age,
        max_bytes: options.commands_max_bytes,
        ..ledger(options)
    }
}

fn results(options: &TopologyOptions) -> Config {
    Config {
        name: RESULTS.to_owned(),
        description: Some("Ogent: what happened".to_owned()),
        subjects: vec![subject::ALL_RESULTS.to_owned()],
        republish: Some(Republish {
            source: subject::ALL_RESULTS.to_owned(),
            destination: subject::FEED_REPUBLISH.to_owned(),
            headers_only: false,
        }),
        // A claim must outlive its intent: without it the command could be claimed a second time.
        max_age: options.max_age + Duration::from_secs(24 * 60 * 60),
        max_bytes: options.results_max_bytes,
        ..ledger(options)
    }
}

fn approvals(options: &TopologyOptions) -> Config {
    Config {
        name: APPROVALS.to_owned(),
        description: Some("Ogent: what had to be approved".to_owned()),
        subjects: vec![subject::ALL_APPROVALS.to_owned()],
        republish: Some(Republish {
            source: subject::ALL_APPROVALS.to_owned(),
            destination: subject::APPROVAL_REPUBLISH.to_owned(),
            headers_only: false,
        }),
        // Who has approved a command is known as long as the command.
        max_age: options.max_age + Duration::from_secs(24 * 60 * 60),
        max_bytes: 1024 * 1024 * 1024,
        ..ledger(options)
    }
}

/// Who has logged in, failed to, and was refused; who has changed what others may. At the limit the oldest make room: who
/// can fill it must not be able to make it silent.
fn audit(options: &TopologyOptions) -> Config {
    Config {
        name: AUDIT.to_owned(),
        description: Some("Ogent: what happened to people and identities".to_owned()),
        subjects: vec![subject::ALL_AUDIT.to_owned()],
        max_age: Duration::from_secs(400 * 24 * 60 * 60),
        max_bytes: 1024 * 1024 * 1024,
        discard: DiscardPolicy::Old,
        max_message_size: 16 * 1024,
        ..ledger(options)
    }
}

/// History: nothing can be taken out, and at the limit nothing is pushed out by what is new.
fn ledger(options: &TopologyOptions) -> Config {
    Config {
        storage: StorageType::File,
        num_replicas: options.replicas,
        discard: DiscardPolicy::New,
        max_message_size: i32::try_from(limits::MAX_PAYLOAD_BYTES).unwrap_or(i32::MAX),
        duplicate_window: Duration::from_secs(120),
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        ..Config::default()
    }
}

/// Not history but a help beside it: at the limit the oldest make room.
fn analyses(options: &TopologyOptions) -> Config {
    Config {
        name: ANALYSES.to_owned(),
        description: Some("Ogent: what commands would do".to_owned()),
        subjects: vec![subject::ALL_ANALYSES.to_owned()],
        republish: Some(Republish {
            source: subject::ALL_ANALYSES.to_owned(),
            destination: subject::ANALYSIS_RESULTS.to_owned(),
            headers_only: false,
        }),
        storage: StorageType::File,
        num_replicas: options.replicas,
        max_age: options.max_age,
        max_bytes: 256 * 1024 * 1024,
        // The rules' verdict, and the same once more with what a model says.
        max_messages_per_subject: 2,
        discard: DiscardPolicy::Old,
        max_message_size: i32::try_from(limits::MAX_PAYLOAD_BYTES).unwrap_or(i32::MAX),
        allow_direct: true,
        ..Config::default()
    }
}

fn agents(options: &TopologyOptions) -> Config {
    Config { description: Some("Ogent: who the agents are".to_owned()), ..bucket(AGENTS_BUCKET, options) }
}

fn inventory(options: &TopologyOptions) -> Config {
    Config {
        description: Some("Ogent: which programs the agents have".to_owned()),
        // Twice what the names of the programs may have, for quotes and commas.
        max_message_size: i32::try_from(2 * limits::MAX_PROGRAMS_BYTES).unwrap_or(i32::MAX),
        max_bytes: 512 * 1024 * 1024,
        ..bucket(INVENTORY_BUCKET, options)
    }
}

fn presence(options: &TopologyOptions) -> Config {
    // On one server, a stream in memory is gone for good after a restart, its configuration too. In a file, without
    // syncing each heartbeat, it costs no more. In a cluster the other servers keep it.
    let (storage, persist_mode) = match options.replicas {
        1 => (StorageType::File, Some(PersistenceMode::Async)),
        _ => (StorageType::Memory, None),
    };
    Config {
        description: Some("Ogent: which agents are alive".to_owned()),
        storage,
        persist_mode,
        allow_message_ttl: true,
        // No markers for what has expired: the broker would then let an agent roll up, and so take away, all of the bucket.
        max_bytes: 32 * 1024 * 1024,
        ..bucket(PRESENCE_BUCKET, options)
    }
}

fn kept(name: &str, what: &str, options: &TopologyOptions) -> Config {
    Config { description: Some(format!("Ogent: {what}")), max_bytes: 64 * 1024 * 1024, ..bucket(name, options) }
}

/// A key-value bucket as ADR-8 lays it out.
fn bucket(name: &str, options: &TopologyOptions) -> Config {
    Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        storage: StorageType::File,
        num_replicas: options.replicas,
        max_messages_per_subject: 1,
        max_message_size: 64 * 1024,
        max_bytes: 256 * 1024 * 1024,
        discard: DiscardPolicy::New,
        // One message must not be able to take away all others, and so what other agents say about themselves.
        allow_rollup: false,
        deny_delete: true,
        allow_direct: true,
        ..Config::default()
    }
}

/// The table in `nats/README.md`.
#[must_use]
pub fn table() -> String {
    let mut text = String::from(
        "| stream | subjects | republished to | kept in | kept for | at most | at the limit |\n|---|---|---|---|---|---|---|\n",
    );
    for config in all(&TopologyOptions::default()) {
        let to = config.republish.map_or_else(String::new, |to| format!("`{}`", to.destination));
        let age = match config.max_age.as_secs() / 86_400 {
            0 => String::new(),
            days => format!("{days} days"),
        };
        let storage = match (config.storage, config.persist_mode) {
            (StorageType::Memory, _) => "memory",
            (StorageType::File, None) => "file",
            (StorageType::File, Some(_)) => "file, not synced",
        };
        let size = format!("{} MiB", config.max_bytes / 1024 / 1024);
        let subjects = config.subjects.join("`, `");
        let limit = match config.discard {
            DiscardPolicy::New => "refuses",
            DiscardPolicy::Old => "drops the oldest",
        };
        let _ = writeln!(text, "| {} | `{subjects}` | {to} | {storage} | {age} | {size} | {limit} |", config.name);
    }
    text
}
