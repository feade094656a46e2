//! What a run leaves behind: lines of JSON in one folder, from which [`crate::check`] tells what happened.
//!
//! All times are microseconds since 1970, from the real clock of this machine.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use ogent_protocol::{AgentId, CommandId, Outcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The file of the witnesses.
const WITNESS: &str = "witness.jsonl";

/// Microseconds since 1970.
pub type Micros = i64;

/// One start or end of one program, written by that program itself (`witness.jsonl`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnessed {
    /// When.
    pub at: Micros,
    /// What Ogent said the command is (`OGENT_COMMAND_ID`).
    pub command: CommandId,
    /// Which agent said so (`OGENT_AGENT_ID`).
    pub agent: AgentId,
    /// Names the wish of the load client that led to this, one for each command.
    pub nonce: String,
    /// The process.
    pub pid: u32,
    /// What it tells.
    #[serde(flatten)]
    pub phase: Phase,
}

/// What a witness tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// It has begun; written before anything else.
    Start,
    /// It is about to exit with this code; written after everything else.
    End {
        /// The exit code.
        code: i32,
    },
}

/// What a command does. The load client chooses it, the witness does it, the checker knows what to expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case")]
pub enum Behaviour {
    /// Ends at once.
    Quick {
        /// The exit code.
        code: i32,
    },
    /// Sleeps, then ends.
    Sleep {
        /// How long.
        ms: u64,
        /// The exit code.
        code: i32,
    },
    /// Prints bytes that follow from its nonce (see `witness::pattern`), on standard output.
    Print {
        /// How many.
        bytes: u64,
        /// How long to rest after each 16 KiB.
        pause_ms: u64,
    },
    /// Sleeps, and ignores SIGTERM.
    IgnoreTerm {
        /// How long.
        ms: u64,
    },
    /// Starts a grandchild in a session of its own, then sleeps itself; both sleep as long.
    Setsid {
        /// How long.
        ms: u64,
    },
    /// Ends at once; a grandchild keeps its standard output open.
    HoldPipes {
        /// How long.
        ms: u64,
    },
    /// Becomes many processes, half of them in sessions of their own.
    ForkBomb {
        /// How many in all.
        processes: u32,
        /// How long each sleeps.
        ms: u64,
    },
    /// Ends itself with SIGKILL, without an end line.
    DieBySignal,
}

/// What the load client did and heard (`client.jsonl`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientLine {
    /// When.
    pub at: Micros,
    /// What.
    #[serde(flatten)]
    pub event: ClientEvent,
}

/// One thing that the load client did or heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ClientEvent {
    /// It is about to ask for a command. Written before the first byte is sent.
    Offer {
        /// Names this wish, and stands in the command itself.
        nonce: String,
        /// For which agent.
        agent: AgentId,
        /// By which way.
        way: Way,
        /// What the command will do.
        behaviour: Behaviour,
        /// Its time-out, from its start.
        timeout_s: f64,
        /// How long it may wait for its start, seconds from the offer.
        start_within_s: f64,
        /// The limit of its output, when not the default.
        max_output_bytes: Option<u64>,
    },
    /// It was taken (HTTP 200 or 202, or an answer by NATS that is no refusal). From here on it has to have an end.
    Accepted {
        /// The wish.
        nonce: String,
        /// The id that Ogent gave it.
        command: CommandId,
        /// Time from the request that was answered to its answer.
        latency_us: u64,
        /// Its outcome, when the answer told it.
        outcome: Option<Outcome>,
        /// Tries until an answer came, the first one included.
        tries: u32,
    },
    /// It was refused (HTTP 4xx, or 5xx with a `code` that says it was not taken): it must never start.
    Refused {
        /// The wish.
        nonce: String,
        /// The status, 0 for NATS.
        status: u16,
        /// The stable code.
        code: String,
    },
    /// Nobody knows: no answer, also after trying again with the same key. It may run once, or not.
    Unknown {
        /// The wish.
        nonce: String,
        /// Why.
        problem: String,
    },
    /// It asked to cancel a command, and heard this (status 0: nothing).
    Cancelled {
        /// The wish.
        nonce: String,
        /// The status.
        status: u16,
    },
    /// What a follower of the live events (SSE) saw of one command: its event numbers in the order in which they came.
    Followed {
        /// The command.
        command: CommandId,
        /// Through which gateway it began.
        gateway: usize,
        /// Numbers.
        numbers: Vec<u64>,
        /// Whether the stream came to its own end.
        ended: bool,
    },
}

/// By which way a command is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `POST /agents/{id}/execute` at this gateway; the agent has to be there.
    Rest {
        /// Which gateway.
        gateway: usize,
    },
    /// The same with `queue`.
    Queued {
        /// Which gateway.
        gateway: usize,
    },
    /// A request to `agents.<id>.exec`.
    Nats,
}

