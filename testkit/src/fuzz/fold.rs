//! From events to a result: output that is gathered, an end that is told.

use jiff::Timestamp;
use ogent::commands::exec::ending::End;
use ogent_protocol::event::{Cause, Finished, OutputChunk, OutputStream, OutputTotal, Started};
use ogent_protocol::intent::{Intent, IntentWire, Run};
use ogent_protocol::rest::{CommandView, ResultFold};
use ogent_protocol::{AgentId, CommandId, Event, EventKind, Lifecycle, Outcome};

use super::answer::exit_is_told;
use super::same::survives;

/// Events of one life: many more would show nothing new, and take long.
const MAX_EVENTS: usize = 32;

/// What a reader has gathered of one command.
struct Reader {
    limit: usize,
    fold: ResultFold,
    view: CommandView,
    state: Lifecycle,
    printed: [Vec<u8>; 2],
    seen: u64,
}

/// A command's life: the first byte bounds the output that is kept, each further group of bytes is an event.
pub fn fold(data: &[u8]) {
    let Some((limit, mut rest)) = data.split_first() else { return };
    let mut reader = Reader::new(usize::from(*limit));
    for _ in 0..MAX_EVENTS {
        let [choice, size, after @ ..] = rest else { return };
        let (bytes, after) = after.split_at(after.len().min(usize::from(*size)));
        rest = after;
        let stream = if choice & 0x80 == 0 { OutputStream::Stdout } else { OutputStream::Stderr };
        match choice & 0x0f {
            0..=8 => return reader.end(finished(choice & 0x0f, stream, bytes)),
            9 => reader.see(EventKind::Started(Started { pid: u32::from(*size) })),
            _ => reader.see(EventKind::Output(OutputChunk { stream, offset: 0, data: bytes.to_vec().into() })),
        }
    }
}

/// An end with figures that are small, huge or negative, as a broken agent may send them.
fn finished(outcome: u8, stream: OutputStream, bytes: &[u8]) -> Finished {
    let number = |at: usize| match bytes.get(at).copied().unwrap_or_default() {
        byte @ 0..=127 => u64::from(byte),
        byte => u64::MAX - u64::from(255 - byte),
    };
    let signed = |byte: &u8| match *byte {
        byte @ 0..=191 => i32::from(byte),
        byte @ 192..=223 => i32::MIN + i32::from(byte - 192),
        byte => i32::MAX - i32::from(255 - byte),
    };
    let tail = OutputChunk { stream, offset: number(0), data: bytes.to_vec().into() };
    Finished {
        exit_code: bytes.get(1).map(signed),
        signal: bytes.get(2).map(signed),
        stdout: OutputTotal { bytes: number(3), cut: number(4) },
        stderr: OutputTotal { bytes: number(5), cut: number(6) },
        left_running: bytes.len() % 2 == 1,
        tail: vec![tail],
        ..Finished::without_process(Outcome::ALL[usize::from(outcome)], Cause::Other, "over")
    }
}

// === impl Reader ===

impl Reader {
    fn new(limit: usize) -> Self {
        let (fold, view) = (ResultFold::new(limit), CommandView::queued(&agent(), &run(), Timestamp::UNIX_EPOCH));
        Self { limit, fold, view, state: Lifecycle::Accepted, printed: [Vec::new(), Vec::new()], seen: 0 }
    }

    fn see(&mut self, kind: EventKind) {
        for chunk in kind.chunks() {
            self.printed[usize::from(chunk.stream == OutputStream::Stderr)].extend_from_slice(chunk.data.as_bytes());
        }
        self.fold.see(&kind);
        self.state = self.state.apply(&kind).unwrap_or(self.state);
        let (n, time) = (self.seen, Timestamp::UNIX_EPOCH);
        let event = Event { agent: agent(), command: command(), n, time, previous: None, kind };
        self.view.see(&event);
        self.seen += 1;
    }

    fn end(mut self, end: Finished) {
        self.see(EventKind::Finished(Box::new(end.clone())));
        if let Lifecycle::Ended(outcome) = self.state {
            assert_eq!(outcome, end.outcome);
        }
        let result = self.fold.finish(&agent(), &command(), &end);
        for (kept, printed) in [&result.stdout, &result.stderr].into_iter().zip(&self.printed) {
            assert_eq!(
                kept.as_bytes(),
                &printed[..printed.len().min(self.limit)],
                "another beginning than was printed"
            );
        }
        let missing = |total: OutputTotal, kept: usize| total.bytes.saturating_sub(total.cut) > kept as u64;
        let is_missing = missing(end.stdout, result.stdout.len()) || missing(end.stderr, result.stderr.len());
        assert_eq!(result.truncated, is_missing);
        assert_eq!((result.status, self.view.status), (end.outcome.into(), end.outcome.into()));
        survives(&result);
        let told = [End::from(&end), End::from(&self.view)];
        told.iter().for_each(exit_is_told);
        assert_eq!(
            (told[0].status, told[0].exit_code, told[0].signal),
            (told[1].status, told[1].exit_code, told[1].signal)
        );
        assert!(told[0].cut == told[1].cut || end.outcome == Outcome::Lost);
    }
}

fn agent() -> AgentId {
    "web-1".parse().unwrap()
}

fn command() -> CommandId {
    "c".parse().unwrap()
}

fn run() -> Run {
    let wire = IntentWire { command: Some("true".to_owned()), ..IntentWire::default() };
    match wire.admit(command).unwrap() {
        Intent::Run(run) => *run,
        Intent::Cancel(_) => unreachable!("it is a run"),
    }
}
