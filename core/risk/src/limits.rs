//! How much of a command is looked at. What goes beyond is not judged, and so needs approval.

/// Longest line; what an intent may carry.
pub(crate) const MAX_LINE_BYTES: usize = 64 * 1024;

/// Deepest nesting of brackets: the parser's time doubles with each level of `$(` from about 50 on, and its stack ends at 20,000.
pub(crate) const MAX_NESTING: usize = 24;

/// Most separators (`;`, `&`, `|`, new lines) in one line: the parser recurses over them.
pub(crate) const MAX_SEPARATORS: usize = 4096;

/// Most `;` and `&`, and most `&&` and `||`, in one text: the parser takes a part of the stack for each. A debug build has
/// used up a thread's two megabytes with 500.
pub(crate) const MAX_LIST: usize = 256;

/// How often code may stand inside code: `eval`, `sh -c`, functions, decoded text.
pub(crate) const MAX_DEPTH: u8 = 12;

/// Programs that run programs that run programs: each takes a part of the stack.
pub(crate) const MAX_NESTED_CALLS: u8 = 48;

/// Steps for one command: each call, each word of a loop, each alternative counts one.
pub(crate) const MAX_STEPS: u32 = 2000;

/// Names of programs that are patterns: each search goes over all names.
pub(crate) const MAX_PATTERNS: u32 = 4;

/// Bytes of text that expansions may make for one command.
pub(crate) const MAX_EXPANDED_BYTES: usize = 256 * 1024;

/// Words that one word may become, by braces or by splitting.
pub(crate) const MAX_FIELDS: usize = 1024;

/// Commands that `xargs -I` or `parallel` make of a known list.
pub(crate) const MAX_CALLS: usize = 32;

/// Items of a known list: words for `xargs`, lines for `mapfile`, jobs of a table, recipes of a makefile.
pub(crate) const MAX_ITEMS: usize = 256;

/// Times that a loop over a known list is followed.
pub(crate) const MAX_ROUNDS: usize = 32;

/// Effects that a verdict tells; the level counts all.
pub(crate) const MAX_EFFECTS: usize = 64;

/// Reasons that a verdict tells.
pub(crate) const MAX_REASONS: usize = 24;

/// Commands before this one that are looked at.
pub(crate) const MAX_HISTORY: usize = 16;
