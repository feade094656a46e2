//! A word as far as it is known before the command runs: text, with holes where only the machine knows what stands there.

pub(crate) mod braces;
pub(crate) mod glob;
pub(crate) mod parts;

use ogent_protocol::verdict::{Provenance, Span};

/// A word.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Word {
    /// What is known of it.
    pub(crate) text: String,
    /// Where something is missing in it, in order.
    pub(crate) holes: Vec<Hole>,
    /// Whether it is a pattern for file names.
    pub(crate) glob: bool,
    /// Where it stands in the command.
    pub(crate) span: Span,
    /// Where the known part comes from.
    pub(crate) source: Provenance,
}

/// Holes in one word: variables can double them with every assignment.
const MAX_HOLES: usize = 64;

/// A place in a word where nobody knows what will stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hole {
    /// Bytes of the known text before it.
    pub(crate) at: usize,
    /// Where it will come from.
    pub(crate) source: Provenance,
    /// Whether it stands for names below the path before it, and not for anything.
    pub(crate) below: bool,
    /// Whether it stands for what a program prints to be run.
    pub(crate) meant_to_run: bool,
    /// Whether it was made of text that stands in the command, in a way that nobody follows.
    pub(crate) hidden: bool,
}

// === impl Word ===

impl Word {
    pub(crate) fn literal(text: impl Into<String>, span: Span) -> Self {
        Self { text: text.into(), span, ..Self::default() }
    }

    pub(crate) fn unknown(source: Provenance, span: Span) -> Self {
        Self {
            holes: vec![Hole { at: 0, source, below: false, meant_to_run: false, hidden: false }],
            span,
            source,
            ..Self::default()
        }
    }

    /// A path somewhere below `root`, of which only that is known.
    pub(crate) fn below(root: &Self) -> Self {
        let mut word = root.clone();
        if word.holes.is_empty() && !word.text.ends_with('/') {
            word.text.push('/');
        }
        let hole = Hole {
            at: word.text.len(),
            source: Provenance::CommandOutput,
            below: true,
            meant_to_run: false,
            hidden: false,
        };
        word.holes.push(hole);
        word.glob = false;
        word
    }

    /// The whole text, where all of it is known.
    pub(crate) fn known(&self) -> Option<&str> {
        self.holes.is_empty().then_some(self.text.as_str())
    }

    /// The text before the first hole.
    pub(crate) fn prefix(&self) -> &str {
        let end = self.holes.first().map_or(self.text.len(), |hole| hole.at);
        self.text.get(..end).unwrap_or(&self.text)
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.holes.is_empty() && self.text == text
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.is_empty() && self.holes.is_empty()
    }

    /// The least trusted place that a part of it comes from.
    pub(crate) fn provenance(&self) -> Provenance {
        self.holes.iter().map(|hole| hole.source).fold(self.source, Provenance::max)
    }

    /// For people: holes are shown as `…`.
    pub(crate) fn shown(&self) -> String {
        let mut out = String::with_capacity(self.text.len() + 4);
        let mut from = 0;
        for hole in &self.holes {
            out.push_str(self.text.get(from..hole.at).unwrap_or_default());
            out.push('…');
            from = hole.at.max(from);
        }
        out.push_str(self.text.get(from..).unwrap_or_default());
        out
    }

    /// Adds what stands behind it.
    pub(crate) fn push(&mut self, other: &Self) {
        let offset = self.text.len();
        self.text.push_str(&other.text);
        // Of many holes, the last that fits stands for the rest: what matters is that there is one, and from where it comes.
        let room = MAX_HOLES.saturating_sub(self.holes.len());
        self.holes.extend(other.holes.iter().take(room).map(|hole| Hole { at: hole.at + offset, ..*hole }));
        if let (Some(last), Some(worst)) =
            (self.holes.last_mut(), other.holes.iter().skip(room).map(|hole| hole.source).max())
        {
            last.source = last.source.max(worst);
        }
        self.glob |= other.glob;
        self.source = self.source.max(other.source);
    }

    /// The part from a byte of its text on, without the holes before it.
    pub(crate) fn tail(&self, from: usize) -> Self {
        let text = self.text.get(from..).unwrap_or_default().to_owned();
        let holes = self.holes.iter().filter(|hole| hole.at >= from).map(|hole| Hole { at: hole.at - from, ..*hole });
        Self { text, holes: holes.collect(), ..self.clone() }
    }

    /// The two sides of the first `sep` in the part before the first hole.
    pub(crate) fn split_once(&self, sep: char) -> Option<(&str, Self)> {
        let at = self.prefix().find(sep)?;
        Some((self.text.get(..at)?, self.tail(at + sep.len_utf8())))
    }
}
