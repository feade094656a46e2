//! Signals to a command and all that it has started, as far as they stayed in its group.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The processes of one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group(Pid);

// === impl Group ===

impl Group {
    pub(super) fn of(leader: u32) -> Self {
        Self(Pid::from_raw(i32::try_from(leader).unwrap_or(i32::MAX)))
    }

    /// Asks them to stop.
    pub(crate) fn terminate(self) {
        self.signal(Signal::SIGTERM);
        // A stopped process would take the request only after somebody lets it go on.
        self.signal(Signal::SIGCONT);
    }

    /// Ends them.
    pub(crate) fn kill(self) {
        self.signal(Signal::SIGKILL);
    }

    /// Whether any of them is left. One that has ended and waits for its parent to notice is not: an orphan's new
    /// parent may take its time.
    pub(crate) fn is_alive(self) -> bool {
        killpg(self.0, None) != Err(Errno::ESRCH) && self.has_live_member()
    }

    #[cfg(target_os = "linux")]
    fn has_live_member(self) -> bool {
        let Ok(processes) = std::fs::read_dir("/proc") else { return true };
        let stats = processes.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok());
        stats.filter_map(|stat| member(&stat)).any(|(group, is_alive)| group == self.0.as_raw() && is_alive)
    }

    #[cfg(not(target_os = "linux"))]
    fn has_live_member(self) -> bool {
        true
    }

    fn signal(self, signal: Signal) {
        match killpg(self.0, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => tracing::warn!(group = %self.0, %signal, %error, "cannot signal a command"),
        }
    }
}

/// The group of a process, and whether it is more than a zombie, from its `/proc/<pid>/stat` (proc_pid_stat(5)).
#[cfg(target_os = "linux")]
fn member(stat: &str) -> Option<(i32, bool)> {
    // The name of the program stands in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    Some((group, !matches!(state, "Z" | "X")))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn zombies_do_not_count() {
        assert_eq!(member("7 (a) b) Z 1 42 42 0"), Some((42, false)));
        assert_eq!(member("7 (sleep) S 1 42 42 0"), Some((42, true)));
        assert_eq!(member("nonsense"), None);
    }
}
