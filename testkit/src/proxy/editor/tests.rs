//! Rules at work on bytes: the same whatever the pieces, and nothing is ever put into the middle of something.

use std::net::SocketAddr;

use super::super::rules::{Match, Rule, Rules};
use super::super::{Link, Shared};
use super::*;

const AFTER: Duration = Duration::from_secs(3);

fn editor(rules: Vec<(Match, Action, u32)>) -> Editor {
    let shared = Shared {
        target: SocketAddr::from(([127, 0, 0, 1], 1)).into(),
        link: tokio::sync::watch::Sender::new(Link::Up),
        rules: Some(Rules::default()),
        open: Default::default(),
        touched: Default::default(),
    };
    let rules = rules.into_iter().map(|(on, action, every)| Rule { on, action, every }).collect();
    shared.rules.as_ref().unwrap().set(rules);
    Editor::new(Direction::ToClient, Arc::new(shared))
}

fn on(subject: &str) -> Match {
    Match::Delivered(subject.to_owned())
}

fn message(subject: &str, payload: &str) -> String {
    format!("MSG {subject} 1 {}\r\n{payload}\r\n", payload.len())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn rules_do_the_same_over_every_split() {
    let ack = r#"{"stream":"RESULTS", "seq":1}"#;
    let stripped = "HMSG e 1 17 20\r\nNATS/1.0\r\nB:2\r\n\r\nabc\r\n";
    let input = [
        "INFO {}\r\n",
        &message("inbox", ack),
        &message("inbox", r#"{"error":{}}"#),
        &message("a", "1"),
        "PING\r\n",
        &message("b.x", "PING\r\n"),
        &message("c", ""),
        &message("d", "first"),
        &message("z", "between"),
        &message("d", "second"),
        "HMSG e 1 22 25\r\nNATS/1.0\r\nA:1\r\nB:2\r\n\r\nabc\r\n",
        &message("a", "2"),
    ]
    .concat();
    let expected = [
        "INFO {}\r\n",
        &message("inbox", r#"{"error":{}}"#),
        &message("a", "1"),
        "PING\r\n",
        &message("b.x", "PING\r\n").repeat(2),
        &message("c", ""),
        &message("z", "between"),
        &message("d", "second"),
        &message("d", "first"),
        stripped,
    ]
    .concat();
    let now = Instant::now();
    for size in 1..=input.len() {
        let mut editor = editor(vec![
            (Match::PubAck, Action::Drop, 1),
            (on("a"), Action::Drop, 2),
            (on("b.*"), Action::Duplicate, 1),
            (on("c"), Action::Replay(AFTER), 1),
            (on("d"), Action::Swap, 1),
            (on("e"), Action::StripHeader("a".to_owned()), 1),
        ]);
        let passed: Vec<u8> = input.as_bytes().chunks(size).flat_map(|piece| editor.edit(piece, now)).collect();
        assert_eq!(text(passed), expected, "pieces of {size}");
        assert_eq!(editor.next_due(), Some(now + AFTER));
        assert_eq!(text(editor.due(now + AFTER)), message("c", ""));
        assert_eq!(editor.next_due(), None);
        assert_eq!(editor.shared.touched.load(std::sync::atomic::Ordering::Relaxed), 6);
        assert!(editor.finish().is_empty());
    }
}

#[test]
fn what_is_due_waits_for_the_end_of_what_is_passing() {
    let now = Instant::now();
    let (held, passing) = (message("held", "back"), message("other", "passes"));
    for waiting in ["PONG\r\n", &passing] {
        let mut editor = editor(vec![(on("held"), Action::Swap, 1)]);
        assert!(editor.edit(held.as_bytes(), now).is_empty());
        assert_eq!(editor.next_due(), Some(now + SWAP_WAIT));
        let (begin, end) = waiting.split_at(waiting.len() - 1);
        let begun = editor.edit(begin.as_bytes(), now);
        assert_eq!(text(begun), begin, "nobody asks for it, so it passes as it comes");
        assert_eq!(editor.next_due(), None);
        assert!(editor.due(now + 2 * SWAP_WAIT).is_empty());
        assert_eq!(text(editor.edit(end.as_bytes(), now)), end);
        assert_eq!(text(editor.due(now + 2 * SWAP_WAIT)), held);
    }
}

#[test]
fn what_is_held_back_passes_when_the_sender_closes() {
    let now = Instant::now();
    let (held, broken_off) = (message("held", "back"), "MSG held 1 100\r\nbroken o");
    let mut editor = editor(vec![(on("held"), Action::Swap, 1)]);
    assert!(editor.edit([&held, broken_off].concat().as_bytes(), now).is_empty());
    assert_eq!(text(editor.finish()), [&held, broken_off].concat());
}

#[test]
fn replays_that_wait_are_bounded() {
    let now = Instant::now();
    let mut editor = editor(vec![(on(">"), Action::Replay(AFTER), 1)]);
    let small = message("a", "x");
    for _ in 0..2 * REPLAYS {
        assert_eq!(text(editor.edit(small.as_bytes(), now)), small);
    }
    assert_eq!(text(editor.due(now + AFTER)), small.repeat(REPLAYS));
    let large = message("a", &"x".repeat(REPLAY_BYTES / 2));
    for _ in 0..3 {
        assert_eq!(editor.edit(large.as_bytes(), now).len(), large.len());
    }
    assert_eq!(editor.due(now + AFTER).len(), large.len(), "two of them are more than may wait");
}