/// What the nemesis did (`faults.jsonl`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultLine {
    /// When it began.
    pub from: Micros,
    /// When its cause was taken away.
    pub to: Micros,
    /// Its kind, one word or two, the same for all of a kind: `kill agent`.
    pub kind: String,
    /// Whom it met: `agent-2`, `gateway-0`, `broker-0`, `clone-1`.
    pub parts: Vec<String>,
    /// Agents that can lose what they run by it.
    pub can_lose: Vec<AgentId>,
    /// For a store set back: from when on what was acknowledged is gone.
    pub set_back_to: Option<Micros>,
    /// From `to` until a probe ran through again at everyone who was met; `None` when it did not within the limit.
    pub healed_after_us: Option<u64>,
    /// How often the fault took place (messages dropped, connections reset …).
    pub count: u64,
}

/// What a part used (`samples.jsonl`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: Micros,
    /// Which part: `agent-2`.
    pub part: String,
    /// Its process.
    pub pid: u32,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Open file descriptors.
    pub fds: u32,
    /// Threads.
    pub threads: u32,
    /// Children that nobody has waited for.
    pub zombies: u32,
    /// When it was taken.
    pub moment: Moment,
}

/// When a sample was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// After a warm-up, before the first fault.
    Before,
    /// Between.
    During,
    /// After everything was idle again.
    After,
}

/// Which commands had living processes (`alive.jsonl`), by the nonce in their environment (`CHAOS_NONCE`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// When.
    pub at: Micros,
    /// Nonce and processes.
    pub processes: Vec<(String, Vec<u32>)>,
}

/// One record of COMMANDS or RESULTS as the broker holds it at the end (`ledger.jsonl`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// `COMMANDS` or `RESULTS`.
    pub stream: String,
    /// Its sequence.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// When the broker stored it.
    pub at: Micros,
    /// Its payload, which is JSON.
    pub payload: serde_json::Value,
}

/// What a gateway says of one command at the end (`gateways.jsonl`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which gateway.
    pub gateway: usize,
    /// The command.
    pub command: CommandId,
    /// `status` of `GET /commands/{id}`, or the HTTP status when that was not 200.
    pub status: String,
    /// SHA-256, hex, of `GET /commands/{id}/output?stream=stdout`.
    pub stdout_sha256: String,
    /// Its length.
    pub stdout_bytes: u64,
    /// Numbers of the events that `GET /commands/{id}/events` gave, in the order in which they came.
    pub numbers: Vec<u64>,
}

/// How the run went (`run.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The scene that the seed chose.
    pub scene: String,
    /// Which guard was taken away on purpose, if one was.
    pub sabotage: Option<String>,
    /// Begin of the load.
    pub began: Micros,
    /// Begin of the faults.
    pub faults_from: Micros,
    /// The last fault was over.
    pub faults_to: Micros,
    /// Everything was idle and healthy again; `None` when it was not within the limit.
    pub idle_at: Option<Micros>,
    /// What was not idle or healthy, when `idle_at` is `None`.
    pub not_idle: Vec<String>,
    /// End of the load.
    pub ended: Micros,
    /// Whether agents may use cgroups.
    pub cgroups: bool,
    /// Faults of the plan that could not be done here, and why.
    pub skipped: Vec<String>,
    /// Programs and their versions.
    pub versions: Vec<(String, String)>,
}

/// A part that ended although nobody had ended it (`endings.jsonl`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// When.
    pub at: Micros,
    /// Which part: `agent-2`.
    pub part: String,
    /// Its process.
    pub pid: u32,
    /// How it ended.
    pub status: String,
    /// The end of its log.
    pub log: String,
}

/// Where the evidence of one run lies.
#[derive(Debug, Clone)]
pub struct Evidence {
    dir: PathBuf,
}

/// Appends lines to one of the files, from any thread.
#[derive(Debug, Clone)]
pub struct Log(Arc<Mutex<File>>);

// === impl Evidence ===

impl Evidence {
    /// The evidence in `dir`.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// A file of it: `witness.jsonl` and so on.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Opens a file for appending.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn log(&self, name: &str) -> std::io::Result<Log> {
        let file = OpenOptions::new().create(true).append(true).open(self.path(name))?;
        Ok(Log(Arc::new(Mutex::new(file))))
    }

    /// All lines of a file, none when there is no file.
    ///
    /// # Errors
    /// When a line cannot be read, with its number.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Vec<T>> {
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut found = Vec::new();
        for (at, line) in BufReader::new(file).lines().enumerate() {
            let line = line?;
            match serde_json::from_str(&line) {
                Ok(value) => found.push(value),
                Err(_) if line.is_empty() => {}
                // A witness that is killed while it writes across the end of a page leaves a part of its line.
                Err(error) if error.is_eof() && name == WITNESS => {}
                Err(error) => anyhow::bail!("{name}, line {}: {error}", at + 1),
            }
        }
        Ok(found)
    }
}

// === impl Log ===

impl Log {
    /// Appends one line. Evidence that cannot be written is no reason to stop what is being observed; the checker
    /// will miss it.
    pub fn write(&self, line: &impl Serialize) {
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = file.write_all(&text);
    }
}

/// Now.
#[must_use]
pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
