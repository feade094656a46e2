//! Receives which processes were started, keeps them in `run.json`, and ends what is left of an earlier start.
//!
//! Linux ends the parts together with `ogent up`, however that ends; this is for other systems, and a second guard.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::data_dir::DataDir;
use super::family::kill_family;
use crate::output::Output;

const FILE: &str = "run.json";

/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// The processes of one start, in the order in which they were started.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Running {
    processes: Vec<Started>,
}

/// A process, with enough about it to know it again: its id alone may be another one's by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Started {
    part: String,
    pid: u32,
    /// When it was started, as the system counts; stays the same when the process becomes another program.
    started: String,
    /// Stands in its command line, and in that of no other process.
    mark: String,
}

/// What the system says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    started: String,
    command_line: String,
}

// === impl Running ===

impl Running {
    /// Writes down one more process. `mark` is a text that stands in its command line only.
    pub(crate) fn add(&mut self, data: &DataDir, part: &str, pid: u32, mark: &str) -> io::Result<()> {
        // One that has ended already needs no end.
        if let Some(seen) = look(pid) {
            self.processes.push(Started { part: part.to_owned(), pid, started: seen.started, mark: mark.to_owned() });
        }
        data.write(FILE, &serde_json::to_string_pretty(self)?).map(drop)
    }

    /// Forgets all of them: they have ended in order.
    pub(crate) fn clear(data: &DataDir) {
        if let Err(error) = fs::remove_file(data.join(FILE)) {
            tracing::debug!(%error, "run.json was not removed");
        }
    }
}

// === impl Started ===

impl Started {
    fn is(&self, seen: &Seen) -> bool {
        self.started == seen.started && seen.command_line.contains(&self.mark)
    }

    fn is_alive(&self) -> bool {
        look(self.pid).is_some_and(|seen| self.is(&seen))
    }

    fn signal(&self, signal: Signal) {
        if let (true, Ok(pid)) = (self.is_alive(), i32::try_from(self.pid)) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Ends what an earlier start in this folder has left, and says so. The lock says that it is nobody's any more.
pub(crate) async fn end(data: &DataDir, out: &Output) {
    let text = fs::read_to_string(data.join(FILE)).unwrap_or_default();
    let earlier: Running = serde_json::from_str(&text).unwrap_or_default();
    // The parts that were started last use those before them.
    for one in earlier.processes.iter().rev().filter(|one| one.is_alive()) {
        out.say(&format!("ending {} (process {}), left by an earlier `ogent up`", one.part, one.pid));
        one.signal(Signal::SIGTERM);
        let deadline = Instant::now() + GRACE;
        while one.is_alive() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        if one.is_alive() {
            kill_family(one.pid);
        }
    }
    Running::clear(data);
}

#[cfg(target_os = "linux")]
fn look(pid: u32) -> Option<Seen> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything. Field 22 is when the process was started, in ticks since the machine
    // was, so the machine's own start belongs to it.
    let ticks = status.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.to_owned();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
    Some(Seen { started: format!("{ticks} {}", boot.trim()), command_line })
}

#[cfg(not(target_os = "linux"))]
fn look(pid: u32) -> Option<Seen> {
    let ask = |what: &str| {
        let output =
            std::process::Command::new("ps").args(["-ww", "-o", what, "-p", &pid.to_string()]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    Some(Seen { started: ask("lstart=")?, command_line: ask("command=")? })
}

#[cfg(test)]
mod tests {
    use std::process;

    use clap::ColorChoice;

    use super::super::child::Child;
    use super::*;

    #[test]
    fn a_process_is_known_by_start_and_command_line() {
        let seen = Seen { started: "17 boot".into(), command_line: "nats-server -c /d/nats.conf ".into() };
        let started = |started: &str, mark: &str| {
            Started { part: "nats-server".into(), pid: 1, started: started.into(), mark: mark.into() }.is(&seen)
        };
        assert!(started("17 boot", "/d/nats.conf"));
        assert!(!started("18 boot", "/d/nats.conf"));
        assert!(!started("17 boot", "/e/nats.conf"));
    }

    #[test]
    fn this_process_can_be_seen() {
        let seen = look(process::id()).unwrap();
        assert!(!seen.started.is_empty() && !seen.command_line.is_empty());
        assert_eq!(look(process::id()), Some(seen));
        assert_eq!(look(u32::MAX - 1), None);
    }

    #[tokio::test]
    async fn only_what_is_left_of_an_earlier_start_is_ended() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(&root.path().join("data")).unwrap();
        let mark = data.join("mark").display().to_string();
        let script = |mark: &str| {
            Child::part(process::Command::new("/bin/sh").args(["-c", "while :; do sleep 0.1; done", mark]))
        };
        let (mut left, mut other) = (script(&mark).unwrap(), script("other").unwrap());
        let mut running = Running::default();
        running.add(&data, "nats-server", left.pid(), &mark).unwrap();
        running.add(&data, "agent", other.pid(), &mark).unwrap();

        end(&data, &Output::new(ColorChoice::Never)).await;
        assert!(left.ended().is_some(), "what was left must be ended");
        assert!(other.ended().is_none(), "a process with another command line must not be touched");
        assert!(!data.join(FILE).exists());
    }
}
