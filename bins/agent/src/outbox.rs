//! Receives what a command prints, gives pieces of a size that fits into events, and keeps count. No I/O.

use std::collections::VecDeque;

use ogent_protocol::event::OutputTotal;
use ogent_protocol::{OutputChunk, OutputStream, limits};

/// Output between the pipes of a command and the ledger.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Bytes that may still be kept.
    room: u64,
    stdout: OutputTotal,
    stderr: OutputTotal,
    segments: VecDeque<Segment>,
    pending: usize,
}

/// Bytes of one stream, as they were printed in one go.
#[derive(Debug)]
struct Segment {
    stream: OutputStream,
    offset: u64,
    bytes: Vec<u8>,
}

// === impl Outbox ===

impl Outbox {
    /// Keeps `limit` bytes, of both streams together.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            room: limit,
            stdout: OutputTotal::default(),
            stderr: OutputTotal::default(),
            segments: VecDeque::new(),
            pending: 0,
        }
    }

    /// Takes what was printed. What is over the limit is counted and forgotten.
    pub(crate) fn push(&mut self, stream: OutputStream, printed: &[u8]) {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let kept = printed.get(..room).unwrap_or(printed);
        let total = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let offset = total.bytes;
        total.bytes += printed.len() as u64;
        total.cut += (printed.len() - kept.len()) as u64;
        if kept.is_empty() {
            return;
        }
        self.room -= kept.len() as u64;
        self.pending += kept.len();
        match self.segments.back_mut() {
            Some(last) if last.stream == stream => last.bytes.extend_from_slice(kept),
            _ => self.segments.push_back(Segment { stream, offset, bytes: kept.to_vec() }),
        }
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.pending
    }

    /// Whether more may come: at the bound the command waits on its pipe.
    pub(crate) fn has_room(&self) -> bool {
        self.pending < limits::OUTPUT_BUFFER_BYTES
    }

    /// The next piece. A character at its end that has not come whole yet stays behind, unless nothing more can come.
    pub(crate) fn take(&mut self, nothing_more: bool) -> Option<OutputChunk> {
        let is_only = self.segments.len() == 1;
        let first = self.segments.front_mut()?;
        let is_whole = first.bytes.len() <= limits::MAX_CHUNK_BYTES;
        let end = if is_whole && (nothing_more || !is_only) {
            first.bytes.len()
        } else {
            character_end(first.bytes.get(..limits::MAX_CHUNK_BYTES).unwrap_or(&first.bytes))
        };
        if end == 0 {
            return None;
        }
        let rest = first.bytes.split_off(end);
        let chunk =
            OutputChunk { stream: first.stream, offset: first.offset, data: std::mem::take(&mut first.bytes).into() };
        self.pending -= end;
        if rest.is_empty() {
            self.segments.pop_front();
        } else {
            first.offset += end as u64;
            first.bytes = rest;
        }
        Some(chunk)
    }

    /// All that is left, for the last event.
    pub(crate) fn take_all(&mut self) -> Vec<OutputChunk> {
        std::iter::from_fn(|| self.take(true)).collect()
    }

    /// What was printed on standard output and on standard error.
    pub(crate) fn totals(&self) -> (OutputTotal, OutputTotal) {
        (self.stdout, self.stderr)
    }
}

/// Where the last whole character of UTF-8 ends; the end, where the bytes are not UTF-8 anyway.
fn character_end(bytes: &[u8]) -> usize {
    // A character has four bytes at most, so that an unfinished one began at most three before the end.
    let window = bytes.len().saturating_sub(3)..bytes.len();
    for (at, byte) in bytes.iter().enumerate().skip(window.start).rev() {
        let needed = match byte {
            0x00..=0x7f => return bytes.len(),
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        return if at + needed > bytes.len() { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OUT: OutputStream = OutputStream::Stdout;
    const ERR: OutputStream = OutputStream::Stderr;

    #[test]
    fn characters_are_not_cut_in_two() {
        let mut outbox = Outbox::new(100);
        outbox.push(OUT, "ä€".as_bytes().get(..4).unwrap());
        assert_eq!(outbox.take(false).unwrap().data, "ä".into());
        assert_eq!(outbox.take(false), None);
        outbox.push(OUT, "€".as_bytes().get(2..).unwrap());
        let rest = outbox.take(false).unwrap();
        assert_eq!((rest.data, rest.offset), ("€".into(), 2));
    }

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let mut outbox = Outbox::new(4);
        outbox.push(OUT, b"abc");
        outbox.push(ERR, b"de");
        outbox.push(OUT, b"fgh");
        let chunks = outbox.take_all();
        assert_eq!(chunks.iter().map(|chunk| chunk.data.len()).collect::<Vec<_>>(), [3, 1]);
        let (stdout, stderr) = outbox.totals();
        assert_eq!((stdout.bytes, stdout.cut, stderr.bytes, stderr.cut), (6, 3, 2, 1));
    }

    proptest! {
        #[test]
        fn every_byte_comes_out_once_in_order(
            pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..9)), 0..60),
            takes in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut outbox = Outbox::new(u64::MAX);
            let (mut printed, mut sent) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
            let mut collect = |chunk: OutputChunk| {
                let kept = &mut sent[usize::from(chunk.stream == ERR)];
                assert_eq!(chunk.offset, kept.len() as u64);
                kept.extend_from_slice(chunk.data.as_bytes());
            };
            for ((is_err, piece), take) in pieces.into_iter().zip(takes) {
                printed[usize::from(is_err)].extend_from_slice(&piece);
                outbox.push(if is_err { ERR } else { OUT }, &piece);
                if take {
                    outbox.take(false).into_iter().for_each(&mut collect);
                }
            }
            outbox.take_all().into_iter().for_each(&mut collect);
            prop_assert_eq!(outbox.len(), 0);
            prop_assert_eq!(printed, sent);
        }
    }
}
