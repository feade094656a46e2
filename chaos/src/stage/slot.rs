//! One place on the stage: which part belongs there, whether it should live, and its present life.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::process::{Life, Spawner, Spec};
use crate::evidence::{Ending, now};

/// What a supervisor waits before it starts again what has ended, as the systemd units say.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Lines of a log that are kept when a part has ended by itself.
const LOG_TAIL: usize = 40;

/// How Rust ends after a panic in the main thread.
const PANICKED: i32 = 101;

pub(super) struct Slot {
    pub(super) spec: Spec,
    spawner: Spawner,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: bool,
    life: Option<Life>,
    ended_at: Option<Instant>,
}

// === impl Slot ===

impl Slot {
    pub(super) fn new(spec: Spec, spawner: Spawner) -> Self {
        Self { spec, spawner, state: Mutex::default() }
    }

    /// Starts the part, if it does not run.
    pub(super) fn start(&self) -> std::io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.wanted = true;
        if state.life.is_none() {
            state.life = Some(self.spec.start(&self.spawner)?);
        }
        Ok(())
    }

    /// Ends it at once; it stays away until [`Slot::start`].
    pub(super) fn kill(&self) {
        let mut state = self.state.lock().unwrap();
        state.wanted = false;
        if let Some(life) = state.life.take() {
            life.kill();
        }
    }

    /// Asks it to end, waits for that, and ends it at once after `limit`.
    pub(super) async fn stop(&self, limit: Duration) {
        self.state.lock().unwrap().wanted = false;
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline && !self.has_ended() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.kill();
    }

    fn has_ended(&self) -> bool {
        self.state.lock().unwrap().life.as_mut().is_none_or(|life| life.ended().is_some())
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(life) = &self.state.lock().unwrap().life {
            life.signal(signal);
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.state.lock().unwrap().life.as_ref().map(Life::pid)
    }

    /// Whether its present life says that it works.
    pub(super) fn is_ready(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.life.as_ref().is_some_and(|life| self.spec.log_of(life).contains(self.spec.ready))
    }

    /// What a supervisor does: starts again what has ended. Gives how it ended if it should not have: a part that
    /// cannot begin its work because the broker is away ends with a failure and is started again, as it should;
    /// one that worked, crashed or panicked should have lived on.
    pub(super) fn look(&self) -> Option<Ending> {
        let mut state = self.state.lock().unwrap();
        if !state.wanted {
            return None;
        }
        if let Some(status) = state.life.as_mut().and_then(Life::ended) {
            let life = state.life.take()?;
            state.ended_at = Some(Instant::now());
            let log = self.spec.log_of(&life);
            let may_retry = !log.contains(self.spec.ready) && status.code().is_some_and(|code| code != PANICKED);
            if may_retry {
                return None;
            }
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(LOG_TAIL)..).unwrap_or_default().join("\n");
            let (part, pid, status) = (self.spec.name.clone(), life.pid(), status.to_string());
            return Some(Ending { at: now(), part, pid, status, log: tail });
        }
        if state.life.is_none() && state.ended_at.is_none_or(|at| at.elapsed() >= RESTART_AFTER) {
            state.life = self.spec.start(&self.spawner).ok();
            state.ended_at = Some(Instant::now());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(dir: &std::path::Path, script: &str) -> Slot {
        let spec = Spec {
            name: "part".to_owned(),
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: Vec::new(),
            namespace: None,
            cgroup: None,
            dir: dir.to_owned(),
            log: dir.join("part.log"),
            ready: "it works",
        };
        Slot::new(spec, Spawner::start())
    }

    async fn first_pid_and_ending(dir: &std::path::Path, script: &str) -> (u32, Slot, Option<Ending>) {
        let slot = slot(dir, script);
        slot.start().unwrap();
        let pid = slot.pid().unwrap();
        let ending = ogent_testkit::wait_until("the end", Duration::from_secs(20), async || {
            let ending = slot.look();
            (ending.is_some() || slot.pid().is_none()).then_some(ending)
        });
        let ending = ending.await;
        (pid, slot, ending)
    }

    #[tokio::test]
    async fn a_part_that_cannot_begin_is_started_again_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        let (pid, slot, ending) = first_pid_and_ending(dir.path(), "exit 1").await;
        assert_eq!(ending, None);
        ogent_testkit::wait_until("another life", Duration::from_secs(20), async || {
            slot.look();
            slot.pid().filter(|other| *other != pid)
        })
        .await;
    }

    #[tokio::test]
    async fn a_part_that_worked_or_crashed_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let (_, _, ending) = first_pid_and_ending(dir.path(), "echo it works; echo and then; exit 1").await;
        assert_eq!(ending.unwrap().log, "it works\nand then");
        let (_, _, ending) = first_pid_and_ending(dir.path(), "exit 101").await;
        assert!(ending.unwrap().status.contains("101"));
        let (_, _, ending) = first_pid_and_ending(dir.path(), "kill -SEGV $$").await;
        assert!(ending.is_some());
    }

    #[tokio::test]
    async fn a_part_that_was_killed_stays_away_until_it_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let slot = slot(dir.path(), "sleep 60");
        slot.start().unwrap();
        slot.kill();
        assert_eq!((slot.look(), slot.pid()), (None, None));
        slot.start().unwrap();
        assert!(slot.pid().is_some());
        slot.kill();
    }
}
