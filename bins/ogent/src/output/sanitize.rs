//! Receives bytes that a machine printed, gives text that cannot steer a terminal.
//!
//! Escape sequences can rename the window, move the cursor over what stands there, or make the terminal type for its
//! user; bidirectional controls can make a line read as another one. All of these become visible instead.

use std::fmt::Write as _;

/// Makes a stream of bytes harmless, chunk by chunk: how the bytes are cut into chunks does not change the result.
#[derive(Debug, Default)]
pub struct Sanitizer {
    /// The beginning of a character that the next chunk may complete: at most three bytes.
    pending: Vec<u8>,
    /// Whether the last character was a carriage return: harmless before a newline only.
    held_return: bool,
}

// === impl Sanitizer ===

impl Sanitizer {
    /// Appends `bytes` to `out`, made harmless. An incomplete end waits for the next chunk.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        let joined;
        let bytes = if self.pending.is_empty() {
            bytes
        } else {
            self.pending.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.pending);
            &joined
        };
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.text(chunk.valid(), out);
            if chunks.peek().is_none() && may_continue(chunk.invalid()) {
                self.pending = chunk.invalid().to_vec();
            } else {
                self.invalid(chunk.invalid(), out);
            }
        }
    }

    /// Appends what still waits, because nothing follows.
    pub fn finish(&mut self, out: &mut String) {
        let rest = std::mem::take(&mut self.pending);
        self.invalid(&rest, out);
        self.release_return(out);
    }

    fn text(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            if c == '\n' {
                self.held_return = false;
            }
            self.release_return(out);
            match c {
                '\r' => self.held_return = true,
                '\n' | '\t' => out.push(c),
                _ => push_visible(c, out),
            }
        }
    }

    fn invalid(&mut self, bytes: &[u8], out: &mut String) {
        for byte in bytes {
            self.release_return(out);
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }

    fn release_return(&mut self, out: &mut String) {
        if std::mem::take(&mut self.held_return) {
            out.push_str("^M");
        }
    }
}

/// Makes text of several lines harmless.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut sanitizer = Sanitizer::default();
    sanitizer.push(text.as_bytes(), &mut out);
    sanitizer.finish(&mut out);
    out
}

/// Makes text harmless and puts it on one line, as the cell of a table must be.
#[must_use]
pub fn line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => push_visible(c, &mut out),
        }
    }
    out
}

/// Whether a terminal may act on `c`, or show other characters in another order because of it.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_visible(c: char, out: &mut String) {
    match c {
        // Caret notation, as `cat -v` and the terminal itself write it: ESC is ^[ and BEL is ^G.
        '\0'..='\x1f' => out.extend(['^', char::from(c as u8 ^ 0x40)]),
        '\x7f' => out.push_str("^?"),
        c if is_harmful(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

/// Whether `bytes` is the beginning of a character whose rest may come.
fn may_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(chunks: &[&[u8]]) -> String {
        let mut out = String::new();
        let mut sanitizer = Sanitizer::default();
        for chunk in chunks {
            sanitizer.push(chunk, &mut out);
        }
        sanitizer.finish(&mut out);
        out
    }

    #[test]
    fn what_could_steer_a_terminal_becomes_visible() {
        for (bytes, shown) in [
            (&b"\x1b]0;title\x07"[..], "^[]0;title^G"),
            (b"\x1b[2J", "^[[2J"),
            (b"a\r\nb", "a\nb"),
            (b"a\rb", "a^Mb"),
            (b"a\r", "a^M"),
            (b"a\r\r\n", "a^M\n"),
            (b"\x00\x7f\x08", "^@^?^H"),
            (b"\xc2\x9b31m", "\\u{9b}31m"),
            (b"\x9b31m", "\\x9b31m"),
            (b"\r\xff", "^M\\xff"),
            (b"\xe2\x82", "\\xe2\\x82"),
            (b"\xe2\x82x", "\\xe2\\x82x"),
            ("\u{202e}txt.exe\u{2069}".as_bytes(), "\\u{202e}txt.exe\\u{2069}"),
            ("grüße\t世界 🦀\n".as_bytes(), "grüße\t世界 🦀\n"),
        ] {
            assert_eq!(clean(&[bytes]), shown);
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("a\nb\tc\r\x1b[m"), "a\\nb\\tc\\r^[[m");
    }

    /// Bytes in which everything that matters is frequent.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            Just(b"\r\n".to_vec()),
            Just(b"\x1b[".to_vec()),
            Just("\u{9b}".into()),
            Just("\u{2067}".into()),
            Just(vec![0xf0, 0x9f, 0xa6]),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_harmful_comes_out(bytes in bytes()) {
            let shown = clean(&[&bytes]);
            prop_assert!(!shown.chars().any(|c| is_harmful(c) && c != '\n' && c != '\t'), "{shown:?}");
        }

        #[test]
        fn chunks_do_not_matter(bytes in bytes(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            chunks.push(&bytes[from..]);
            prop_assert_eq!(clean(&chunks), clean(&[&bytes]));
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[^\\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}]*", end in "[\n\t]*") {
            let whole = format!("{text}{end}");
            prop_assert_eq!(clean(&[whole.as_bytes()]), whole);
        }
    }
}
