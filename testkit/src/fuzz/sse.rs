//! Server-Sent Events: what a gateway streams and the command line follows.

use std::fmt::Write as _;

use ogent::client::sse::{SseEvent, SseParser};
use ogent_protocol::Event;

/// A `text/event-stream`.
pub fn sse(data: &[u8]) {
    let events = parse(data, data.len().max(1));
    for size in [1, 3, 10] {
        assert_eq!(parse(data, size), events, "in pieces of {size} bytes it is another stream");
    }
    if !data.contains(&b'\r') {
        for end in ["\r\n", "\r"] {
            let other: Vec<u8> = data.split(|b| *b == b'\n').collect::<Vec<_>>().join(end.as_bytes());
            assert_eq!(
                parse(&other, other.len().max(1)),
                events,
                "with lines that end with {end:?} it is another stream"
            );
        }
    }
    is_bounded(&events, data.len());
    let printed = print(&events);
    assert_eq!(parse(printed.as_bytes(), printed.len().max(1)), events, "written again, it is another stream");
    for event in &events {
        let _ = serde_json::from_str::<Event>(&event.data);
    }
}

fn parse(data: &[u8], size: usize) -> Vec<SseEvent> {
    let mut parser = SseParser::default();
    for piece in data.chunks(size) {
        parser.push(piece).expect("small enough");
    }
    std::iter::from_fn(|| parser.next_event()).collect()
}

/// Events hold together what was sent: a byte that is no UTF-8 becomes three. An id that many events share is held once.
fn is_bounded(events: &[SseEvent], sent: usize) {
    let mut held = 0;
    let mut before: Option<&str> = None;
    for event in events {
        held += event.name.len() + event.data.len();
        let id = event.last_id.as_deref();
        if id.map(str::as_ptr) != before.map(str::as_ptr) {
            held += id.map_or(0, str::len);
        }
        before = id;
    }
    assert!(held <= 3 * sent + events.len() * "message".len(), "{sent} bytes became {held}");
}

fn print(events: &[SseEvent]) -> String {
    let mut text = String::new();
    for event in events {
        if let Some(id) = &event.last_id {
            writeln!(text, "id: {id}").unwrap();
        }
        writeln!(text, "event: {}", event.name).unwrap();
        for line in event.data.split('\n') {
            writeln!(text, "data: {line}").unwrap();
        }
        text.push('\n');
    }
    text
}
