//! Receives the program behind `--`, runs it with the way to everything in its environment.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use nix::unistd::{getpgrp, tcgetpgrp};

use super::child::Child;
use super::signals::Signals;
use super::start::Ready;

/// How long the program may take to end when a part has died under it.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// What ended the wait for the program.
#[derive(Debug)]
pub(crate) enum CommandEnd {
    /// It ended, with what a shell would give as its exit code.
    Itself(u8),
    /// The user asked twice, and wants all of it to end now.
    Signals(Signal),
}

/// Starts the program, with this process' terminal and environment.
pub(crate) fn spawn(words: &[OsString], ready: &Ready) -> anyhow::Result<Child> {
    let (program, arguments) = words.split_first().context("there is no program to run")?;
    let mut command = Command::new(program);
    command.args(arguments);
    // What names another token, or other credentials, must not stand beside the ones that are set here.
    for name in ["OGENT_TOKEN_FILE", "OGENT_AGENT", "NATS_NKEY", "NATS_CREDS", "NATS_INBOX_PREFIX"] {
        command.env_remove(name);
    }
    command.envs(environment(ready));
    Child::start(&mut command).with_context(|| format!("{} cannot be started", program.display()))
}

fn environment(ready: &Ready) -> Vec<(&'static str, OsString)> {
    let mut all: Vec<(&'static str, OsString)> = vec![
        ("OGENT_URL", ready.api_url.clone().into()),
        ("OGENT_TOKEN", ready.token.expose().into()),
        ("NATS_URL", ready.access.url.clone().into()),
    ];
    if let Some(agent) = &ready.agent {
        all.push(("OGENT_AGENT", agent.as_str().into()));
    }
    if let Some((name, file)) = ready.access.person() {
        all.push((name, file.into()));
    }
    if let Some(prefix) = ready.access.persons_inbox_prefix() {
        all.push(("NATS_INBOX_PREFIX", prefix.into()));
    }
    all
}

/// Waits for its end. The first signal is the program's to act on, the second one ends everything.
pub(crate) async fn wait(child: &mut Child, signals: &mut Signals) -> CommandEnd {
    let mut is_second = false;
    loop {
        tokio::select! {
            status = child.wait() => return CommandEnd::Itself(super::child::exit_code(status)),
            signal = signals.next() => {
                if is_second {
                    child.kill();
                    return CommandEnd::Signals(signal);
                }
                is_second = true;
                if !came_from_terminal(signal) {
                    child.signal(signal);
                }
            }
        }
    }
}

/// The terminal sends Ctrl-C to every process in its foreground, and so to the program as well.
fn came_from_terminal(signal: Signal) -> bool {
    signal == Signal::SIGINT && tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_exit_code_comes_through() {
        let mut signals = Signals::listen().unwrap();
        for (script, code) in [("exit 0", 0), ("exit 42", 42), ("kill -15 $$", 143)] {
            let mut child = Child::start(Command::new("/bin/sh").args(["-c", script])).unwrap();
            assert!(matches!(wait(&mut child, &mut signals).await, CommandEnd::Itself(is) if is == code), "{script}");
        }
    }
}
