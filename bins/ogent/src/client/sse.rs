//! Receives the bytes of a `text/event-stream`, gives its events.
//!
//! Written here because a line must have a bound, which the crates for it do not give one. The rules are those of
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>, without `retry`: the follower knows itself when
//! to come back.

use std::collections::VecDeque;
use std::sync::Arc;

/// Largest event: a payload of the broker with each byte of output escaped for JSON (`\u0000`) has six times 1 MiB.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Its type; `message` where the server names none.
    pub name: String,
    /// Its lines of data, with newlines between them.
    pub data: String,
    /// The last id that the server has given, up to here. Shared: one long id before many short events would else
    /// take as many times its place.
    pub last_id: Option<Arc<str>>,
}

/// An event that is larger than any should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLarge;

/// Cuts a stream into events, whatever pieces it comes in.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    /// Whether the last byte was CR, so that an LF belongs to the same line end.
    after_return: bool,
    has_begun: bool,
    name: String,
    data: Vec<u8>,
    last_id: Option<Arc<str>>,
    ready: VecDeque<SseEvent>,
}

// === impl SseParser ===

impl SseParser {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When an event becomes too large; the parser is of no more use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (text, after) = rest.split_at(end);
            let is_second_half = std::mem::take(&mut self.after_return) && text.is_empty() && after.starts_with(b"\n");
            if !is_second_half {
                self.extend_line(text)?;
                let line = std::mem::take(&mut self.line);
                self.take_line(&line);
            }
            self.after_return = after.starts_with(b"\r");
            rest = after.get(1..).unwrap_or_default();
        }
        self.after_return &= rest.is_empty();
        self.extend_line(rest)
    }

    /// The next whole event.
    pub fn next_event(&mut self) -> Option<SseEvent> {
        self.ready.pop_front()
    }

    fn extend_line(&mut self, text: &[u8]) -> Result<(), EventTooLarge> {
        if self.line.len() + self.data.len() + text.len() > MAX_EVENT_BYTES {
            return Err(EventTooLarge);
        }
        self.line.extend_from_slice(text);
        Ok(())
    }

    fn take_line(&mut self, line: &[u8]) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = if is_first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"id" if !value.contains(&0) => self.last_id = Some(String::from_utf8_lossy(value).into()),
            // A comment keeps the connection alive; other fields are to be ignored.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.pop().is_none() {
            return;
        }
        let data = String::from_utf8_lossy(&data).into_owned();
        let name = if name.is_empty() { "message".to_owned() } else { name };
        self.ready.push_back(SseEvent { name, data, last_id: self.last_id.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseEvent> {
        let mut parser = SseParser::default();
        for chunk in chunks {
            parser.push(chunk).unwrap();
        }
        std::iter::from_fn(|| parser.next_event()).collect()
    }

    fn event(name: &str, data: &str, last_id: Option<&str>) -> SseEvent {
        SseEvent { name: name.into(), data: data.into(), last_id: last_id.map(Into::into) }
    }

    const STREAM: &str = "\u{feff}: hello\r\n\r\nid: 0\nevent: a\ndata: one\ndata:  two\n\n\
        id:1\rdata\r\rdata: x\r\n\r\nevent: nothing\n\nretry: 5\nid: 2\0\ndata: {\"ü\":1}\nwhat: ever\n\ndata: unfinished\n";

    #[test]
    fn events_are_read_as_the_standard_says() {
        let expected = [
            event("a", "one\n two", Some("0")),
            event("message", "", Some("1")),
            event("message", "x", Some("1")),
            event("message", "{\"ü\":1}", Some("1")),
        ];
        assert_eq!(parse([STREAM.as_bytes()]), expected);
    }

    #[test]
    fn an_event_has_a_bound() {
        let line = format!("data: {}\n", "x".repeat(1024 * 1024));
        let mut parser = SseParser::default();
        let pushed = (0..100).take_while(|_| parser.push(line.as_bytes()).is_ok()).count();
        assert_eq!(pushed, 7);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0..=STREAM.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let bytes = STREAM.as_bytes();
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let pieces: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect();
            prop_assert_eq!(parse(pieces), parse([bytes]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse([&bytes[..]]);
        }
    }
}
