//! Which NATS messages a proxy changes, and how.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Direction;
use super::frame::{Frame, Head};

/// A PubAck is smaller than this, so that the larger messages to a client need not be looked into.
const PUB_ACK_MAX: usize = 4096;

/// Changes some NATS messages.
///
/// Rules are asked in their order. [`Action::StripHeader`] changes the message and lets the next rule see it; the
/// first of the other actions that is due ends its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which messages.
    pub on: Match,
    /// How.
    pub action: Action,
    /// Each k-th of them, counted over all connections; 1 is each, and so is 0.
    pub every: u32,
}

/// Picks messages. In a subject `*` stands for one token, `>` at its end for one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Server to client: a JetStream PubAck (its payload begins with `{"stream":`).
    PubAck,
    /// Server to client: a message on this subject.
    Delivered(String),
    /// Client to server: a message on this subject.
    Published(String),
    /// The same, only if the payload contains these bytes; headers do not count.
    PublishedWith(String, String),
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It never arrives.
    Drop,
    /// It arrives twice, at once.
    Duplicate,
    /// It waits until the next match of this rule in the same direction of the same connection has passed, at most
    /// 500 ms. The one that it waits for does not wait itself.
    Swap,
    /// It arrives, and once more after this time if the connection lives so long. What waits for its time is bounded
    /// (256 messages, 4 MiB a direction); above that a message is not replayed.
    Replay(Duration),
    /// It arrives without this header; the name is compared without regard to case.
    StripHeader(String),
}

/// The rules of a proxy as they are now.
#[derive(Default)]
pub(super) struct Rules(Mutex<Arc<[Arc<Counted>]>>);

/// A rule and how often it matched.
pub(super) struct Counted {
    pub(super) rule: Rule,
    matches: AtomicU32,
}

// === impl Rules ===

impl Rules {
    pub(super) fn set(&self, rules: Vec<Rule>) {
        let counted = rules.into_iter().map(|rule| Arc::new(Counted { rule, matches: AtomicU32::new(0) })).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    }

    pub(super) fn current(&self) -> Arc<[Arc<Counted>]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

// === impl Counted ===

impl Counted {
    /// Counts a match; whether the action is due.
    pub(super) fn count(&self) -> bool {
        (self.matches.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.rule.every.max(1))
    }
}

// === impl Match ===

impl Match {
    /// Whether a message with this head may match, before its payload is there.
    pub(super) fn may_match(&self, direction: Direction, subject: &[u8], head: &Head) -> bool {
        match (self, direction) {
            (Self::PubAck, Direction::ToClient) => head.size <= PUB_ACK_MAX,
            (Self::Delivered(pattern), Direction::ToClient)
            | (Self::Published(pattern) | Self::PublishedWith(pattern, _), Direction::ToServer) => {
                fits(pattern.as_bytes(), subject)
            }
            _ => false,
        }
    }

    /// Whether a message matches.
    pub(super) fn matches(&self, direction: Direction, frame: &Frame) -> bool {
        self.may_match(direction, frame.subject(), &frame.head)
            && match self {
                Self::PubAck => frame.payload().starts_with(br#"{"stream":"#),
                Self::PublishedWith(_, bytes) => contains(frame.payload(), bytes.as_bytes()),
                Self::Delivered(_) | Self::Published(_) => true,
            }
    }
}

fn fits(pattern: &[u8], subject: &[u8]) -> bool {
    let mut tokens = subject.split(|byte| *byte == b'.');
    for wanted in pattern.split(|byte| *byte == b'.') {
        match (wanted, tokens.next()) {
            (_, None) => return false,
            (b">", Some(_)) => return true,
            (b"*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_fit_as_in_nats() {
        let cases = [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a", false),
            ("a.b", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.*", "a", false),
            ("a.>", "a", false),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            (">", "a", true),
            ("results.*.*", "results.web-1.x", true),
        ];
        for (pattern, subject, expected) in cases {
            assert_eq!(fits(pattern.as_bytes(), subject.as_bytes()), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn each_kth_match_is_due() {
        let due = |every| {
            let rules = Rules::default();
            rules.set(vec![Rule { on: Match::PubAck, action: Action::Drop, every }]);
            (0..6).map(|_| rules.current()[0].count()).collect::<Vec<_>>()
        };
        assert_eq!(due(1), [true; 6]);
        assert_eq!(due(0), [true; 6]);
        assert_eq!(due(3), [false, false, true, false, false, true]);
    }
}
