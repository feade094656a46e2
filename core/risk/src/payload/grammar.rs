//! In what the languages differ that are read alike.

use super::does::Table;

/// How a language is written.
pub(super) struct Grammar {
    pub(super) table: Table,
    /// Words before a value that say nothing about it.
    pub(super) prefixes: &'static [&'static str],
    /// Words that are no values.
    pub(super) words: &'static [&'static str],
    /// What stands between a thing and a part of it.
    pub(super) members: &'static [&'static str],
    /// What puts two texts together.
    pub(super) concat: &'static str,
    /// Functions that may be called without parentheses; `*` is any.
    pub(super) bare: &'static [&'static str],
    /// A member that is named is called: there are no fields.
    pub(super) calls_members: bool,
    /// What may stand before the name of an own function of the language.
    pub(super) scopes: &'static [&'static str],
}

impl Grammar {
    pub(super) fn is_prefix(&self, word: &str) -> bool {
        self.prefixes.contains(&word)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    pub(super) fn is_bare(&self, word: &str) -> bool {
        self.bare.iter().any(|bare| *bare == "*" || *bare == word)
    }

    /// A path without a scope that only says that the language's own is meant: `builtins.exec`.
    pub(super) fn without_scope<'p>(&self, path: &'p str) -> &'p str {
        let strip = |path: &'p str| {
            self.scopes.iter().find_map(|scope| path.strip_prefix(scope)?.strip_prefix('.')).unwrap_or(path)
        };
        strip(strip(path))
    }
}
