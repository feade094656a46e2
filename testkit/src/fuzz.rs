//! Receives bytes as anybody may send them, gives them to the parts of Ogent that read such bytes, and panics where a
//! promise about these parts is broken. Never for another reason: a refusal is an answer.
//!
//! `fuzz/` drives these functions with libFuzzer; `tests/fuzz.rs` drives them over the same corpus in every test run.

mod analysis;
mod answer;
mod approval;
mod blob;
mod client_message;
mod credentials;
mod enrol;
mod event;
mod fold;
mod id;
mod intent;
mod opinion;
mod record;
mod request;
mod same;
mod seal;
mod shell;
mod sse;
mod subject;
mod terminal;
mod wire;

pub use analysis::analysis;
pub use answer::answer;
pub use approval::approval;
pub use blob::blob;
pub use client_message::client_message;
pub use credentials::credentials;
pub use enrol::enrol;
pub use event::{event_json, event_msgpack};
pub use fold::fold;
pub use id::id;
pub use intent::{intent_json, intent_msgpack};
pub use opinion::opinion;
pub use record::record;
pub use request::request;
pub use seal::seal;
pub use shell::shell;
pub use sse::sse;
pub use subject::subject;
pub use terminal::{table, terminal};
pub use wire::wire;

/// Reads bytes; panics where a promise is broken.
pub type Target = fn(&[u8]);

/// Every target, by the name that its program and its corpus have.
pub const TARGETS: [(&str, Target); 23] = [
    ("analysis", analysis),
    ("answer", answer),
    ("approval", approval),
    ("blob", blob),
    ("client_message", client_message),
    ("credentials", credentials),
    ("enrol", enrol),
    ("event_json", event_json),
    ("event_msgpack", event_msgpack),
    ("fold", fold),
    ("id", id),
    ("intent_json", intent_json),
    ("intent_msgpack", intent_msgpack),
    ("opinion", opinion),
    ("record", record),
    ("request", request),
    ("seal", seal),
    ("shell", shell),
    ("sse", sse),
    ("subject", subject),
    ("table", table),
    ("terminal", terminal),
    ("wire", wire),
];
