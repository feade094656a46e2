//! Receives lines of JSON from one stream, gives a line of answer for each to another one: at once, and in order.

use std::io::{self, ErrorKind, Read, Write};

use ogent_risk::Policy;

use super::asked;
use super::bench::Bench;
use super::lines::{Line, Lines};

/// What is read at a time: as much as a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// What is judged before anything is read; nobody sees the answer.
const FIRST: &[u8] = br#"{"command":"true"}"#;

/// How many lines there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// All of them.
    pub(super) lines: u64,
    /// Those that were not judged.
    pub(super) errors: u64,
}

/// Why a run ended before its input.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The input.
    #[error("stdin cannot be read")]
    Read(#[source] io::Error),
    /// The output.
    #[error("the verdicts cannot be written")]
    Write(#[source] crate::output::WriteError),
    /// A thread.
    #[error("no thread can be started")]
    Thread(#[from] io::Error),
}

/// Answers every line. What can be answered is written before more is waited for.
pub(super) fn run(mut from: impl Read, mut to: impl Write, policy: Policy) -> Result<Count, StreamError> {
    let mut bench = Bench::new(move |line| asked::answer(line, &policy))?;
    // The rules are read with the first command. That is not a part of anybody's time.
    bench.answer(vec![Line::Text(FIRST.into())], |_| Ok::<(), io::Error>(()))?;
    let mut lines = Lines::default();
    let mut count = Count::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = match from.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(StreamError::Read(error)),
        };
        let mut ready = Vec::new();
        lines.push(chunk.get(..length).unwrap_or_default(), &mut ready);
        if length == 0 {
            ready.extend(lines.finish());
        }
        bench.answer(ready, |answers| {
            let mut text = String::new();
            for answer in answers {
                count.lines += 1;
                count.errors += u64::from(answer.is_error);
                text.push_str(&answer.text);
            }
            let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
            written.map_err(|error| StreamError::Write(error.into()))
        })?;
        if length == 0 {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::PolicyMode;
    use std::thread;

    fn policy() -> Policy {
        Policy::shipped(PolicyMode::Enforce)
    }

    #[test]
    fn every_line_has_its_answer() {
        let mut out = Vec::new();
        let count = run(&b"{\"command\":\"true\"}\n\nnonsense\n{\"argv\":[\"ls\"]}"[..], &mut out, policy()).unwrap();
        assert_eq!(count, Count { lines: 4, errors: 2 });
        let text = String::from_utf8(out).unwrap();
        let is_error: Vec<bool> = text.lines().map(|line| line.starts_with("{\"error\":")).collect();
        assert_eq!(is_error, [false, true, true, false], "{text}");
    }

    #[test]
    fn what_is_there_is_answered_before_more_is_waited_for() {
        let (asked, mut asks) = io::pipe().unwrap();
        let (mut answered, answers) = io::pipe().unwrap();
        let runs = thread::spawn(move || run(asked, answers, policy()));
        for _ in 0..3 {
            asks.write_all(b"{\"command\":\"true\"}\n{\"comm").unwrap();
            assert!(line(&mut answered).starts_with("{\"level\""));
            asks.write_all(b"and\":\"true\"}\n").unwrap();
            assert!(line(&mut answered).starts_with("{\"level\""));
        }
        drop(asks);
        assert_eq!(runs.join().unwrap().unwrap(), Count { lines: 6, errors: 0 });
    }

    fn line(from: &mut impl Read) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            from.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        String::from_utf8(line).unwrap()
    }
}
