//! Names exactly what would run where, so that an approval cannot be used for anything else.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::id::AgentId;
use crate::intent::{Program, Run};

/// Another form gets another number, so that no hash of one means something in the other.
const FORM: &[u8] = b"ogent approval 1\0";

/// What an approval of `run` on `agent` has to name: SHA-256, in hexadecimal, over each part with its length before it.
/// Not counted: who asked, when, why, how long it may wait, and how much output is kept.
#[must_use]
pub fn hash(agent: &AgentId, run: &Run) -> String {
    let mut hash = Sha256::new();
    hash.update(FORM);
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(agent.as_str().as_bytes());
    part(run.id.as_str().as_bytes());
    match &run.program {
        Program::Shell(line) => {
            part(b"shell");
            part(line.as_bytes());
        }
        Program::Argv(argv) => {
            part(b"argv");
            part(&(argv.len() as u64).to_be_bytes());
            argv.iter().for_each(|word| part(word.as_bytes()));
        }
    }
    for text in [run.cwd.as_deref(), run.user.as_deref()] {
        // Absent and empty are not the same.
        part(&[u8::from(text.is_some())]);
        part(text.unwrap_or_default().as_bytes());
    }
    part(&(run.env.len() as u64).to_be_bytes());
    for (name, value) in &run.env {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(&[u8::from(run.stdin.is_some())]);
    part(run.stdin.as_ref().map_or(&[], |stdin| stdin.as_bytes()));
    part(run.target.to_string().as_bytes());
    part(&run.timeout.as_nanos().to_be_bytes());
    HEXLOWER.encode(&hash.finalize())
}

/// Whether a text could be such a hash.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
