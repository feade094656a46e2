//! Every tolerance of the checker in one place, each with its reason. What has none is exact.

use crate::evidence::Micros;

const SECOND: Micros = 1_000_000;

/// Within this of the last fault everything has to be as it should be, without help. The longest wait in the product
/// is an agent's reading of the ledger, which comes at least every 60 s.
pub(super) const HEALING: Micros = 60 * SECOND;

/// How much later than its time something may happen when no fault has to do with it: SIGTERM, 2 s of grace, SIGKILL,
/// 1 s for the pipes, and a machine of two cores that 60 processes of a fork bomb keep busy.
pub(super) const SLACK: Micros = 10 * SECOND;

/// Between an agent's last look at its clock and the first line of the witness lies a start of a process on a busy
/// machine.
pub(super) const START_SLACK: Micros = 3 * SECOND;

/// Two readings of the same real clock, rounded to milliseconds in an intent.
pub(super) const CLOCK_SLACK: Micros = SECOND / 10;

/// After a time-out or a cancellation, nothing of a command is alive so long after its end.
pub(super) const GONE_WITHIN: Micros = 5 * SECOND;

/// Processes are looked at once a second; a longer gap than this and something could hide in it.
pub(super) const LONGEST_GAP: Micros = 15 * SECOND;

/// Wishes of one kind, or of one agent, of which none came through: that kind was not tested.
pub(super) const ENOUGH: usize = 20;

/// What a gateway or an agent may use more after a run than before: two logins at once take 38 MiB, which are kept, and
/// the allocator keeps what buffers of 1,024 waiting requests once had.
pub(super) const PART_RSS: u64 = 96 << 20;

/// The same for a broker: whoever asks for all history, as the rig does in the end, makes it read all of it into its
/// cache, which its Go heap gives back slowly; `GOMEMLIMIT` (512 MiB) bounds that.
pub(super) const BROKER_RSS: u64 = 512 << 20;

/// What no part may ever use: `GOMEMLIMIT` twice over.
pub(super) const MOST_RSS: u64 = 1 << 30;

/// Descriptors that a part may have more afterwards: connections of the rig itself, of idle HTTP clients.
pub(super) const PART_FDS: u32 = 32;

/// The same for a broker: a file or two a stream and its blocks, a connection a part.
pub(super) const BROKER_FDS: u32 = 64;

/// What no part may ever have open: a gateway takes 2,048 connections.
pub(super) const MOST_FDS: u32 = 2304;

/// Threads that a part may have more afterwards: tokio's blocking threads leave after 10 s, Go's never do.
pub(super) const MORE_THREADS: u32 = 32;

/// What no part may ever have: tokio's 512 blocking threads are its own limit, nothing here needs a quarter of it.
pub(super) const MOST_THREADS: u32 = 160;

/// Children that nobody has waited for, at once: 16 commands end together and the agent is stopped just then.
pub(super) const MOST_ZOMBIES: u32 = 64;
