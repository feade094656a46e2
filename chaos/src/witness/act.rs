//! Receives the arguments of the program, does what they say, gives the exit code.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use super::offspring::{self, Pipes};
use super::{MAX_MS, fill};
use crate::evidence::{Behaviour, Phase, Witnessed, now};

/// How `sysexits.h` calls them: wrong arguments, and no way to write.
const USAGE: i32 = 64;
const CANNOT_WRITE: i32 = 74;

/// How much is printed before the rest that a behaviour may ask for.
const PIECE: u64 = 16 * 1024;

/// One run of the witness.
struct Witness {
    file: PathBuf,
    nonce: String,
    told: Witnessed,
}

/// Does what the command line says; gives the exit code.
#[must_use]
pub fn run() -> i32 {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = offspring::run(&words) {
        return code;
    }
    let Some((witness, behaviour)) = parse(&words) else {
        eprintln!("usage: ogent-witness --file FILE --nonce NONCE BEHAVIOUR, inside of a command of Ogent");
        return USAGE;
    };
    witness.act(&behaviour)
}

fn parse(words: &[String]) -> Option<(Witness, Behaviour)> {
    let [file_flag, file, nonce_flag, nonce, behaviour] = words else { return None };
    if file_flag != "--file" || nonce_flag != "--nonce" {
        return None;
    }
    let behaviour = serde_json::from_str(behaviour).ok()?;
    let told = Witnessed {
        at: 0,
        command: std::env::var("OGENT_COMMAND_ID").ok()?.parse().ok()?,
        agent: std::env::var("OGENT_AGENT_ID").ok()?.parse().ok()?,
        nonce: nonce.clone(),
        pid: std::process::id(),
        phase: Phase::Start,
    };
    Some((Witness { file: file.into(), nonce: nonce.clone(), told }, behaviour))
}

// === impl Witness ===

impl Witness {
    fn act(&self, behaviour: &Behaviour) -> i32 {
        // What cannot be told must not be done: it would look as if it had never happened.
        if self.tell(Phase::Start).is_err() {
            return CANNOT_WRITE;
        }
        let code = self.perform(behaviour);
        match self.tell(Phase::End { code }) {
            Ok(()) => code,
            Err(_) => CANNOT_WRITE,
        }
    }

    /// One write, so that lines of many processes do not mix.
    fn tell(&self, phase: Phase) -> io::Result<()> {
        let line = serde_json::to_string(&Witnessed { at: now(), phase, ..self.told.clone() })?;
        // Another one that was killed while it wrote may have left a part of its line.
        let line = format!("\n{line}\n");
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    fn perform(&self, behaviour: &Behaviour) -> i32 {
        match *behaviour {
            Behaviour::Quick { code } => return code,
            Behaviour::Sleep { ms, code } => {
                nap(ms);
                return code;
            }
            Behaviour::Print { bytes, pause_ms } => {
                return self.print(bytes, pause_ms).map_or(CANNOT_WRITE, |()| 0);
            }
            Behaviour::IgnoreTerm { ms } => {
                // A blocked signal waits for ever, and to block one needs no handler.
                let _ = SigSet::from(Signal::SIGTERM).thread_block();
                nap(ms);
            }
            Behaviour::Setsid { ms } => {
                offspring::start(1, ms, true, Pipes::Closed);
                nap(ms);
            }
            Behaviour::HoldPipes { ms } => offspring::start(1, ms, false, Pipes::Held),
            Behaviour::ForkBomb { processes, ms } => {
                offspring::start(processes.saturating_sub(1), ms, false, Pipes::Closed);
                nap(ms);
            }
            Behaviour::DieBySignal => {
                let _ = kill(Pid::this(), Signal::SIGKILL);
            }
        }
        0
    }

    fn print(&self, bytes: u64, pause_ms: u64) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let mut piece = vec![0; PIECE as usize];
        let mut done = 0;
        while done < bytes {
            let length = PIECE.min(bytes - done);
            let piece = &mut piece[..length as usize];
            fill(&self.nonce, done, piece);
            out.write_all(piece)?;
            done += length;
            if pause_ms > 0 {
                out.flush()?;
                nap(pause_ms);
            }
        }
        out.flush()
    }
}

/// Sleeps, but never so long that a run leaves something behind.
pub(super) fn nap(ms: u64) {
    sleep(Duration::from_millis(ms.min(MAX_MS)));
}
