//! Receives the roles and accounts, gives the tables in `nats/README.md`.

use std::fmt::Write as _;

use super::{Kind, NAME};
use crate::accounts;
use crate::credentials::account::Direction;

/// The table in `nats/README.md`: what each role may, and what the accounts share.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| role | account | may publish to | may subscribe to |\n|---|---|---|---|\n");
    for kind in Kind::ALL {
        let cell = |subjects: &[String]| {
            subjects.iter().map(|one| format!("`{}`", one.replace(NAME, "NAME"))).collect::<Vec<_>>().join("<br>")
        };
        let permissions = kind.template();
        let (publish, subscribe) = (cell(&permissions.publish), cell(&permissions.subscribe));
        let _ = writeln!(text, "| {} | {} | {publish} | {subscribe} |", kind.name(), kind.account().name());
    }
    text.push_str("\n| in OGENT | in AGENTS | direction |\n|---|---|---|\n");
    for shared in accounts::shared() {
        let direction = match (shared.direction, shared.is_stream) {
            (Direction::Stream, _) => "agents hear it",
            (Direction::Service, false) => "agents publish it, and get an answer",
            (Direction::Service, true) => "agents publish it, and get several answers",
        };
        let _ = writeln!(text, "| `{}` | `{}` | {direction} |", shared.subject, shared.local);
    }
    text
}
