//! Frames come out whole, and what else passes is unchanged, however the bytes are split.

use super::*;
use Direction::{ToClient, ToServer};

/// What a client sends, with payloads that look like frames, and what a server answers.
const SENT: &[u8] = b"CONNECT {\"verbose\":false,\"pub\":\"PUB a 1\"}\r\nPING\r\nSUB PUB.a 1\r\n\
PUB a.b 3\r\nabc\r\nPUB a.b _INBOX.1 0\r\n\r\npub\ta.b \t 13 \nPUB x 99\r\nyz\n\r\n\
HPUB a.h 21 24\r\nNATS/1.0\r\nKey: va\r\n\r\nabc\r\nPUB other 12\r\nPUB a.b 3\r\nx\r\nPONG\r\n\
HPUB a.h r 12 12\r\nNATS/1.0\r\n\r\n\r\nPUBLIC nonsense 7\r\nUNSUB 1 5\r\n";
const SENT_FRAMES: [(&str, &str); 5] =
    [("a.b", "abc"), ("a.b", ""), ("a.b", "PUB x 99\r\nyz\n"), ("a.h", "abc"), ("a.h", "")];
const TOLD: &[u8] = b"INFO {\"max_payload\":1048576}\r\nPING\r\nMSG a.b 1 3\r\nabc\r\nMSG a.b 1 r.x 5\r\nMSG \r\r\n\
HMSG a.h 9 21 24\r\nNATS/1.0\r\nKey: va\r\n\r\nabc\r\n-ERR 'Slow Consumer'\r\nMSG o 1 4\r\nMSG \r\n+OK\r\nPONG\r\n";
const TOLD_FRAMES: [(&str, &str); 3] = [("a.b", "abc"), ("a.b", "MSG \r"), ("a.h", "abc")];

/// All that comes out in order, and the frames among it; messages whose subject begins with `a` are asked for.
fn parse<'a>(direction: Direction, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<(String, String)>) {
    let (mut parser, mut out, mut frames) = (Parser::new(direction), Vec::new(), Vec::new());
    for mut piece in pieces {
        while let Some(frame) = parser.next(&mut piece, &mut out, |subject, _| subject.starts_with(b"a")) {
            assert!(parser.is_between());
            assert_eq!(frame.head.total(), frame.bytes.len());
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            frames.push((text(frame.subject()), text(frame.payload())));
            out.extend(frame.bytes);
        }
        assert!(piece.is_empty());
    }
    out.extend(parser.finish());
    (out, frames)
}

#[track_caller]
fn check<'a>(direction: Direction, pieces: impl Iterator<Item = &'a [u8]>, case: &str) {
    let (bytes, expected): (_, &[(&str, &str)]) = match direction {
        ToServer => (SENT, &SENT_FRAMES),
        ToClient => (TOLD, &TOLD_FRAMES),
    };
    let (out, frames) = parse(direction, pieces);
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(bytes), "{case}");
    let frames: Vec<_> = frames.iter().map(|(subject, payload)| (subject.as_str(), payload.as_str())).collect();
    assert_eq!(frames, expected, "{case}");
}

/// Pseudo-random numbers, the same each time.
fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(seed), |last| Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)))
        .map(|number| (number >> 33) as usize)
}

/// Cuts `bytes` into pieces of 1 to `longest` bytes.
fn pieces(bytes: &[u8], seed: u64, longest: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    numbers(seed).map_while(move |number| (!rest.is_empty()).then(|| take(&mut rest, number % longest + 1)))
}

#[test]
fn frames_are_found_over_every_split() {
    for (direction, bytes) in [(ToServer, SENT), (ToClient, TOLD)] {
        check(direction, std::iter::once(bytes), "whole");
        for at in 0..bytes.len() {
            let (first, second) = bytes.split_at(at);
            check(direction, [first, second].into_iter(), &format!("split at {at}"));
        }
        for size in 1..80 {
            check(direction, bytes.chunks(size), &format!("pieces of {size}"));
        }
        for seed in 0..500 {
            check(direction, pieces(bytes, seed, seed as usize % 60 + 2), &format!("seed {seed}"));
        }
    }
}

