//! Receives a behaviour, does it, and tells on the way: the program that every command of a run is.
//!
//! It knows nothing of Ogent but the names in its environment, and what it writes goes past all of Ogent.

mod act;
mod offspring;
mod pattern;

use std::path::Path;

use crate::evidence::Behaviour;

pub use act::run;
pub use pattern::{fill, pattern};

/// The variable that every process of a command carries: its nonce.
pub const NONCE: &str = "CHAOS_NONCE";

/// The longest that any process of a witness sleeps, whatever it is told.
pub const MAX_MS: u64 = 30_000;

/// The most processes of one command.
pub const MAX_PROCESSES: u32 = 60;

/// The command that makes an agent run the witness.
///
/// # Panics
/// Never: a behaviour can always be written.
#[must_use]
pub fn argv(program: &Path, file: &Path, nonce: &str, behaviour: &Behaviour) -> Vec<String> {
    let behaviour = serde_json::to_string(behaviour).expect("a behaviour is JSON");
    let text = |path: &Path| path.display().to_string();
    vec![text(program), "--file".to_owned(), text(file), "--nonce".to_owned(), nonce.to_owned(), behaviour]
}
