//! Receives pieces of a stream of Server-Sent Events, gives the numbers of the events in it. Pure.

/// Reads `id` and `event` of each event; pieces may be cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    id: Option<u64>,
    is_end: bool,
    /// Numbers so far.
    pub(super) numbers: Vec<u64>,
    /// Whether the stream has said its end.
    pub(super) ended: bool,
}

impl Reader {
    pub(super) fn push(&mut self, piece: &[u8]) {
        for byte in piece {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.take(line.strip_suffix(b"\r").unwrap_or(&line));
            } else if self.line.len() < 64 || !self.line.starts_with(b"data:") {
                // Of what an event says nothing is needed.
                self.line.push(*byte);
            }
        }
    }

    /// The connection has ended: what had not come whole does not count.
    pub(super) fn cut_off(&mut self) {
        self.line.clear();
        self.id = None;
        self.is_end = false;
    }

    fn take(&mut self, line: &[u8]) {
        let text = std::str::from_utf8(line).unwrap_or_default();
        if text.is_empty() {
            // An empty line ends the event; without an id and a type it was a comment to keep the line alive.
            self.numbers.extend(self.id.take());
            self.ended |= std::mem::take(&mut self.is_end);
        } else if let Some(id) = text.strip_prefix("id:") {
            self.id = id.trim().parse().ok();
        } else if let Some(kind) = text.strip_prefix("event:") {
            self.is_end = kind.trim() == "end";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_may_be_cut_anywhere() {
        let text = b"id: 0\nevent: ogent.command.accepted\ndata: {\"id: 7\":1}\n\n: keep\n\nid:1\r\ndata: x\r\n\r\nevent: end\ndata: {}\n\n";
        for size in 1..text.len() {
            let mut reader = Reader::default();
            text.chunks(size).for_each(|piece| reader.push(piece));
            assert_eq!((reader.numbers, reader.ended), (vec![0, 1], true), "pieces of {size}");
        }
        let mut reader = Reader::default();
        reader.push(b"id: 0\ndata: unfinished");
        assert_eq!((reader.numbers, reader.ended), (vec![], false));
    }
}
