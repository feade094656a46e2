//! Reads statements of SQL, and the commands of psql, mysql and sqlite3 between them.

mod client;
mod lex;
mod statement;

use super::findings::Findings;
use super::reader::Reader;

/// Says what statements do. A backslash before a quote means something in mysql and nothing in the standard, and a text
/// may be a statement in one of them: it counts in every way in which it can be read to the end.
pub(super) fn scan(code: &str, found: &mut Findings) {
    let ambiguous = code.contains("\\'") || code.contains("\\\"");
    let mut understood = false;
    for escapes in [false, true] {
        if ambiguous == escapes || !escapes {
            let whole = follow(code, escapes, &mut Findings::default());
            understood |= whole && follow(code, escapes, found);
        }
    }
    if !understood {
        found.opaque();
    }
}

/// Says whether all of it could be read.
fn follow(code: &str, escapes: bool, found: &mut Findings) -> bool {
    let mut reader = Reader::new(code);
    loop {
        reader.take_while(|char| char.is_whitespace() || char == ';');
        if reader.is_empty() {
            return true;
        }
        if client::command(&mut reader, found) {
            continue;
        }
        match lex::statement(&mut reader, escapes, found) {
            Some(tokens) => statement::does(&tokens, found),
            None => return false,
        }
    }
}
