//! Receives the bytes of one direction of the NATS client protocol in arbitrary pieces, gives whole messages.
//!
//! Only `PUB`, `HPUB`, `MSG` and `HMSG` say how long they are; everything else is a line. What nobody asks for passes
//! without being collected, so a message of any size costs no memory, and bytes that are not NATS pass as they are.

mod head;

use super::Direction;

pub(super) use head::Head;

/// The longest first line of a message, bytes; nats-server itself takes 4096.
const LINE_MAX: usize = 64 * 1024;

/// The largest message that is collected, bytes; nats-server itself takes at most 64 MiB, and 1 MiB by default.
const FRAME_MAX: usize = 8 * 1024 * 1024;

/// One message: its first line, headers if it has any, payload, line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) head: Head,
    pub(super) bytes: Vec<u8>,
}

/// Where in the protocol one direction of a connection is.
pub(super) struct Parser {
    direction: Direction,
    state: State,
    /// What of the line or message that is being read has not passed.
    pending: Vec<u8>,
}

enum State {
    /// In a line that is a message's first, or may become one: it is pending.
    Start,
    /// In another line, which passes.
    Line,
    /// In a message that nobody asks for: so many bytes of it are still to pass.
    Passing(usize),
    /// In a message that is collected: it is pending.
    Collecting(Head),
    /// Not NATS, or not as we know it: all that comes passes.
    Unknown,
}

// === impl Parser ===

impl Parser {
    pub(super) fn new(direction: Direction) -> Self {
        Self { direction, state: State::Start, pending: Vec::new() }
    }

    /// Takes bytes from `input` until it is empty or a message is whole that `wants` asked for by its subject and
    /// head. What is none of that goes to `passed`, in order.
    pub(super) fn next(
        &mut self,
        input: &mut &[u8],
        passed: &mut Vec<u8>,
        wants: impl Fn(&[u8], &Head) -> bool,
    ) -> Option<Frame> {
        while !input.is_empty() {
            match &mut self.state {
                State::Unknown => passed.extend_from_slice(take(input, usize::MAX)),
                State::Passing(left) => {
                    let bytes = take(input, *left);
                    *left -= bytes.len();
                    let is_over = *left == 0;
                    passed.extend_from_slice(bytes);
                    if is_over {
                        self.state = State::Start;
                    }
                }
                State::Line => {
                    let line = take_line(input);
                    passed.extend_from_slice(line);
                    if line.ends_with(b"\n") {
                        self.state = State::Start;
                    }
                }
                State::Start => {
                    self.pending.extend_from_slice(take_line(input));
                    self.judge_line(passed, &wants);
                }
                State::Collecting(head) => {
                    self.pending.extend_from_slice(take(input, head.total() - self.pending.len()));
                    if self.pending.len() == head.total() {
                        let head = head.clone();
                        self.state = State::Start;
                        return Some(Frame { head, bytes: std::mem::take(&mut self.pending) });
                    }
                }
            }
        }
        None
    }

    /// Whether all that has passed so far are whole lines and messages, so that another one may be put in here.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Start | State::Collecting(_))
    }

    /// What was still pending when the sender closed.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.state = State::Unknown;
        std::mem::take(&mut self.pending)
    }

    /// Says what to do with the pending line, or its beginning.
    fn judge_line(&mut self, passed: &mut Vec<u8>, wants: &impl Fn(&[u8], &Head) -> bool) {
        let is_whole = self.pending.ends_with(b"\n");
        if !head::may_begin(self.direction, &self.pending) {
            self.state = if is_whole { State::Start } else { State::Line };
        } else if is_whole {
            self.state = match Head::parse(self.direction, &self.pending) {
                Some(head) if head.total() <= FRAME_MAX && wants(head.subject(&self.pending), &head) => {
                    self.pending.reserve_exact(head.total() - head.line);
                    self.state = State::Collecting(head);
                    return;
                }
                Some(head) => State::Passing(head.total() - head.line),
                // The server will say no to it.
                None => State::Unknown,
            };
        } else if self.pending.len() > LINE_MAX {
            self.state = State::Unknown;
        } else {
            return;
        }
        passed.append(&mut self.pending);
    }
}

// === impl Frame ===

impl Frame {
    pub(super) fn subject(&self) -> &[u8] {
        self.head.subject(&self.bytes)
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.head.line + self.head.headers..self.head.line + self.head.size]
    }

    /// The same message without a header; `None` when it has no such header.
    pub(super) fn without_header(&self, name: &str) -> Option<Self> {
        let headers = &self.bytes[self.head.line..self.head.line + self.head.headers];
        let is_it = |line: &&[u8]| {
            line.iter()
                .position(|byte| *byte == b':')
                .is_some_and(|colon| line[..colon].trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        };
        let (gone, kept): (Vec<&[u8]>, Vec<&[u8]>) = headers.split_inclusive(|byte| *byte == b'\n').partition(is_it);
        if gone.is_empty() {
            return None;
        }
        let kept = kept.concat();
        let (head, mut bytes) = self.head.resized(&self.bytes, kept.len(), self.head.size - headers.len() + kept.len());
        bytes.extend_from_slice(&kept);
        bytes.extend_from_slice(&self.bytes[self.head.line + self.head.headers..]);
        Some(Self { head, bytes })
    }
}

/// Cuts at most `count` bytes off the front.
fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    taken
}

/// Cuts off the front up to the next line end, or everything.
fn take_line<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let end = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |at| at + 1);
    take(input, end)
}

#[cfg(test)]
mod tests;
