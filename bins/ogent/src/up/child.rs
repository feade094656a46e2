//! Receives a command line, gives a child process that can be waited for, stopped and is never left behind.

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{self, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::family::kill_family;

/// A child is looked after whenever one ends (SIGCHLD), and this often in case that the signal was lost.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Secrets of this process. No child needs them, and what an agent has in its environment its commands have, too.
const PRIVATE: [&str; 11] = [
    "OGENT_ADMIN_PASSWORD",
    "OGENT_ADMIN_PASSWORD_FILE",
    "JWT_SECRET_KEY",
    "JWT_SECRET_KEY_FILE",
    "OGENT_TOKEN",
    "OGENT_TOKEN_FILE",
    "OPENAI_API_KEY",
    "OPENAI_API_KEY_FILE",
    "NATS_NKEY",
    "NATS_CREDS",
    "NATS_URL",
];

/// A running or ended child. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Child {
    inner: process::Child,
    status: Option<ExitStatus>,
}

// === impl Child ===

impl Child {
    /// Starts a part in a process group of its own, so that Ctrl-C on the terminal reaches only this process, which
    /// then stops the parts in their order. To be called from the main thread: Linux ends the child together with the
    /// thread that started it.
    pub(crate) fn part(command: &mut Command) -> io::Result<Self> {
        PRIVATE.iter().for_each(|name| _ = command.env_remove(name));
        Self::start(command.process_group(0))
    }

    /// Starts a program as it is.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self { inner: command.spawn()?, status: None })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.inner.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = match self.inner.try_wait() {
                Ok(status) => status,
                // The system does not know the child any more: somebody else has waited for it.
                Err(_) => Some(ExitStatus::from_raw(0)),
            };
        }
        self.status
    }

    /// Waits until it has ended.
    pub(crate) async fn wait(&mut self) -> ExitStatus {
        // Listening comes before looking, so that no end falls between the two.
        let mut ends = signal(SignalKind::child()).ok();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            match &mut ends {
                Some(ends) => _ = timeout(LOOK_EVERY, ends.recv()).await,
                None => sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Sends it a signal, unless it has ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // As long as nobody has waited for it, its id is its own.
        if let (None, Ok(pid)) = (self.ended(), i32::try_from(self.pid())) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Asks it to end, and makes it end when it has not done so within `grace`. Says whether it ended by itself.
    pub(crate) async fn stop(&mut self, grace: Duration) -> bool {
        self.signal(Signal::SIGTERM);
        let is_gentle = timeout(grace, self.wait()).await.is_ok();
        self.kill();
        is_gentle
    }

    /// Makes it end, and what it has started.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            kill_family(self.pid());
            self.status = self.inner.wait().ok();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a shell would give as its exit code: 128 and the signal's number where a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sh(script: &str) -> Child {
        Child::part(Command::new("/bin/sh").args(["-c", script])).unwrap()
    }

    #[tokio::test]
    async fn its_end_is_seen() {
        assert_eq!(exit_code(sh("exit 7").wait().await), 7);
        assert_eq!(exit_code(sh("kill -9 $$").wait().await), 137);
    }

    #[tokio::test]
    async fn it_is_asked_to_stop_and_then_made_to() {
        let mut gentle = sh("exec sleep 60");
        assert!(gentle.stop(Duration::from_secs(10)).await);
        assert_eq!(gentle.ended().map(exit_code), Some(143));

        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let mut stubborn = sh(&format!("trap '' TERM; : > {}; while :; do sleep 0.02; done", ready.display()));
        while !ready.exists() {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(!stubborn.stop(Duration::from_millis(100)).await);
        assert_eq!(stubborn.ended().map(exit_code), Some(137));
    }

    #[tokio::test]
    async fn a_dropped_one_is_gone() {
        let child = sh("exec sleep 60");
        let pid = Pid::from_raw(i32::try_from(child.pid()).unwrap());
        drop(child);
        assert!(kill(pid, None).is_err());
    }

    #[tokio::test]
    async fn a_part_has_no_secrets_of_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        let script = format!("env > {}", file.display());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]).env("JWT_SECRET_KEY", "hush").env("OTHER", "seen");
        assert_eq!(exit_code(Child::part(&mut command).unwrap().wait().await), 0);
        let env = fs::read_to_string(file).unwrap();
        assert!(env.contains("OTHER=seen") && !env.contains("hush"), "{env}");
    }
}
