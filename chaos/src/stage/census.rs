//! Looks at the processes of the stage from outside: what they use, and which commands are alive.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Weak;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::Stage;
use crate::evidence::{Alive, Evidence, Moment, Sample, now};

/// The variable by which the processes of a command are known, whatever became of their parents.
const NONCE: &[u8] = b"CHAOS_NONCE=";

/// Where the run is, for the samples.
#[derive(Debug, Default)]
pub struct Clockwork(AtomicU8);

// === impl Clockwork ===

impl Clockwork {
    /// From now on.
    pub fn set(&self, moment: Option<Moment>) {
        let number = match moment {
            None => 0,
            Some(Moment::Before) => 1,
            Some(Moment::During) => 2,
            Some(Moment::After) => 3,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Moment> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Moment::Before),
            2 => Some(Moment::During),
            3 => Some(Moment::After),
            _ => None,
        }
    }
}

/// Writes `alive.jsonl` each second and `samples.jsonl` every other one, until the stage ends.
pub(super) async fn take(stage: Weak<Stage>, evidence: Evidence) {
    let (Ok(alive), Ok(samples)) = (evidence.log("alive.jsonl"), evidence.log("samples.jsonl")) else { return };
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut turn = 0_u64;
    loop {
        tick.tick().await;
        turn += 1;
        let Some(stage) = stage.upgrade() else { return };
        let (alive, samples) = (alive.clone(), samples.clone());
        // Reading /proc blocks.
        let _ = tokio::task::spawn_blocking(move || {
            let processes = commands_in(&stage.dir);
            if !processes.is_empty() {
                alive.write(&Alive { at: now(), processes });
            }
            if let (Some(moment), true) = (stage.moment.get(), turn.is_multiple_of(2)) {
                let living = stage.living();
                living
                    .into_iter()
                    .filter_map(|(part, pid)| sample(part, pid, moment))
                    .for_each(|one| samples.write(&one));
            }
        })
        .await;
    }
}

fn sample(part: String, pid: u32, moment: Moment) -> Option<Sample> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Sample {
        at: now(),
        part,
        pid,
        rss: number("VmRSS")? * 1024,
        fds: u32::try_from(fds).ok()?,
        threads: u32::try_from(number("Threads")?).ok()?,
        zombies: zombies_of(pid),
        moment,
    })
}

fn zombies_of(parent: u32) -> u32 {
    let parent = parent.to_string();
    let is_zombie = |pid: &i32| -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        // The name of the program stands in parentheses and may hold anything.
        let mut fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ')).into_iter().flatten();
        fields.next() == Some("Z") && fields.next() == Some(parent.as_str())
    };
    u32::try_from(pids().filter(is_zombie).count()).unwrap_or(u32::MAX)
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Processes that run in this folder or below.
pub(super) fn processes_in(dir: &Path) -> Vec<i32> {
    let is_inside = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
    pids().filter(is_inside).collect()
}

/// Living processes of commands, by the nonce in their environment. Zombies have none.
fn commands_in(dir: &Path) -> Vec<(String, Vec<u32>)> {
    let mut found: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for pid in processes_in(dir) {
        if let Some(nonce) = variable(pid, NONCE) {
            found.entry(nonce).or_default().push(pid.cast_unsigned());
        }
    }
    found.into_iter().collect()
}

/// Ends everything that an agent has started.
pub(super) fn end_commands_of(agent: &str, dir: &Path) -> u64 {
    let is_its = |pid: &i32| variable(*pid, b"OGENT_AGENT_ID=").as_deref() == Some(agent);
    let its: Vec<i32> = processes_in(dir).into_iter().filter(is_its).collect();
    for pid in &its {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), nix::sys::signal::Signal::SIGKILL);
    }
    its.len() as u64
}

fn variable(pid: i32, prefix: &[u8]) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(prefix))?;
    Some(std::ffi::OsStr::from_bytes(value).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn commands_are_found_by_folder_and_nonce_and_ended_by_agent() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let start = |agent: &str, folder: &Path| {
            let mut command = Command::new("sleep");
            command.arg("60").env("CHAOS_NONCE", agent).env("OGENT_AGENT_ID", agent).current_dir(folder);
            command.spawn().unwrap()
        };
        let (mut one, mut two, mut other) = (start("a-1", &dir), start("a-2", &dir), start("a-1", Path::new("/")));
        // A process has no environment to read while it is on its way into its program.
        let wanted = [("a-1".to_owned(), vec![one.id()]), ("a-2".to_owned(), vec![two.id()])];
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while commands_in(&dir) != wanted && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(commands_in(&dir), wanted);
        assert_eq!(zombies_of(std::process::id()), 0);
        assert_eq!(end_commands_of("a-1", &dir), 1);
        assert!(!one.wait().unwrap().success());
        assert!(two.try_wait().unwrap().is_none() && other.try_wait().unwrap().is_none());
        for child in [&mut two, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_sample_tells_what_a_process_uses() {
        let own = sample("me".to_owned(), std::process::id(), Moment::During).unwrap();
        assert!(own.rss > 1024 * 1024 && own.fds > 2 && own.threads > 0, "{own:?}");
    }
}
