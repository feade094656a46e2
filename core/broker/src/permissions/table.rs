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
    text.push_str("\n| of | to | subject | there | what passes |\n|---|---|---|---|---|\n");
    for shared in accounts::shared() {
        let passes = match (shared.direction, shared.is_stream) {
            (Direction::Stream, _) => "messages",
            (Direction::Service, false) => "requests, and an answer",
            (Direction::Service, true) => "requests, and several answers",
        };
        let (of, to) = (shared.of.name(), shared.to.name());
        let _ = writeln!(text, "| {of} | {to} | `{}` | `{}` | {passes} |", shared.subject, shared.local);
    }
    text
}
