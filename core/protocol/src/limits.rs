//! Every bound of Ogent in one place, each with its reason. At a bound a part refuses, waits or cuts; which one
//! stands beside the figure.

use std::time::Duration;

/// Longest id: a token that fits many times into a subject (NATS control lines end at 4,096 bytes). Refuse.
pub const MAX_ID_BYTES: usize = 64;

/// Largest message: the broker's own default `max_payload`, so that no broker needs a special setting. Refuse.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// Largest intent as sent. The `accepted` event carries it whole, in JSON, beside the verdict and its own fields; so does
/// a proposal. Refuse.
pub const MAX_INTENT_BYTES: usize = 512 * 1024;

/// Largest verdict that is stored or answered, in JSON: beside an intent, and beside two streams of
/// [`MAX_REPLY_BYTES`], it has to fit a payload. Cut and said (`truncated`); the level and the ruling count all of it.
pub const MAX_VERDICT_BYTES: usize = 192 * 1024;

/// Most effects, and most programs, of a stored verdict. Cut and said.
pub const MAX_EFFECTS: usize = 64;

/// Most reasons, and most opaque places, of a stored verdict. Cut and said.
pub const MAX_REASONS: usize = 32;

/// Most suggestions of a stored verdict. Cut and said.
pub const MAX_SUGGESTIONS: usize = 5;

/// Longest text in a stored verdict: a path, a name, a sentence. Cut and said.
pub const MAX_VERDICT_TEXT_BYTES: usize = 512;

/// Longest suggested command: a part of one would be another command. Left out and said.
pub const MAX_SUGGESTION_BYTES: usize = 4096;

/// Most programs of an inventory, and most bytes of their names: what fits a message of the bucket many times over.
/// An agent with more says nothing about its programs.
pub const MAX_PROGRAMS: usize = 16_384;
/// See [`MAX_PROGRAMS`].
pub const MAX_PROGRAMS_BYTES: usize = 256 * 1024;

/// Commands before one that count when it is judged.
pub const MAX_HISTORY: usize = 16;

/// Longest of these. Cut.
pub const MAX_HISTORY_LINE_BYTES: usize = 4096;

/// Longest time that a proposal waits for its approval: people look once a day. Refuse.
pub const MAX_APPROVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The same when nobody says anything.
pub const DEFAULT_APPROVAL: Duration = Duration::from_secs(60 * 60);

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

/// Furthest that a `not_after` may lie ahead: less than the thirty days that the ledger keeps commands by default, so that
/// what was run is remembered for as long as its signed intent could be shown again. Refuse.
pub const MAX_START_WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How far two clocks may differ where times that somebody has signed are looked at.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Time between an agent's heartbeats, before jitter.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long a heartbeat counts: three may be lost before an agent is called offline.
pub const PRESENCE_TTL: Duration = Duration::from_secs(35);

/// Commands before it that a command to judge may bring along, in sum: all of a request fits [`MAX_INTENT_BYTES`]. Refuse.
pub const MAX_HISTORY_BYTES: usize = 128 * 1024;

/// Longest join token: a few addresses, two or three certificates, a token of the broker's. Refuse.
pub const MAX_JOIN_TOKEN_BYTES: usize = 32 * 1024;

/// Largest request to join, to stay, or to a registrar. Refuse.
pub const MAX_ENROLL_BYTES: usize = 32 * 1024;

/// Longest text that a machine says about itself when it joins. Refuse.
pub const MAX_FACT_BYTES: usize = 255;

/// Most labels of an agent: with the longest values they fit an identity's record. Refuse.
pub const MAX_LABELS: usize = 32;

/// Most machines that one invitation is for: the record names them all, and has to fit a message of its bucket. Refuse.
pub const MAX_INVITE_USES: u32 = 256;

/// Longest time that an invitation is open. Refuse.
pub const MAX_INVITE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The same when nobody says anything.
pub const DEFAULT_INVITE: Duration = Duration::from_secs(60 * 60);
/// Longest text in a security event: a name, an address, a remark. Cut and said.
pub const MAX_AUDIT_TEXT_BYTES: usize = 256;
