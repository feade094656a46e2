//! Receives every message to an agent, keeps those that the ledger has sent.

use std::collections::{HashSet, VecDeque};

use async_nats::{HeaderMap, Message, Subject};
use ogent_protocol::subject::COMMANDS;

/// Messages that are kept; the oldest go first.
const LENGTH: usize = 8192;

/// A message to an agent.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) subject: Subject,
    pub(super) headers: HeaderMap,
    pub(super) payload: Vec<u8>,
}

/// What was heard, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tape {
    messages: VecDeque<Recorded>,
    known: HashSet<String>,
    /// How many were ever recorded: the number of the next one.
    end: u64,
}

// === impl Tape ===

impl Tape {
    /// Keeps a message that the ledger has republished, once. What came without its headers may have been refused,
    /// or never stored: to send it again would be to ask for it. And what we publish ourselves comes back here.
    pub(super) fn record(&mut self, message: &Message) {
        let Some(headers) = &message.headers else { return };
        let Some(sequence) = headers.get("Nats-Sequence").filter(|_| is_of_ledger(headers)) else { return };
        if !self.known.insert(sequence.as_str().to_owned()) {
            return;
        }
        let payload = message.payload.to_vec();
        self.messages.push_back(Recorded { subject: message.subject.clone(), headers: headers.clone(), payload });
        self.end += 1;
        if self.messages.len() > LENGTH {
            self.messages.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<Recorded> {
        self.messages.get(at).cloned()
    }

    /// The number of the next message.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// What was recorded from the message with this number on.
    pub(super) fn since(&self, number: u64) -> Vec<Recorded> {
        let count = usize::try_from(self.end.saturating_sub(number)).unwrap_or(usize::MAX).min(self.len());
        self.messages.range(self.len() - count..).cloned().collect()
    }

    /// Forgets all messages, but not that they were known: they may come back by our own hand.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }
}

fn is_of_ledger(headers: &HeaderMap) -> bool {
    headers.get("Nats-Stream").is_some_and(|stream| stream.as_str() == COMMANDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: Option<&str>) -> Message {
        let headers = sequence.map(|sequence| {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Stream", COMMANDS);
            headers.insert("Nats-Sequence", sequence);
            headers
        });
        Message {
            subject: "agents.a.exec".into(),
            reply: None,
            payload: "{}".into(),
            headers,
            status: None,
            description: None,
            length: 0,
        }
    }

    #[test]
    fn only_what_the_ledger_sent_is_kept_and_once() {
        let mut tape = Tape::default();
        for sequence in [Some("1"), None, Some("2"), Some("1"), Some("3")] {
            tape.record(&message(sequence));
        }
        assert_eq!((tape.len(), tape.end()), (3, 3));
        assert_eq!(tape.since(1).len(), 2);
        assert_eq!(tape.since(9).len(), 0);
        tape.clear();
        tape.record(&message(Some("3")));
        assert_eq!(tape.len(), 0);
        tape.record(&message(Some("4")));
        assert_eq!(tape.since(0).len(), 1);
    }
}
