//! Receives a process that has to end now, ends it together with the processes that it has started.
//!
//! An agent that is killed cannot end its commands any more, and nothing else binds them to it.

use std::collections::HashMap;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};

/// Kills `pid` and its children. Each of an agent's commands leads a group of its own: all of that ends.
pub(crate) fn kill_family(pid: u32) {
    let Some(pid) = to_pid(pid) else { return };
    // While it stands still it cannot start another one.
    let _ = kill(pid, Signal::SIGSTOP);
    for child in children(pid) {
        let leads_group = getpgid(Some(child)).is_ok_and(|group| group == child);
        let _ = if leads_group { killpg(child, Signal::SIGKILL) } else { kill(child, Signal::SIGKILL) };
    }
    let _ = kill(pid, Signal::SIGKILL);
}

fn children(parent: Pid) -> Vec<Pid> {
    let parents = parents();
    parents.into_iter().filter(|(_, of)| *of == parent).map(|(child, _)| child).collect()
}

/// The parent of each process.
#[cfg(target_os = "linux")]
fn parents() -> HashMap<Pid, Pid> {
    let entry = |entry: std::fs::DirEntry| {
        let child = entry.file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name, in brackets, may hold anything; state and parent follow.
        let parent = status.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some((Pid::from_raw(child), Pid::from_raw(parent)))
    };
    std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(entry).collect()
}

/// The parent of each process.
#[cfg(not(target_os = "linux"))]
fn parents() -> HashMap<Pid, Pid> {
    let Ok(output) = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output() else {
        return HashMap::new();
    };
    let entry = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(|number| number.parse().ok().map(Pid::from_raw));
        Some((numbers.next()??, numbers.next()??))
    };
    String::from_utf8_lossy(&output.stdout).lines().filter_map(entry).collect()
}

fn to_pid(pid: u32) -> Option<Pid> {
    // Zero and negative ids would mean whole groups.
    i32::try_from(pid).ok().filter(|pid| *pid > 0).map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};
    use std::{fs, thread};

    use super::super::child::Child;
    use super::*;

    #[test]
    fn a_command_does_not_outlive_its_killed_agent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        // With job control (-m) a shell gives its children groups of their own, as an agent does.
        let script =
            format!("set -m; (trap '' TERM; sleep 60) & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        let agent = Child::part(Command::new("/bin/sh").args(["-c", &script])).unwrap();
        let wait_until = |what: &dyn Fn() -> bool| {
            let deadline = Instant::now() + Duration::from_secs(10);
            while !what() {
                assert!(Instant::now() < deadline, "it took too long");
                thread::sleep(Duration::from_millis(5));
            }
        };
        wait_until(&|| file.exists());
        let command: i32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        kill_family(agent.pid());
        // A dead process without a parent stays in the list until the system's first process has looked.
        let is_gone = || {
            let status = fs::read_to_string(format!("/proc/{command}/stat"));
            kill(Pid::from_raw(command), None).is_err() || status.is_ok_and(|status| status.contains(") Z "))
        };
        wait_until(&is_gone);
    }
}
