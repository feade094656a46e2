//! Receives code in another language, as it stands on a command line, gives what that code would do to the rules.
//!
//! A reader for each language turns the text into tokens and follows them once, with the values of constants: what is only
//! mentioned in a string or a comment does not count, what is put together from pieces does. Whatever a reader does not
//! understand makes the result opaque, so a program is `plain` only if all of it was understood.

mod awk;
mod does;
mod findings;
mod grammar;
mod lex;
mod lua;
mod machine;
mod node;
mod other;
mod perl;
mod php;
mod powershell;
mod python;
mod reader;
mod ruby;
mod sed;
mod sql;
mod text;
mod token;
mod value;

use ogent_protocol::verdict::EffectKind;

use findings::Findings;

/// Stands in code for a piece that nobody knows, such as a variable of the shell. A reader takes it for a value and for
/// nothing else; who passes it knows that it could be more.
pub(crate) const UNKNOWN: char = '\u{FFFC}';

/// Longer code is not read: nothing that a person types comes near it.
const LONGEST: usize = 64 * 1024;

/// What code is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Python, 2 and 3.
    Python,
    /// Perl 5.
    Perl,
    /// Ruby.
    Ruby,
    /// JavaScript and TypeScript, of Node, Deno and Bun.
    Node,
    /// PHP.
    Php,
    /// Lua.
    Lua,
    /// awk, all dialects.
    Awk,
    /// sed, all dialects.
    Sed,
    /// SQL, with the commands of psql, mysql and sqlite3.
    Sql,
    /// PowerShell.
    PowerShell,
    /// Anything else: Go, Java, R, Tcl. Never plain.
    Other,
}

/// What code would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Payload {
    /// Lines that it hands to a shell; `${UNKNOWN}` stands for what nobody knows.
    pub(crate) shell: Vec<String>,
    /// Programs that it starts without a shell, with their arguments.
    pub(crate) argvs: Vec<Vec<String>>,
    /// What else it does, to what, and whether to everything below that. `*` in a target stands for what nobody knows.
    pub(crate) effects: Vec<(EffectKind, Option<String>, bool)>,
    /// It gives whoever is at the other end of a connection a shell.
    pub(crate) remote_shell: bool,
    /// It executes something that cannot be seen here.
    pub(crate) runs_unknown: bool,
    /// Not all of it was understood.
    pub(crate) opaque: bool,
    /// All of it was understood, and it only computes and prints. What it reads stands in `effects`.
    pub(crate) plain: bool,
}

/// Says what `code` would do.
pub(crate) fn scan(language: Language, code: &str) -> Payload {
    let mut found = Findings::default();
    if code.len() > LONGEST {
        found.opaque();
        return found.finish();
    }
    match language {
        Language::Awk => awk::scan(code, &mut found),
        Language::Sed => sed::scan(code, &mut found),
        Language::Python => machine::follow(language, &python::GRAMMAR, code, &mut found),
        Language::Perl => machine::follow(language, &perl::GRAMMAR, code, &mut found),
        Language::Ruby => machine::follow(language, &ruby::GRAMMAR, code, &mut found),
        Language::Node => machine::follow(language, &node::GRAMMAR, code, &mut found),
        Language::Php => machine::follow(language, &php::GRAMMAR, code, &mut found),
        Language::Lua => machine::follow(language, &lua::GRAMMAR, code, &mut found),
        Language::Sql => sql::scan(code, &mut found),
        Language::PowerShell => powershell::scan(code, &mut found),
        Language::Other => other::scan(code, &mut found),
    }
    found.finish()
}

#[cfg(test)]
mod tests;
