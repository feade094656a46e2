//! Receives what the commands have to say, gives data to stdout and talk to stderr.
//!
//! Only this module and [`sink`] write to the terminal. What came from a machine passes [`sanitize`] on its way.

pub mod format;
pub mod humane;
pub mod report;
pub mod sanitize;
pub mod sink;
pub mod table;
pub(crate) mod verdict;

use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use clap::ColorChoice;
use ogent_protocol::OutputStream;
use serde::Serialize;

use format::Format;
use sink::Sink;
use table::{Look, Table};

/// Where a command speaks, and how.
#[derive(Debug, Clone)]
pub struct Output {
    stdout: Channel,
    stderr: Channel,
}

/// What was written did not arrive.
#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written")]
pub struct WriteError(#[from] io::Error);

#[derive(Debug, Clone, Copy)]
struct Channel {
    is_terminal: bool,
    has_color: bool,
}

// === impl Output ===

impl Output {
    /// Looks at stdout, stderr and the environment; `choice` is what the user asked for.
    #[must_use]
    pub fn new(choice: ColorChoice) -> Self {
        Self {
            stdout: Channel::new(io::stdout().is_terminal(), choice),
            stderr: Channel::new(io::stderr().is_terminal(), choice),
        }
    }

    /// Whether a person reads the data as it comes.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.stdout.is_terminal
    }

    /// Writes data. The text must be harmless, or wanted as it is.
    ///
    /// # Errors
    /// When stdout cannot be written; see [`WriteError::is_reader_gone`].
    pub fn data(&self, text: &str) -> Result<(), WriteError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// Writes a list: as a table, or every item in a format for programs.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn list<T: Serialize>(
        &self,
        format: Format,
        items: &[T],
        table: impl FnOnce() -> Table,
    ) -> Result<(), WriteError> {
        let text = match format {
            Format::Table if items.is_empty() => return Ok(()),
            Format::Table => table().render(self.look()),
            Format::Jsonl => items.iter().map(format::json_line).collect::<Result<_, _>>()?,
            Format::Json => format::json(&items)?,
            Format::Yaml => format::yaml(&items, self.stdout.is_terminal)?,
        };
        self.data(&text)
    }

    /// Writes one thing: as lines of name and value, or in a format for programs.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub fn one<T: Serialize>(&self, format: Format, item: &T, table: impl FnOnce() -> Table) -> Result<(), WriteError> {
        self.shown(format, item, |look| table().render(look))
    }

    /// Writes one thing in a format for programs.
    ///
    /// # Errors
    /// As [`Output::data`].
    fn document<T: Serialize>(&self, format: Format, item: &T) -> Result<(), WriteError> {
        let text = match format {
            Format::Jsonl => format::json_line(item)?,
            Format::Table | Format::Json => format::json(item)?,
            Format::Yaml => format::yaml(item, self.stdout.is_terminal)?,
        };
        self.data(&text)
    }

    /// Writes one thing: as a text that knows what it is shown on, or in a format for programs.
    ///
    /// # Errors
    /// As [`Output::data`].
    pub(crate) fn shown<T: Serialize>(
        &self,
        format: Format,
        item: &T,
        text: impl FnOnce(Look) -> String,
    ) -> Result<(), WriteError> {
        match format {
            Format::Table => self.data(&text(self.look())),
            format => self.document(format, item),
        }
    }

    /// Tells the user something that knows what it is shown on. The text must be harmless.
    pub(crate) fn say_shown(&self, text: impl FnOnce(Look) -> String) {
        let width = self.stderr.is_terminal.then(table::terminal_width).flatten();
        self.talk(&text(Look { width, has_color: self.stderr.has_color }));
    }

    /// Where the bytes go that a machine printed: harmless on a terminal unless `is_raw`, unchanged elsewhere.
    #[must_use]
    pub fn sink(&self, stream: OutputStream, is_raw: bool) -> Sink {
        let is_terminal = match stream {
            OutputStream::Stdout => self.stdout.is_terminal,
            OutputStream::Stderr => self.stderr.is_terminal,
        };
        Sink::new(stream, is_terminal && !is_raw)
    }

    /// Tells the user something.
    pub fn say(&self, text: &str) {
        self.talk(&format!("{}\n", sanitize::text(text)));
    }

    /// Asks the user something; the answer comes on the same line.
    pub fn ask(&self, question: &str) {
        self.talk(&sanitize::text(question));
    }

    /// Tells the user what to look out for.
    pub fn warning(&self, text: &str) {
        self.labelled("33", "warning", text);
    }

    /// Tells the user what went wrong.
    pub fn error(&self, text: &str) {
        self.labelled("31", "error", text);
    }

    /// Tells the user what to do next.
    pub fn hint(&self, text: &str) {
        self.labelled("36", "hint", text);
    }

    /// The same, where a person reads it; a script does not need it.
    pub fn hint_to_person(&self, text: &str) {
        if self.stderr.is_terminal {
            self.hint(text);
        }
    }

    fn labelled(&self, color: &str, label: &str, text: &str) {
        let text = sanitize::text(text);
        if self.stderr.has_color {
            self.talk(&format!("\x1b[1;{color}m{label}:\x1b[0m {text}\n"));
        } else {
            self.talk(&format!("{label}: {text}\n"));
        }
    }

    fn talk(&self, text: &str) {
        // Where nobody can be told, nobody can be told that either.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn look(&self) -> Look {
        Look { width: self.is_terminal().then(table::terminal_width).flatten(), has_color: self.stdout.has_color }
    }
}

// === impl WriteError ===

impl WriteError {
    /// Whether that is because nobody reads it any more, as with `| head`.
    #[must_use]
    pub fn is_reader_gone(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

// === impl Channel ===

impl Channel {
    fn new(is_terminal: bool, choice: ColorChoice) -> Self {
        let has_color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|t| t != "dumb"),
        };
        Self { is_terminal, has_color }
    }
}

/// <https://no-color.org>: present and not empty, whatever the value.
fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}
