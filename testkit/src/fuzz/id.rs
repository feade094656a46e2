//! Names of agents, commands and targets.

use ogent_protocol::{AgentId, CommandId, ExecutionTarget};

use super::intent::is_token;

/// A text that may be a name.
pub fn id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let is_id = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') && is_token(text);
    assert_eq!(text.parse::<AgentId>().is_ok(), is_id);
    match text.parse::<CommandId>() {
        Ok(id) => {
            assert!(is_id && id.as_str() == text && id.to_string() == text);
            assert_eq!(CommandId::try_from(String::from(id.clone())), Ok(id.clone()));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<CommandId>(&json).unwrap(), id);
        }
        Err(_) => assert!(!is_id && serde_json::from_value::<CommandId>(text.into()).is_err()),
    }
    if let Ok(target) = text.parse::<ExecutionTarget>() {
        assert_eq!(target.to_string(), text);
    }
    if let Ok(agent) = AgentId::from_public_key(text) {
        assert!(is_token(agent.as_str()) && agent.as_str().len() == "agent-".len() + 12);
    }
    derived(text);
}

/// A user and a key make one id, and no other pair makes the same.
fn derived(text: &str) {
    let mut ids = Vec::new();
    for (at, _) in text.char_indices().take(12) {
        let (user, key) = text.split_at(at);
        let id = CommandId::derive(user, key);
        assert!(is_token(id.as_str()) && id == CommandId::derive(user, key));
        assert!(!ids.contains(&id), "two pairs have the id {id}");
        ids.push(id);
    }
}
