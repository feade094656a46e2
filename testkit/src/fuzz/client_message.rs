//! Messages of a WebSocket's client: strangers send these, too.

use ogent_gateway::read_client_message as read;

use super::same::is_brief;

/// A gateway takes no larger message.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A message as a client sends it.
pub fn client_message(data: &[u8]) {
    // A frame that is no text does not come this far.
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (shown, again) = match read(text) {
        Ok(message) => message,
        Err(error) => return is_brief(&error),
    };
    if again["type"] == "auth" {
        assert_eq!(shown, "Auth { token: Secret(…) }", "the token shows");
    }
    let name = again["ref"].as_str();
    assert!(name.is_none_or(|name| (1..=64).contains(&name.len())), "a ref of another length: {name:?}");
    // What was understood is said back to the client, who may say it once more.
    let written = again.to_string();
    if written.len() <= MAX_MESSAGE_BYTES {
        assert_eq!(read(&written).expect("what we write is what we read"), (shown, again));
    }
    let whole = text.trim_ascii();
    assert!(whole.starts_with('{'), "fields without names were taken");
    for more in ["x", "\0", "{}", whole] {
        assert!(read(&format!("{whole}{more}")).is_err(), "more than one message was taken: {more:?}");
    }
    assert!(read(&whole[..whole.len() - 1]).is_err(), "a message without its end was taken");
}
