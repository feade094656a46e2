//! Receives what to run, gives a running process: its output, its end, and the means to end it.
//!
//! The only place that starts processes. They are started by `posix_spawn` (std takes that way as long as no closure
//! runs between fork and exec): from a large process that costs a fraction of a fork.

mod cgroup;
mod environment;
mod group;
mod spawn;
mod tree;

use std::process::ExitStatus;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdout};

use ogent_protocol::{AgentId, CommandId, OutputStream};

pub(crate) use cgroup::Cgroups;
pub(crate) use environment::path;
pub(crate) use spawn::spawn;
pub(crate) use tree::Tree;

/// Bytes taken from a pipe at once: what a Linux pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// A running process, the first of its group.
pub(crate) struct Process {
    child: Child,
    pid: u32,
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
}

struct Pipe<R> {
    /// `None` after its end.
    reader: Option<R>,
    buffer: Vec<u8>,
}

/// What a process did.
pub(crate) enum Happening<'a> {
    /// It printed this.
    Output(OutputStream, &'a [u8]),
    /// It is over. Others may still hold its pipes.
    Exited(std::io::Result<ExitStatus>),
}

// === impl Process ===

impl Process {
    fn new(mut child: Child, pid: u32) -> Self {
        let stdout = Pipe { reader: child.stdout.take(), buffer: Vec::new() };
        let stderr = Pipe { reader: child.stderr.take(), buffer: Vec::new() };
        Self { child, pid, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// It, and all that it starts.
    pub(crate) fn tree(&self, agent: &AgentId, command: &CommandId, cgroups: Option<&Cgroups>) -> Tree {
        Tree::of(self.pid, agent, command, cgroups)
    }

    /// Whether nobody can print anything any more.
    pub(crate) fn is_silent(&self) -> bool {
        self.stdout.reader.is_none() && self.stderr.reader.is_none()
    }

    /// The next thing that happens. Output is only taken while `may_read`, the end only while `may_exit`; with
    /// neither, this waits for ever. It may be dropped at any time.
    pub(crate) async fn next(&mut self, may_read: bool, may_exit: bool) -> Happening<'_> {
        tokio::select! {
            // Output first: what was printed before the end should be told before it.
            biased;
            read = self.stdout.read(), if may_read && self.stdout.reader.is_some() => {
                Happening::Output(OutputStream::Stdout, self.stdout.take(read))
            }
            read = self.stderr.read(), if may_read && self.stderr.reader.is_some() => {
                Happening::Output(OutputStream::Stderr, self.stderr.take(read))
            }
            status = self.child.wait(), if may_exit => Happening::Exited(status),
            () = std::future::pending(), if true => Happening::Output(OutputStream::Stdout, &[]),
        }
    }
}

// === impl Pipe ===

impl<R: tokio::io::AsyncRead + Unpin> Pipe<R> {
    async fn read(&mut self) -> usize {
        self.buffer.clear();
        self.buffer.reserve(READ_BYTES);
        match &mut self.reader {
            // An error on a pipe is its end.
            Some(reader) => reader.read_buf(&mut self.buffer).await.unwrap_or(0),
            None => 0,
        }
    }

    fn take(&mut self, read: usize) -> &[u8] {
        if read == 0 {
            self.reader = None;
            self.buffer = Vec::new();
        }
        &self.buffer
    }
}
