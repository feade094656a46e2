//! Every bound of the analyst, with its reason and what happens at it. Those of requests are in `ogent-protocol`.

use std::time::Duration;

/// Requests that are judged at once: judging takes microseconds, and answers wait for nobody. Others wait in the
/// connection.
pub(crate) const JUDGING: usize = 64;

/// Analyses that are on their way into the stream. One on top is answered and not stored, and counted.
pub(crate) const RECORDING: usize = 256;

/// Commands that wait for the model or are with it: a minute's work for a quick one. Others are told `busy`.
pub(crate) const QUEUE: usize = 64;

/// Questions with the model at once. A small machine works on one at a time anyhow; Ollama queues the others.
pub(crate) const ASKING: usize = 2;

/// How long a command waits for its turn with the model. Later nobody wants to know any more: `busy`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Opinions that are kept: some 4 KiB each at most.
pub(crate) const CACHE: usize = 1024;

/// How long what was answered may take to be stored when the analyst stops.
pub(crate) const STOP_WITHIN: Duration = Duration::from_secs(5);
