//! Answers of a gateway: what the command line reads, shows, and turns into an exit code.

use ogent::commands::exec::ending::{self, End};
use ogent::output::format;
use ogent_protocol::CommandStatus;
use ogent_protocol::rest::{
    AgentList, CommandPage, CommandResult, CommandView, PendingCommand, Problem, TokenResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::same::are_same;
use super::terminal::is_harmless;

/// A document that a gateway sends.
pub fn answer(data: &[u8]) {
    read::<AgentList>(data);
    read::<CommandPage>(data);
    read::<CommandResult>(data);
    read::<PendingCommand>(data);
    read::<Problem>(data);
    read::<TokenResponse>(data);
    if let Some(command) = read::<CommandView>(data) {
        exit_is_told(&End::from(&command));
    }
}

fn read<T: Serialize + DeserializeOwned>(data: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(data).ok()?;
    let json = format::json_line(&value).expect("what was read can be written");
    let again: T = serde_json::from_str(&json).expect("what we write is what we read");
    are_same(&value, &again);
    for text in [json, format::json(&value).unwrap(), format::yaml(&value, true).unwrap()] {
        assert!(is_harmless(&text), "{text:?}");
    }
    Some(value)
}

/// The exit code is 0 where the command succeeded, and nowhere else; whatever else happened is put into words.
pub(super) fn exit_is_told(end: &End) {
    let code = ending::exit_code(end, false);
    assert_eq!(code == 0, end.status == CommandStatus::Succeeded, "exit code {code} for {end:?}");
    assert_ne!(ending::exit_code(end, true), 0);
    let speaks_for_itself = matches!(end.status, CommandStatus::Succeeded | CommandStatus::Failed);
    assert_eq!(ending::words(end).is_none(), speaks_for_itself);
    assert_eq!(ending::warnings(end).len(), usize::from(end.cut > 0) + usize::from(end.left_running));
    let _ = ending::hint(end, &["a b".to_owned()]);
}
