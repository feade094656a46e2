//! A line, and changes of it.

use std::ops::Range;

use ogent_protocol::verdict::SuggestionKind;
use rable::Node;

use super::Candidate;

/// A line of shell, with the places of its characters in bytes.
pub(super) struct Line<'a> {
    text: &'a str,
    bytes: Vec<usize>,
}

/// A part of a line with what shall stand there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// A suggestion, as changes of a line.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) kind: SuggestionKind,
    pub(super) why: &'static str,
    pub(super) edits: Vec<Edit>,
}

/// Where several commands of a line can be previewed, one suggestion previews them all: else the others would be run.
pub(super) fn join_previews(drafts: &mut Vec<Draft>) {
    let mut edits: Vec<Edit> = Vec::new();
    let mut joined = 0;
    for draft in drafts.iter().filter(|draft| draft.kind == SuggestionKind::Preview) {
        let overlaps = |edit: &Edit| {
            edits.iter().any(|other| edit.range.start < other.range.end && other.range.start < edit.range.end)
        };
        if !draft.edits.iter().any(overlaps) {
            edits.extend(draft.edits.iter().cloned());
            joined += 1;
        }
    }
    if joined > 1 {
        drafts.retain(|draft| draft.kind != SuggestionKind::Preview);
        drafts.push(Draft::new(SuggestionKind::Preview, "shows what would be done", edits));
    }
}

// === impl Line ===

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        Self { text, bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Where a node stands, in bytes.
    pub(super) fn range(&self, node: &Node) -> (usize, usize) {
        let byte = |char: usize| self.bytes.get(char).copied().unwrap_or(self.text.len());
        let (start, end) = (byte(node.span.start), byte(node.span.end));
        (start, end.max(start))
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The line with the changes made; none where they are in each other's way.
    pub(super) fn apply(&self, draft: Draft) -> Option<Candidate> {
        let mut edits = draft.edits;
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut command = String::with_capacity(self.text.len() + 16);
        let mut at = 0;
        for edit in edits {
            command.push_str(self.text.get(at..edit.range.start)?);
            command.push_str(&edit.text);
            at = edit.range.end.max(edit.range.start);
        }
        command.push_str(self.text.get(at..)?);
        Some(Candidate { kind: draft.kind, command, why: draft.why.to_owned() })
    }
}

// === impl Edit ===

impl Edit {
    pub(super) fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }

    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { range: at..at, text: text.into() }
    }
}

// === impl Draft ===

impl Draft {
    pub(super) fn new(kind: SuggestionKind, why: &'static str, edits: Vec<Edit>) -> Self {
        Self { kind, why, edits }
    }
}
