//! Signals to the processes of a command, and which of them live.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The process group of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group(Option<Pid>);

// === impl Group ===

impl Group {
    /// No group.
    pub(super) const NONE: Self = Self(None);

    /// The group that this process leads.
    pub(super) fn of(leader: u32) -> Self {
        // 0 and 1 would be our own group, and everyone.
        Self(i32::try_from(leader).ok().filter(|leader| *leader > 1).map(Pid::from_raw))
    }

    /// Asks them to stop.
    pub(super) fn terminate(self) {
        self.signal(Signal::SIGTERM);
        // A stopped process would take the request only after somebody lets it go on.
        self.signal(Signal::SIGCONT);
    }

    /// Ends them.
    pub(super) fn kill(self) {
        self.signal(Signal::SIGKILL);
    }

    /// Whether this process is in it.
    pub(super) fn has(self, pid: u32) -> bool {
        self.0.is_some_and(|group| stat(pid).is_some_and(|(of, _)| of == group.as_raw()))
    }

    fn signal(self, signal: Signal) {
        let Some(group) = self.0 else { return };
        match killpg(group, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => tracing::warn!(%group, %signal, %error, "cannot signal a command"),
        }
    }
}

/// Asks one process to stop.
pub(super) fn terminate(pid: u32) {
    signal(pid, Signal::SIGTERM);
    signal(pid, Signal::SIGCONT);
}

/// Ends one process.
pub(super) fn kill(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

fn signal(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 1) else { return };
    match nix::sys::signal::kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid, %signal, %error, "cannot signal a process of a command"),
    }
}

/// Living processes that are in this group, or have all these variables in the environment with which they were started.
#[cfg(target_os = "linux")]
pub(super) fn marked(group: Group, mark: &[Vec<u8>]) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let (group, kin) = (group.0.map(Pid::as_raw), lineage());
    let is_marked = |pid: u32| {
        // Processes of other accounts hide theirs from an agent that is not root.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let has = |wanted: &Vec<u8>| environment.split(|byte| *byte == 0).any(|variable| variable == wanted);
        mark.iter().all(has)
    };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|pid| !kin.contains(pid))
        .filter(|pid| match stat(*pid) {
            Some((_, false)) | None => false,
            Some((of, true)) => Some(of) == group || is_marked(*pid),
        })
        .collect()
}

/// This process and those that it comes from: an agent may have been started by a command, and must not end itself.
#[cfg(target_os = "linux")]
fn lineage() -> Vec<u32> {
    let parent = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.split(' ').nth(1)?.parse().ok().filter(|parent| *parent > 0)
    };
    std::iter::successors(Some(std::process::id()), parent).collect()
}

/// Other systems than Linux show nobody's environment: there, those that leave the group are not found.
#[cfg(not(target_os = "linux"))]
pub(super) fn marked(group: Group, _: &[Vec<u8>]) -> Vec<u32> {
    match group.0 {
        Some(leader) if killpg(leader, None) != Err(Errno::ESRCH) => vec![leader.as_raw().unsigned_abs()],
        _ => Vec::new(),
    }
}

/// Whether a process lives, and is more than a zombie.
pub(super) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(_, is_alive)| is_alive)
}

/// The group of a process, and whether it is more than a zombie.
fn stat(pid: u32) -> Option<(i32, bool)> {
    member(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The same from the text of its `/proc/<pid>/stat` (proc_pid_stat(5)).
fn member(stat: &str) -> Option<(i32, bool)> {
    // The name of the program stands in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((group, !matches!(state, "Z" | "X")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zombies_do_not_count() {
        assert_eq!(member("7 (a) b) Z 1 42 42 0"), Some((42, false)));
        assert_eq!(member("7 (sleep) S 1 42 42 0"), Some((42, true)));
        assert_eq!(member("nonsense"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn nobody_ends_himself() {
        let own = format!("PATH={}", std::env::var("PATH").unwrap()).into_bytes();
        let found = marked(Group::NONE, &[own]);
        assert!(!found.contains(&std::process::id()) && !found.contains(&std::os::unix::process::parent_id()));
    }

    #[test]
    fn our_own_group_is_nobody_s() {
        assert!(Group::of(0).0.is_none() && Group::of(1).0.is_none());
    }
}
