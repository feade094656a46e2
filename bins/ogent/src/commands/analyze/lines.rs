//! Receives bytes as they come, gives lines: each within a bound, none lost.

/// Longest line that is kept: a command has 64 KiB at most, and JSON may need six bytes for one.
pub(super) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// One line, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// What it says.
    Text(Vec<u8>),
    /// It was longer than any line may be, and was not kept.
    TooLong,
}

/// Cuts bytes into lines. Holds one line at most.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The line that has not ended yet.
    begun: Vec<u8>,
    /// Whether that line was too long already: the rest of it is passed over.
    is_passing: bool,
}

// === impl Lines ===

impl Lines {
    /// Takes bytes, and appends the lines that they end to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Line>) {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.take(piece);
            if pieces.peek().is_some() {
                out.push(self.end());
            }
        }
    }

    /// The last line, where it has no newline.
    pub(super) fn finish(&mut self) -> Option<Line> {
        (self.is_passing || !self.begun.is_empty()).then(|| self.end())
    }

    fn take(&mut self, piece: &[u8]) {
        if self.is_passing || self.begun.len() + piece.len() > MAX_LINE_BYTES {
            self.is_passing = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }

    fn end(&mut self) -> Line {
        if std::mem::take(&mut self.is_passing) { Line::TooLong } else { Line::Text(std::mem::take(&mut self.begun)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(chunks: &[&[u8]]) -> Vec<Line> {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.push(chunk, &mut out);
            assert!(lines.begun.capacity() <= 2 * MAX_LINE_BYTES);
        }
        out.extend(lines.finish());
        out
    }

    fn text(text: &str) -> Line {
        Line::Text(text.into())
    }

    #[test]
    fn every_line_counts() {
        assert_eq!(cut(&[]), []);
        assert_eq!(cut(&[b""]), []);
        assert_eq!(cut(&[b"\n"]), [text("")]);
        assert_eq!(cut(&[b"a\n\nb"]), [text("a"), text(""), text("b")]);
        assert_eq!(cut(&[b"a", b"b\r\n", b"\n"]), [text("ab\r"), text("")]);
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let chunk = vec![b'x'; 64 * 1024];
        let mut chunks: Vec<&[u8]> = vec![&chunk; 40];
        assert_eq!(cut(&chunks), [Line::TooLong]);
        chunks.push(b"\nshort\n");
        assert_eq!(cut(&chunks), [Line::TooLong, text("short")]);
    }

    #[test]
    fn the_bound_is_the_bound() {
        let most = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(cut(&[&most, b"\n"]), [Line::Text(most.clone())]);
        assert_eq!(cut(&[&most, b"x\n"]), [Line::TooLong]);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..60),
            size in 1_usize..9,
        ) {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(cut(&chunks), cut(&[&bytes]));
            let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
            let open = usize::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
            prop_assert_eq!(cut(&chunks).len(), newlines + open);
        }
    }
}
