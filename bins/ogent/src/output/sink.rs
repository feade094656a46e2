//! Receives chunks of a command's output, gives them to stdout or stderr at once.

use std::io::{self, Write};

use ogent_protocol::OutputStream;

use super::WriteError;
use super::sanitize::Sanitizer;

/// One of the two streams of this process, on which a command's output appears.
#[derive(Debug)]
pub struct Sink {
    stream: OutputStream,
    sanitizer: Option<Sanitizer>,
}

// === impl Sink ===

impl Sink {
    pub(super) fn new(stream: OutputStream, is_sanitized: bool) -> Self {
        Self { stream, sanitizer: is_sanitized.then(Sanitizer::default) }
    }

    /// Writes one chunk.
    ///
    /// # Errors
    /// When the stream cannot be written; see [`WriteError::is_reader_gone`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let Some(sanitizer) = &mut self.sanitizer else { return emit(self.stream, bytes) };
        let mut text = String::with_capacity(bytes.len());
        sanitizer.push(bytes, &mut text);
        emit(self.stream, text.as_bytes())
    }

    /// Writes what was held back in case more would come.
    ///
    /// # Errors
    /// As [`Sink::write`].
    pub fn finish(&mut self) -> Result<(), WriteError> {
        let Some(sanitizer) = &mut self.sanitizer else { return Ok(()) };
        let mut text = String::new();
        sanitizer.finish(&mut text);
        emit(self.stream, text.as_bytes())
    }
}

fn emit(stream: OutputStream, bytes: &[u8]) -> Result<(), WriteError> {
    fn all(mut to: impl Write, bytes: &[u8]) -> Result<(), WriteError> {
        to.write_all(bytes)?;
        // Standard output keeps what follows the last newline: a prompt without one would not be seen.
        Ok(to.flush()?)
    }
    match stream {
        OutputStream::Stdout => all(io::stdout().lock(), bytes),
        OutputStream::Stderr => all(io::stderr().lock(), bytes),
    }
}
