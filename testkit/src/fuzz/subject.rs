//! Subjects: built of ids, and taken apart again.

use ogent_protocol::{AgentId, CommandId, limits, subject};

/// Lines: an agent, a command, and a subject that somebody else made.
pub fn subject(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let [agent, command, foreign] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    if let (Ok(agent), Ok(command)) = (agent.parse(), command.parse()) {
        built(&agent, &command);
    }
    for foreign in [foreign, agent, &text] {
        parsed(foreign);
    }
}

fn built(agent: &AgentId, command: &CommandId) {
    for (built, kind, parts) in [
        (subject::exec(agent), "agents", [agent.as_str(), "exec"]),
        (subject::feed(agent), "agents", [agent.as_str(), "results"]),
        (subject::command(agent, command), "commands", [agent.as_str(), command.as_str()]),
        (subject::result(agent, command), "results", [agent.as_str(), command.as_str()]),
    ] {
        has_tokens(&built, kind, parts);
        let is_ledger = kind != "agents";
        let about = is_ledger.then(|| (agent.clone(), command.clone()));
        assert_eq!(subject::parse_ledger(&built), about, "{built}");
    }
    // Filters have one wildcard, where it belongs, and are no subject of a message.
    for (filter, kind, parts) in [
        (subject::commands_of(agent), "commands", [agent.as_str(), "*"]),
        (subject::command_of_any(command), "commands", ["*", command.as_str()]),
        (subject::results_of(agent), "results", [agent.as_str(), "*"]),
    ] {
        assert_eq!(filter.split('.').collect::<Vec<_>>(), [kind, parts[0], parts[1]]);
        assert_eq!(subject::parse_ledger(&filter), None);
    }
}

fn has_tokens(built: &str, kind: &str, parts: [&str; 2]) {
    assert_eq!(built.split('.').collect::<Vec<_>>(), [kind, parts[0], parts[1]]);
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'*' && b != b'>';
    assert!(built.bytes().all(is_plain), "{built:?}");
    assert!(built.len() <= 2 * limits::MAX_ID_BYTES + "commands..".len());
}

fn parsed(foreign: &str) {
    let Some((agent, command)) = subject::parse_ledger(foreign) else { return };
    let printed = [subject::command(&agent, &command), subject::result(&agent, &command)];
    assert!(printed.iter().any(|printed| printed == foreign), "{foreign:?} was taken for {printed:?}");
}
