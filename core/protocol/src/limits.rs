//! Every bound of Ogent in one place, each with its reason. At a bound a part refuses, waits or cuts; which one
//! stands beside the figure.

use std::time::Duration;

/// Longest id: a token that fits many times into a subject (NATS control lines end at 4,096 bytes). Refuse.
pub const MAX_ID_BYTES: usize = 64;

/// Largest message: the broker's own default `max_payload`, so that no broker needs a special setting. Refuse.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// Largest intent as sent. The `accepted` event carries it whole, in JSON, beside its own fields. Refuse.
pub const MAX_INTENT_BYTES: usize = 512 * 1024;

/// Longest command line, and longest `argv` and `env` in sum: half of what Linux takes for one argument. Refuse.
pub const MAX_COMMAND_BYTES: usize = 64 * 1024;

/// Most entries of `argv` and of `env`. Refuse.
pub const MAX_ENTRIES: usize = 1024;

/// Largest standard input that travels inside an intent. Refuse.
pub const MAX_STDIN_BYTES: usize = 64 * 1024;

/// Longest of the short texts (`cwd`, `user`, `reason`, `requested_by`): Linux's `PATH_MAX`. Refuse.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Deepest nesting that a decoder follows in MessagePack (JSON: 128, fixed by serde_json). Refuse.
pub const MAX_DEPTH: usize = 32;

/// Output kept per command when the intent says nothing. Cut, counted and said.
pub const DEFAULT_OUTPUT_BYTES: u64 = 10 * 1024 * 1024;

/// Most output that an intent may ask to keep. Refuse.
pub const MAX_OUTPUT_BYTES: u64 = 1024 * 1024 * 1024;

/// Most output in one event: JSON may need six bytes for one (`\u0000`), and 6 × 128 KiB leaves room in a payload.
pub const MAX_CHUNK_BYTES: usize = 128 * 1024;

/// Output read from a command but not yet in the ledger. The command waits on its pipe.
pub const OUTPUT_BUFFER_BYTES: usize = 2 * MAX_CHUNK_BYTES;

/// Output of one stream inside an answer over HTTP: a thousand waiting requests then hold half a gibibyte at worst.
/// The rest is read from the ledger. Cut and said.
pub const MAX_INLINE_BYTES: usize = 256 * 1024;

/// Output of one stream inside an answer over NATS: two streams at six bytes each have to fit a payload. Cut and said.
pub const MAX_REPLY_BYTES: usize = 64 * 1024;

/// How long a command may run when the intent says nothing: what AWS SSM gives one.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Longest time that an intent may ask for. Refuse.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a command may wait for its start when the intent says nothing.
pub const DEFAULT_START_WITHIN: Duration = Duration::from_secs(5 * 60);

/// The same for a command that was sent to wait for an offline agent.
pub const DEFAULT_QUEUE_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Time between an agent's heartbeats, before jitter.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long a heartbeat counts: three may be lost before an agent is called offline.
pub const PRESENCE_TTL: Duration = Duration::from_secs(35);
