//! What a program reads or prints, as far as that is known.

use ogent_protocol::verdict::{Provenance, Span};

use crate::limits::MAX_LINE_BYTES;
use crate::word::Word;

/// What flows through a pipe, or stands in a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Data {
    /// The text, perhaps with holes; none where nothing of it is known.
    pub(crate) text: Option<Word>,
    /// The least trusted place that a part of it comes from.
    pub(crate) source: Provenance,
    /// Where its lines are names of files: the folder that they are below.
    pub(crate) below: Option<Word>,
    /// Whether something secret is in it.
    pub(crate) secret: bool,
    /// Whether there is nothing at all to read.
    pub(crate) nothing: bool,
    /// Whether a program prints it whose output is meant to be run: `ssh-agent -s`.
    pub(crate) meant_to_run: bool,
    /// Whether it was made of text that stands in the command, in a way that nobody follows.
    pub(crate) hidden: bool,
}

// === impl Data ===

impl Data {
    /// Nothing: no input, no output.
    pub(crate) fn nothing() -> Self {
        Self { text: Some(Word::default()), nothing: true, ..Self::default() }
    }

    pub(crate) fn known(text: impl Into<String>, span: Span) -> Self {
        Self::word(Word::literal(text, span))
    }

    pub(crate) fn word(word: Word) -> Self {
        Self { source: word.provenance(), text: Some(word), ..Self::default() }
    }

    pub(crate) fn unknown(source: Provenance) -> Self {
        Self { source, ..Self::default() }
    }

    /// The whole text, where all of it is known.
    pub(crate) fn plain(&self) -> Option<&str> {
        self.text.as_ref().and_then(Word::known)
    }

    /// What a program makes of it that may change it in any way.
    pub(crate) fn changed(&self) -> Self {
        let source = self.source.max(Provenance::CommandOutput);
        let hidden =
            self.hidden || self.text.as_ref().is_some_and(|text| !self.nothing && !text.text.trim().is_empty());
        Self { text: None, source, below: None, nothing: false, hidden, ..self.clone() }
    }

    /// What a program makes of it that only leaves out, sorts or repeats lines.
    pub(crate) fn filtered(&self) -> Self {
        match &self.text {
            Some(_) if !self.nothing && self.plain().is_some_and(|text| text.trim_end().lines().count() <= 1) => {
                self.clone()
            }
            _ => Self { below: self.below.clone(), ..self.changed() },
        }
    }

    /// It, and what comes behind it.
    pub(crate) fn then(mut self, other: Self) -> Self {
        if self.nothing {
            return other;
        }
        if other.nothing {
            return self;
        }
        self.text = match (self.text, other.text) {
            (None, None) => None,
            // What nobody knows is a hole in what is known.
            (first, second) => {
                let mut first = first.unwrap_or_else(|| hole(self.source));
                first.push(&second.unwrap_or_else(|| hole(other.source)));
                Some(first).filter(|word| word.text.len() <= MAX_LINE_BYTES && word.holes.len() <= 64)
            }
        };
        self.source = self.source.max(other.source);
        self.below = self.below.or(other.below);
        self.secret |= other.secret;
        self.hidden |= other.hidden;
        self.meant_to_run &= other.meant_to_run;
        self
    }

    /// As one word: what `"$(…)"` stands for.
    pub(crate) fn to_word(&self, span: Span) -> Word {
        match (&self.text, &self.below) {
            (Some(word), _) => {
                let mut word = word.clone();
                word.span = span;
                while word.text.ends_with('\n') && word.holes.iter().all(|hole| hole.at < word.text.len()) {
                    word.text.pop();
                }
                word
            }
            (None, Some(found)) if !found.holes.is_empty() => Word { span, ..found.clone() },
            (None, Some(root)) => Word { span, ..Word::below(root) },
            (None, None) => {
                let mut word = Word::unknown(self.source, span);
                for hole in &mut word.holes {
                    (hole.meant_to_run, hole.hidden) = (self.meant_to_run, self.hidden);
                }
                word
            }
        }
    }
}

/// Lines that nobody knows.
fn hole(source: Provenance) -> Word {
    let mut word = Word::unknown(source, Span::default());
    word.text.push('\n');
    word
}

/// Names under which a program finds its own standard input.
pub(crate) fn is_stdin(file: &Word) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/proc/thread-self/fd/0", "/dev/fd//0"]
        .iter()
        .any(|name| file.is(name))
}
