//! Reads statements of SQL, and the commands of psql, mysql and sqlite3 between them.

mod client;
mod lex;
mod statement;

use super::findings::Findings;
use super::reader::Reader;

/// Says what statements do.
pub(super) fn scan(code: &str, found: &mut Findings) {
    let mut reader = Reader::new(code);
    loop {
        reader.take_while(|char| char.is_whitespace() || char == ';');
        if reader.is_empty() {
            return;
        }
        if client::command(&mut reader, found) {
            continue;
        }
        let Some(tokens) = lex::statement(&mut reader, found) else { return found.opaque() };
        statement::does(&tokens, found);
    }
}
