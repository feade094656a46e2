//! What a command would do, before it runs: a line of shell becomes effects, and effects become a verdict. No I/O.
//!
//! The modules stand in the order in which a command passes them: [`context`] says where it would run, `syntax` makes a tree
//! of it, `shell` follows the tree with what is known of variables and pipes, `call` finds out what each command calls,
//! `special` and `rules` say what programs do, `payload` what code of other languages does; `place` and `level` say how bad
//! that is, `report` gathers it, `suggest` says what would be better, and [`policy`] decides.

pub mod context;

mod decode;
mod limits;
mod syntax;
mod word;

mod call;
mod data;
mod judge;
mod payload;
mod rules;
mod shell;
mod special;

mod level;
mod place;
mod report;
mod suggest;

pub mod policy;

use ogent_protocol::{Program, Verdict};

pub use context::{Context, Inventory};
pub use policy::{LabelRule, Policy, PolicyError, Reach};

/// Reads the rules, which the first verdict would do otherwise: some milliseconds, once in a process.
pub fn prepare() {
    let _ = rules::shipped();
}

/// Judges a command: some ten microseconds for an ordinary one. Never fails and never panics: what cannot be understood is told
/// in the verdict, and makes it worse.
#[must_use]
pub fn judge(program: &Program, context: &Context) -> Verdict {
    let mut judge = judge::Judge::new(context);
    judge.remember();
    judge.judge(program)
}

/// Judges a command, and looks for better ones. Takes a few times as long as [`judge()`], because each of them is judged, too.
#[must_use]
pub fn explain(program: &Program, context: &Context) -> Verdict {
    let mut verdict = judge(program, context);
    if let Program::Shell(line) = program {
        verdict.suggestions = suggest::offered(line, context, verdict.level);
    }
    verdict
}

/// Words with spaces between, as `ssh` and `eval` join them.
fn shell_joined(words: &[word::Word], span: ogent_protocol::verdict::Span) -> word::Word {
    let mut line = word::Word::literal("", span);
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            line.text.push(' ');
        }
        line.push(word);
    }
    line
}
