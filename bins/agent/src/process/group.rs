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

    /// Whether any of them is left.
    pub(crate) fn is_alive(self) -> bool {
        killpg(self.0, None) != Err(Errno::ESRCH)
    }

    fn signal(self, signal: Signal) {
        match killpg(self.0, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => tracing::warn!(group = %self.0, %signal, %error, "cannot signal a command"),
        }
    }
}
