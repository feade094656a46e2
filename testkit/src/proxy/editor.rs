//! Receives the bytes of one direction, gives them back as the rules want them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::frame::{Frame, Parser};
use super::rules::{Action, Counted};
use super::{Direction, Shared};

/// The longest that a message waits for the one that it changes places with.
const SWAP_WAIT: Duration = Duration::from_millis(500);

/// What may wait to be replayed in one direction of a connection: messages, bytes.
const REPLAYS: usize = 256;
const REPLAY_BYTES: usize = 4 * 1024 * 1024;

/// The rules' work on one direction of one connection.
pub(super) struct Editor {
    direction: Direction,
    shared: Arc<Shared>,
    parser: Parser,
    /// At most one for each rule, in the order in which they came.
    held: Vec<Held>,
    replays: Vec<Replay>,
}

/// A message that waits for the next match of its rule.
struct Held {
    rule: Arc<Counted>,
    until: Instant,
    bytes: Vec<u8>,
}

/// A message that is to be delivered once more.
struct Replay {
    at: Instant,
    bytes: Vec<u8>,
}

// === impl Editor ===

impl Editor {
    pub(super) fn new(direction: Direction, shared: Arc<Shared>) -> Self {
        Self { direction, shared, parser: Parser::new(direction), held: Vec::new(), replays: Vec::new() }
    }

    /// Takes what has come, and gives what is to pass now.
    pub(super) fn edit(&mut self, mut input: &[u8], now: Instant) -> Vec<u8> {
        let shared = self.shared.clone();
        let Some(rules) = &shared.rules else { return input.to_vec() };
        let rules = rules.current();
        let direction = self.direction;
        let mut passed = Vec::with_capacity(input.len());
        while let Some(frame) = self.parser.next(&mut input, &mut passed, |subject, head| {
            rules.iter().any(|one| one.rule.on.may_match(direction, subject, head))
        }) {
            self.judge(frame, &rules, now, &mut passed);
        }
        passed
    }

    /// What is to pass because its time has come.
    pub(super) fn due(&mut self, now: Instant) -> Vec<u8> {
        if !self.parser.is_between() {
            return Vec::new();
        }
        let mut due: Vec<u8> = self.held.extract_if(.., |held| held.until <= now).flat_map(|held| held.bytes).collect();
        for replay in self.replays.extract_if(.., |replay| replay.at <= now) {
            self.shared.touch();
            due.extend(replay.bytes);
        }
        due
    }

    /// When [`Editor::due`] will have something, if nothing comes before.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let held = self.held.iter().map(|held| held.until);
        let replays = self.replays.iter().map(|replay| replay.at);
        held.chain(replays).min().filter(|_| self.parser.is_between())
    }

    /// What is to pass still when the sender has closed: what was held back, and a message that breaks off.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let is_between = self.parser.is_between();
        let mut rest: Vec<u8> = self.held.drain(..).filter(|_| is_between).flat_map(|held| held.bytes).collect();
        rest.extend(self.parser.finish());
        rest
    }

    fn judge(&mut self, mut frame: Frame, rules: &[Arc<Counted>], now: Instant, passed: &mut Vec<u8>) {
        let mut released = Vec::new();
        let mut verdict = None;
        for one in rules.iter().filter(|one| one.rule.on.matches(self.direction, &frame)).collect::<Vec<_>>() {
            let is_due = one.count();
            if let Some(at) = self.held.iter().position(|held| Arc::ptr_eq(&held.rule, one)) {
                released.extend(self.held.remove(at).bytes);
                continue;
            }
            if !is_due || verdict.is_some() {
                continue;
            }
            match &one.rule.action {
                Action::StripHeader(name) => {
                    if let Some(stripped) = frame.without_header(name) {
                        self.shared.touch();
                        frame = stripped;
                    }
                }
                _ => verdict = Some(one.clone()),
            }
        }
        self.carry_out(verdict, frame.bytes, now, passed);
        passed.extend(released);
    }

    fn carry_out(&mut self, verdict: Option<Arc<Counted>>, bytes: Vec<u8>, now: Instant, passed: &mut Vec<u8>) {
        let Some(rule) = verdict else { return passed.extend(bytes) };
        match &rule.rule.action {
            Action::StripHeader(_) => passed.extend(bytes),
            Action::Drop => self.shared.touch(),
            Action::Duplicate => {
                self.shared.touch();
                passed.extend_from_slice(&bytes);
                passed.extend(bytes);
            }
            Action::Swap => {
                self.shared.touch();
                self.held.push(Held { rule, until: now + SWAP_WAIT, bytes });
            }
            Action::Replay(after) => {
                passed.extend_from_slice(&bytes);
                let waiting: usize = self.replays.iter().map(|replay| replay.bytes.len()).sum();
                if self.replays.len() < REPLAYS && waiting + bytes.len() <= REPLAY_BYTES {
                    self.replays.push(Replay { at: now + *after, bytes });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