#[test]
fn whatever_else_comes_passes_unchanged() {
    let odd: [&[u8]; 9] = [
        b"PUB a\r\nabc\r\nPUB a.b 3\r\nabc\r\n",
        b"PUB a b c 3\r\n",
        b"PUB a 99999999999999999999\r\n",
        b"PUB a -1\r\nPUB a +1\r\n",
        b"HPUB a 9 3\r\nabc\r\n",
        b"PUB a 10\r\nabc",
        b"PUB a",
        b"\r\n\n\n P U",
        b"",
    ];
    for bytes in odd {
        for size in 1..10 {
            assert_eq!(parse(ToServer, bytes.chunks(size)).0, bytes, "{}", String::from_utf8_lossy(bytes));
        }
    }
    for seed in 0..200 {
        // Bytes that hit the alphabet of the protocol often.
        let noise: Vec<u8> = numbers(seed).take(3000).map(|number| b"PUBMSGH \t\r\na129\xff\0"[number % 17]).collect();
        for direction in [ToServer, ToClient] {
            assert_eq!(parse(direction, pieces(&noise, seed, 40)).0, noise);
        }
    }
}

#[test]
fn a_line_without_end_and_a_huge_message_are_not_collected() {
    let mut parser = Parser::new(ToServer);
    let feed = |parser: &mut Parser, bytes: &[u8]| {
        let mut passed = Vec::new();
        assert_eq!(parser.next(&mut &*bytes, &mut passed, |_, _| true), None);
        passed.len()
    };
    let head = format!("PUB a.b {}\r\n", FRAME_MAX + 1);
    assert_eq!(feed(&mut parser, head.as_bytes()), head.len());
    assert!(!parser.is_between(), "nothing may be put into a message");
    for _ in 0..=FRAME_MAX / 1024 {
        assert_eq!(feed(&mut parser, &[b'x'; 1024]), 1024);
    }
    // 1023 bytes of these are not the message's: a line, which is no message's.
    assert_eq!(feed(&mut parser, b"\n"), 1);
    assert!(parser.is_between());
    let endless = [b"PUB ".as_slice(), &[b'x'; LINE_MAX]].concat();
    assert_eq!(feed(&mut parser, &endless[..1000]), 0);
    assert_eq!(feed(&mut parser, &endless[1000..]), endless.len());
    assert_eq!(parser.pending.len(), 0);
}

/// One message with headers, as a client sends it.
fn frame(text: &str) -> Frame {
    let mut passed = Vec::new();
    Parser::new(ToServer).next(&mut text.as_bytes(), &mut passed, |_, _| true).unwrap()
}

#[test]
fn a_stripped_message_is_as_if_it_never_had_the_header() {
    let full = frame("HPUB a.b \t re.ply 35 38\r\nNATS/1.0\r\nA: 1\r\nGone: 22\r\nB:  3\r\n\r\nabc\r\n");
    let text = |frame: Option<Frame>| frame.map(|frame| String::from_utf8(frame.bytes).unwrap());
    let expected = "HPUB a.b \t re.ply 25 28\r\nNATS/1.0\r\nA: 1\r\nB:  3\r\n\r\nabc\r\n";
    assert_eq!(text(full.without_header("gone")).unwrap(), expected);
    assert_eq!(full.without_header("Gone").unwrap(), frame(expected), "the head tells of the new bytes");
    assert_eq!(full.without_header("22"), None);
    assert_eq!(full.without_header("Gon"), None);
    assert_eq!(full.without_header("abc"), None);
    assert_eq!(full.without_header("NATS/1.0"), None);

    // The same name twice, a number with one digit less, nothing left.
    let bare = frame("HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n");
    assert_eq!(bare.without_header("X"), None);
    let twice =
        frame("HPUB a 23 100\r\nNATS/1.0\r\nX:1\r\nX: 2\r\n\r\n{77}\r\n".replace("{77}", &"y".repeat(77)).as_str());
    let stripped = twice.without_header("x").unwrap();
    assert_eq!(stripped, frame(&format!("HPUB a 12 89\r\nNATS/1.0\r\n\r\n{}\r\n", "y".repeat(77))));
    assert_eq!(stripped.payload(), "y".repeat(77).as_bytes());
    assert_eq!(frame("PUB a 6\r\nX: 1\r\n\r\n").without_header("X"), None, "a message without headers");
}
