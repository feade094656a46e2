//! Receives how many and how long, starts the processes that a behaviour leaves behind.
//!
//! They are this program again, with arguments of their own. They tell nothing: only the witness itself has started.

use std::process::{Command, Stdio};

use super::MAX_PROCESSES;
use super::act::nap;

const WORD: &str = "offspring";

/// What offspring does with the standard output of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipes {
    /// Holds it open.
    Held,
    /// Leaves it alone.
    Closed,
}

/// Is offspring, when the words say so; gives the exit code.
pub(super) fn run(words: &[String]) -> Option<i32> {
    let [word, processes, ms, session] = words else { return None };
    if word != WORD {
        return None;
    }
    let (Ok(processes), Ok(ms)) = (processes.parse::<u32>(), ms.parse::<u64>()) else { return Some(2) };
    let own_session = session == "session";
    if own_session {
        let _ = nix::unistd::setsid();
    }
    // A tree, two children for each: half of them in a session of their own.
    let others = processes.saturating_sub(1);
    let (left, right) = (others / 2, others - others / 2);
    start(left, ms, true, Pipes::Closed);
    start(right, ms, false, Pipes::Closed);
    nap(ms);
    Some(0)
}

/// Starts a tree of `processes` which sleep for `ms`. What cannot be started is not.
pub(super) fn start(processes: u32, ms: u64, own_session: bool, pipes: Pipes) {
    if processes == 0 {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let stdout = match pipes {
        Pipes::Held => Stdio::inherit(),
        Pipes::Closed => Stdio::null(),
    };
    let _ = Command::new(program)
        .arg(WORD)
        .arg(processes.min(MAX_PROCESSES).to_string())
        .arg(ms.to_string())
        .arg(if own_session { "session" } else { "group" })
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn();
}
