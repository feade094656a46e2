//! What a language model has written about a command.

use ogent_protocol::RiskLevel;

/// The first byte says what the rules say; the rest is the answer. It never lowers the level, and what is published of it
/// is short and can be shown.
pub fn opinion(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let floor = RiskLevel::ALL[usize::from(*first) % RiskLevel::ALL.len()];
    let text = String::from_utf8_lossy(rest);
    let Some(advice) = ogent_analyst::read_opinion(&text, "rm -rf /srv/old", floor) else { return };
    assert!(advice.raise.as_ref().is_none_or(|raise| raise.level > floor && !raise.reason.is_empty()));
    assert!(!advice.explanation.is_empty() && advice.suggestions.len() <= 5);
    let reason = advice.raise.iter().map(|raise| &raise.reason);
    for text in [&advice.explanation].into_iter().chain(&advice.suggestions).chain(reason) {
        assert!(text.chars().count() <= 2000);
        assert!(text.chars().all(|c| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c)), "{text:?}");
    }
}
