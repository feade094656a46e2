//! Receives the first line of a message, tells its subject and its sizes.

use std::ops::Range;

use super::Direction;

/// What the first line of a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proxy) struct Head {
    /// Length of the line with its end.
    pub(in crate::proxy) line: usize,
    /// Length of the headers, 0 without any.
    pub(in crate::proxy) headers: usize,
    /// Length of headers and payload.
    pub(in crate::proxy) size: usize,
    subject: Range<usize>,
    /// Where the sizes begin.
    sizes: usize,
}

/// The operations with a size: their names, and how many words follow at least.
struct Op {
    name: &'static [u8],
    words: usize,
    has_headers: bool,
}

/// `PUB <subject> [reply] <size>`, `HPUB <subject> [reply] <headers> <size>`.
const PUBLISHED: [Op; 2] =
    [Op { name: b"PUB", words: 2, has_headers: false }, Op { name: b"HPUB", words: 3, has_headers: true }];

/// `MSG <subject> <sid> [reply] <size>`, `HMSG <subject> <sid> [reply] <headers> <size>`.
const DELIVERED: [Op; 2] =
    [Op { name: b"MSG", words: 3, has_headers: false }, Op { name: b"HMSG", words: 4, has_headers: true }];

fn ops(direction: Direction) -> &'static [Op; 2] {
    match direction {
        Direction::ToServer => &PUBLISHED,
        Direction::ToClient => &DELIVERED,
    }
}

/// Whether a line that begins like this, or is this, may be the first line of a message.
pub(super) fn may_begin(direction: Direction, line: &[u8]) -> bool {
    ops(direction).iter().any(|op| op.may_begin(line))
}

// === impl Op ===

impl Op {
    fn may_begin(&self, line: &[u8]) -> bool {
        let known = line.len().min(self.name.len());
        line[..known].eq_ignore_ascii_case(&self.name[..known])
            && line.get(self.name.len()).is_none_or(|byte| is_blank(*byte))
    }
}

// === impl Head ===

impl Head {
    /// Reads a whole line that may begin a message; `None` when it is not as it should be.
    pub(super) fn parse(direction: Direction, line: &[u8]) -> Option<Self> {
        let op = ops(direction).iter().find(|op| op.may_begin(line))?;
        let words = words(line);
        let (_, arguments) = words.split_first()?;
        if arguments.len() != op.words && arguments.len() != op.words + 1 {
            return None;
        }
        let subject = arguments.first()?.clone();
        let number = |word: &Range<usize>| std::str::from_utf8(&line[word.clone()]).ok()?.parse::<u32>().ok();
        let (size, arguments) = arguments.split_last()?;
        let (headers, sizes) = match arguments.last() {
            Some(headers) if op.has_headers => (number(headers)?, headers.start),
            _ => (0, size.start),
        };
        let size = number(size)?;
        let (headers, size) = (headers as usize, size as usize);
        (headers <= size).then_some(Self { line: line.len(), headers, size, subject, sizes })
    }

    /// The subject, which stands in the line.
    pub(super) fn subject<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        &line[self.subject.clone()]
    }

    /// Length of the whole message: line, headers, payload, line end.
    pub(super) fn total(&self) -> usize {
        self.line + self.size + 2
    }

    /// This head and its line, with other sizes; `line` is the one that it was read from.
    pub(super) fn resized(&self, line: &[u8], headers: usize, size: usize) -> (Self, Vec<u8>) {
        let mut text = line[..self.sizes].to_vec();
        text.extend_from_slice(format!("{headers} {size}\r\n").as_bytes());
        (Self { line: text.len(), headers, size, ..self.clone() }, text)
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Where the words of a line are.
fn words(line: &[u8]) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    for (at, byte) in line.iter().enumerate() {
        match words.last_mut() {
            _ if is_blank(*byte) || matches!(byte, b'\r' | b'\n') => {}
            Some(word) if word.end == at => word.end = at + 1,
            _ => words.push(at..at + 1),
        }
    }
    words
}
