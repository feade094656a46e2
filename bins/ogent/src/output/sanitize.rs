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

/// The text that bytes are, with `\xNN` for those that are none. It is not harmless yet.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
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

/// Whether nobody can see that `c` is there, or take it for another one: it has no width, or is a blank that no shell
/// takes for one. In what a machine printed that is common; in a command that somebody is to judge it is not.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    ) || (c.is_whitespace() && !c.is_ascii())
}

/// Appends `c`, made visible where it could steer a terminal.
pub(super) fn push_visible(c: char, out: &mut String) {
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
    fn what_nobody_sees_is_found() {
        assert!("\u{200b}\u{a0}\u{feff}\u{ad}\u{3000}\u{e0041}\u{2028}\u{3164}".chars().all(is_deceptive));
        assert!(!"rm -rf /\t\n\u{301}ü世🦀\r".chars().any(is_deceptive));
    }

    #[test]
    fn bytes_that_are_no_text_are_numbers() {
        assert_eq!(decoded("grüße\r\n".as_bytes()), "grüße\r\n");
        assert_eq!(decoded(b"a\xff\xe2\x82b"), "a\\xff\\xe2\\x82b");
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
