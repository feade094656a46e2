//! Receives a verdict and the command that it is about, gives the marks that its places in the text get.

use ogent_protocol::{RiskLevel, Verdict};

/// How a place is marked. Where places overlap the last of these wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// It cannot be seen what is there.
    Opaque,
    /// It adds to the risk, and something else is worse.
    Lesser,
    /// It makes the command as bad as it is.
    Worst,
}

/// The mark of each byte of a text, and of the place behind its end.
#[derive(Debug)]
pub(crate) struct Marks(Vec<Option<Mark>>);

// === impl Mark ===

impl Mark {
    /// What stands below.
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Opaque => '~',
            Self::Lesser => '-',
            Self::Worst => '^',
        }
    }

    /// The colour, as a terminal is told.
    pub(crate) fn color(self) -> &'static str {
        match self {
            Self::Opaque => "36",
            Self::Lesser => "33",
            Self::Worst => "1;31",
        }
    }
}

// === impl Marks ===

impl Marks {
    /// The marks of a verdict. Its places may be anything: they came from somewhere else.
    pub(crate) fn new(text: &str, verdict: &Verdict) -> Self {
        let mut marks = Self::none(text);
        for opaque in &verdict.opaque {
            marks.add(text, opaque.span.start, opaque.span.end, Mark::Opaque);
        }
        for reason in verdict.reasons.iter().filter(|reason| reason.level > RiskLevel::Low) {
            let mark = if reason.level >= verdict.level { Mark::Worst } else { Mark::Lesser };
            marks.add(text, reason.span.start, reason.span.end, mark);
        }
        if let Some(error) = &verdict.syntax_error {
            marks.add(text, error.span.start, error.span.end, Mark::Worst);
        }
        marks
    }

    pub(super) fn none(text: &str) -> Self {
        Self(vec![None; text.len() + 1])
    }

    /// Marks the characters that the bytes touch; where there are none, the one at `start`, or the end.
    pub(super) fn add(&mut self, text: &str, start: usize, end: usize, mark: Mark) {
        let start = text.floor_char_boundary(start);
        let end = text.ceil_char_boundary(end.max(start + 1));
        // Behind the end there is one place more.
        let end = if start >= text.len() { text.len() + 1 } else { end };
        for place in self.0.get_mut(start..end).unwrap_or_default() {
            *place = (*place).max(Some(mark));
        }
    }

    /// The mark of the character that begins there.
    pub(super) fn at(&self, byte: usize) -> Option<Mark> {
        self.0.get(byte).copied().flatten()
    }
}
