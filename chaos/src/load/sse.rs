//! Receives the bytes of a `text/event-stream`, gives the number of each event, and the end.

/// No field that matters here is longer; of a longer line the rest is passed over.
const MAX_LINE: usize = 64;

/// One whole event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// One with this number.
    Number(u64),
    /// `end`.
    End,
}

/// Reads a stream, whatever pieces it comes in.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    line: Vec<u8>,
    number: Option<u64>,
    is_end: bool,
}

// === impl Numbers ===

impl Numbers {
    /// Takes the next bytes, gives the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => seen.extend(self.end_of_line()),
                _ if self.line.len() < MAX_LINE => self.line.push(*byte),
                _ => {}
            }
        }
        seen
    }

    fn end_of_line(&mut self) -> Option<Seen> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            let (number, is_end) = (self.number.take(), std::mem::take(&mut self.is_end));
            return if is_end { Some(Seen::End) } else { number.map(Seen::Number) };
        }
        let (field, value) = line.split_once(':')?;
        match field {
            "id" => self.number = value.trim().parse().ok(),
            "event" => self.is_end = value.trim() == "end",
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b": hello\n\nid: 0\nevent: accepted\ndata: {}\n\nid:1\r\nevent:output\r\ndata: \
        xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n\
        event: end\ndata: {}\n\nid: 7\ndata: half";

    #[test]
    fn whole_events_count_in_any_pieces() {
        let expected = [Seen::Number(0), Seen::Number(1), Seen::End];
        for size in [1, 3, 1000] {
            let mut numbers = Numbers::default();
            let seen: Vec<Seen> = STREAM.chunks(size).flat_map(|piece| numbers.push(piece)).collect();
            assert_eq!(seen, expected, "pieces of {size}");
        }
    }
}
