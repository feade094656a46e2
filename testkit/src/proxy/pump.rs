//! Receives the bytes of one direction from one socket, gives them to the other as link and rules allow.
//!
//! Back-pressure: it reads only while its pipe has room, and what it does not read the sender keeps.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::editor::Editor;
use super::pipe::{Next, Pipe};
use super::{Direction, Link};

/// Read at once, bytes.
const READ: usize = 32 * 1024;

/// The connection did not end in order: both sides are to be reset.
pub(super) struct Broken;

/// One direction of one connection.
pub(super) struct Pump<'a> {
    pub(super) direction: Direction,
    pub(super) reader: ReadHalf<'a>,
    pub(super) writer: WriteHalf<'a>,
    pub(super) editor: Editor,
    pub(super) pipe: Pipe,
    pub(super) links: watch::Receiver<Link>,
    /// Set when one of the two pumps of a connection cannot write. The other one then hands on what the side that is
    /// gone had said before, as far as its direction passes anything, and ends with a reset instead of a close.
    pub(super) is_broken: &'a AtomicBool,
}

/// How a sender ended.
#[derive(Clone, Copy)]
enum End {
    /// It has said all.
    Closed,
    /// By a reset.
    Gone,
}

/// What happened first.
enum Event {
    LinkChanged,
    Timer,
    Read(io::Result<usize>),
    Written(io::Result<usize>),
}

// === impl Pump ===

impl Pump<'_> {
    /// Runs until the sender has closed and all it sent has passed, or the receiver is gone.
    pub(super) async fn run(mut self) -> Result<(), Broken> {
        let mut buffer = vec![0; READ];
        // How the sender ended. What it had sent before passes first.
        let mut end = None;
        loop {
            let (link, now) = (self.links.borrow_and_update().clone(), Instant::now());
            let is_open = link.passes(self.direction);
            if is_open && end.is_none() {
                self.pipe.push(self.editor.due(now), &link, now);
            }
            if let Some(end) = end.filter(|_| is_open && self.pipe.is_empty()) {
                return self.close(end).await;
            }
            match self.wait(&link, now, end.is_none(), &mut buffer).await {
                Event::LinkChanged | Event::Timer => {}
                Event::Written(Ok(count)) => self.pipe.sent(count, &link, Instant::now()),
                Event::Written(Err(_)) => return self.receiver_gone(),
                Event::Read(Ok(count)) if count > 0 => {
                    let now = Instant::now();
                    let passed = self.editor.edit(&buffer[..count], now);
                    self.pipe.push(passed, &link, now);
                }
                Event::Read(ended) => {
                    end = Some(if ended.is_ok() { End::Closed } else { End::Gone });
                    self.pipe.push(self.editor.finish(), &link, Instant::now());
                }
            }
        }
    }

    /// The link is asked first, so that nothing passes that arrives after it was cut.
    async fn wait(&mut self, link: &Link, now: Instant, is_reading: bool, buffer: &mut [u8]) -> Event {
        let is_open = link.passes(self.direction);
        let (ready, later) = match self.pipe.next(link, now) {
            Next::Nothing => (None, None),
            Next::Now(bytes) => (Some(bytes), None),
            Next::At(at) => (None, Some(at)),
        };
        let has_room = !self.pipe.is_full();
        let timer = later.into_iter().chain(self.editor.next_due().filter(|_| is_reading)).min();
        tokio::select! {
            biased;
            // The sender of this channel outlives all connections.
            _ = self.links.changed() => Event::LinkChanged,
            written = self.writer.write(ready.unwrap_or_default()), if is_open && ready.is_some() => {
                Event::Written(written)
            }
            read = self.reader.read(buffer), if is_open && is_reading && has_room => Event::Read(read),
            () = sleep_until(timer.unwrap_or(now)), if is_open && timer.is_some() => Event::Timer,
        }
    }

    /// Hands on how the sender ended.
    async fn close(&mut self, end: End) -> Result<(), Broken> {
        match end {
            End::Closed if !self.is_broken.load(Ordering::Relaxed) => match self.writer.shutdown().await {
                Ok(()) => Ok(()),
                Err(_) => self.receiver_gone(),
            },
            End::Closed | End::Gone => Err(Broken),
        }
    }

    /// Leaves it to the other pump to tell the sender, because that news goes the other way.
    fn receiver_gone(&self) -> Result<(), Broken> {
        self.is_broken.store(true, Ordering::Relaxed);
        Ok(())
    }
}
