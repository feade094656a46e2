//! What one statement does.

use ogent_protocol::verdict::EffectKind::{self, Account, DatabaseChange, DatabaseDrop, Execute, Read, Service, Write};

use super::lex::Token;
use crate::payload::findings::Findings;
use crate::payload::value::Value;

/// Words that begin a statement which only shows something, or says how to go on.
const READS: &str = "SELECT SHOW DESCRIBE DESC EXPLAIN WITH VALUES TABLE USE PRAGMA BEGIN COMMIT ROLLBACK START \
         SAVEPOINT RELEASE END FETCH DECLARE CLOSE HELP CHECK CHECKSUM STATUS GO PRINT LISTEN UNLISTEN DISCARD \
         EXIT QUIT ABORT SET RESET ANALYZE ANALYSE ATTACH DETACH DELIMITER UNLOCK FROM IF ELSE MOVE";

/// Words that begin a statement which changes data or how it is kept.
const CHANGES: &str = "INSERT UPDATE REPLACE MERGE UPSERT CREATE ALTER GRANT REVOKE RENAME VACUUM REINDEX \
         CLUSTER OPTIMIZE REPAIR COMMENT LOCK IMPORT REFRESH NOTIFY LOAD FLUSH PURGE SECURITY IMPORTANT REASSIGN \
         HANDLER XA CHANGE BACKUP RESTORE DENY";

/// Functions that run commands of the machine the database is on.
const RUNS: &str = "XP_CMDSHELL SYS_EXEC SYS_EVAL SHELL_EXEC";

/// Functions that load code into the database.
const LOADS: &str = "LOAD_EXTENSION SONAME PYTHON_EXEC SP_OACREATE SP_OAMETHOD";

/// Functions that read files of the machine the database is on, or write them.
const READS_FILES: &str = "LOAD_FILE PG_READ_FILE PG_READ_BINARY_FILE PG_LS_DIR READFILE OPENROWSET LO_IMPORT UTL_FILE";
const WRITES_FILES: &str = "LO_EXPORT WRITEFILE PG_FILE_WRITE EDIT";

fn is_among(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|known| known == word)
}

/// Says what a statement does.
pub(super) fn does(tokens: &[Token], found: &mut Findings) {
    functions(tokens, found);
    let words: Vec<&Token> = tokens.iter().filter(|token| matches!(token, Token::Word(..))).collect();
    let Some(Token::Word(first, _)) = words.first() else {
        if !tokens.is_empty() {
            found.opaque();
        }
        return;
    };
    let has = |word: &str| words.iter().any(|token| token.is(word));
    let second = words.get(1).copied();
    match first.as_str() {
        "COPY" => copy(tokens, found),
        "DROP" => drops(&words, found),
        "TRUNCATE" => found.effect(DatabaseDrop, &last_name(&words), true),
        "DELETE" if !has("WHERE") && !has("LIMIT") => found.effect(DatabaseDrop, &name_after(&words, "FROM"), true),
        "DELETE" => found.effect(DatabaseChange, &name_after(&words, "FROM"), false),
        "ALTER" if has("DROP") => {
            found.effect(DatabaseDrop, &words.get(2).map_or(Value::Unknown, |name| text(name)), false)
        }
        "LOAD" if second.is_some_and(|word| word.is("DATA") || word.is("XML")) => {
            found.effect(Read, &first_text(tokens), false);
            found.effect_on(DatabaseChange, None, false);
        }
        // `LOAD 'library'` of PostgreSQL.
        "LOAD" => found.effect(Execute, &first_text(tokens), false),
        "CREATE" | "ALTER" if has("USER") || has("ROLE") || has("LOGIN") => account(&words, found),
        "CREATE" if has("SONAME") || has("EXTENSION") || has("FUNCTION") && has("LANGUAGE") && untrusted(tokens) => {
            found.effect(Execute, &first_text(tokens), false);
            found.effect_on(DatabaseChange, None, false);
        }
        "SET" if second.is_some_and(|word| word.is("PASSWORD")) => found.effect_on(Account, None, false),
        "SET" if second.is_some_and(|word| word.is("GLOBAL") || word.is("PERSIST")) => {
            found.effect_on(DatabaseChange, None, false);
        }
        "PRAGMA" if tokens.contains(&Token::Other('=')) => found.effect_on(DatabaseChange, None, false),
        "ATTACH" => found.effect(Read, &first_text(tokens), false),
        "SHUTDOWN" | "KILL" => found.effect_on(Service, None, false),
        "INSTALL" | "UNINSTALL" => found.effect_on(Execute, None, false),
        "WITH" | "EXPLAIN" => hidden_change(&words, found),
        "UPDATE" if !has("WHERE") => {
            let name = words.get(1).map_or(Value::Unknown, |name| text(name));
            found.effect(DatabaseChange, &name, true);
        }
        "EXEC" | "EXECUTE" | "CALL" | "PREPARE" | "DO" | "DBCC" => called(tokens, &words, found),
        _ if is_among(READS, first) => into(tokens, &words, found),
        _ if is_among(CHANGES, first) => found.effect(DatabaseChange, &last_known_table(&words), false),
        _ => found.opaque(),
    }
}

fn text(token: &Token) -> Value {
    match token {
        Token::Word(_, name) | Token::Text(name) => Value::text(name.as_str()),
        Token::Other(_) => Value::Unknown,
    }
}

fn first_text(tokens: &[Token]) -> Value {
    tokens.iter().find(|token| matches!(token, Token::Text(_))).map_or(Value::Unknown, text)
}

fn text_after(tokens: &[Token], word: &str) -> Value {
    let mut after = tokens.iter().skip_while(|token| !token.is(word));
    after.find(|token| matches!(token, Token::Text(_))).map_or(Value::Unknown, text)
}

fn last_name(words: &[&Token]) -> Value {
    let option = |word: &&&Token| {
        ["CASCADE", "RESTRICT", "IDENTITY", "RESTART", "CONTINUE"].iter().any(|option| word.is(option))
    };
    words.iter().rev().find(|word| !option(word)).map_or(Value::Unknown, |word| text(word))
}

fn name_after(words: &[&Token], word: &str) -> Value {
    let filler =
        |token: &&&Token| ["IF", "NOT", "EXISTS", "ONLY", "TABLE", "DATABASE"].iter().any(|word| token.is(word));
    let mut names = words.iter().skip_while(|token| !token.is(word)).skip(1).skip_while(filler);
    let name = names.next().filter(|token| !token.is("TO") && !token.is("FROM"));
    name.map_or(Value::Unknown, |word| text(word))
}

fn last_known_table(words: &[&Token]) -> Value {
    ["INTO", "TABLE", "ON", "DATABASE", "UPDATE"]
        .iter()
        .map(|word| name_after(words, word))
        .find(|name| *name != Value::Unknown)
        .unwrap_or_default()
}

/// `DROP TABLE a`, `DROP USER b`.
fn drops(words: &[&Token], found: &mut Findings) {
    let kind = if words.get(1).is_some_and(|word| word.is("USER") || word.is("ROLE") || word.is("LOGIN")) {
        Account
    } else {
        DatabaseDrop
    };
    found.effect(kind, &last_name(words), true);
    if kind == Account {
        found.effect_on(DatabaseDrop, None, false);
    }
}

fn account(words: &[&Token], found: &mut Findings) {
    found.effect(Account, &words.get(2).map_or(Value::Unknown, |name| text(name)), false);
    found.effect_on(DatabaseChange, None, false);
}

/// A language in which a function can do everything.
fn untrusted(tokens: &[Token]) -> bool {
    let language = tokens.iter().skip_while(|token| !token.is("LANGUAGE")).nth(1);
    match language {
        Some(Token::Word(name, _)) => name == "C" || name.ends_with('U') || name.starts_with("PLSH"),
        Some(Token::Text(name)) => name.eq_ignore_ascii_case("c") || name.ends_with(['u', 'U']),
        _ => true,
    }
}

/// `COPY table TO PROGRAM 'command'`, `COPY table FROM 'file'`.
fn copy(tokens: &[Token], found: &mut Findings) {
    let has = |word: &str| tokens.iter().any(|token| token.is(word));
    if has("PROGRAM") {
        found.shell(&text_after(tokens, "PROGRAM"));
    } else if has("TO") && !has("STDOUT") {
        found.effect(Write, &text_after(tokens, "TO"), false);
    } else if has("FROM") && !has("STDIN") && !has("TO") {
        found.effect(Read, &text_after(tokens, "FROM"), false);
    }
    if has("FROM") && !has("TO") {
        found.effect_on(DatabaseChange, None, false);
    }
}

/// `WITH … DELETE FROM …`, `EXPLAIN ANALYZE UPDATE …`.
fn hidden_change(words: &[&Token], found: &mut Findings) {
    let has = |word: &str| words.iter().any(|token| token.is(word));
    if words.first().is_some_and(|word| word.is("EXPLAIN")) && !has("ANALYZE") && !has("ANALYSE") {
        return;
    }
    if has("DELETE") && !has("WHERE") {
        found.effect(DatabaseDrop, &name_after(words, "FROM"), true);
    } else if ["INSERT", "UPDATE", "DELETE", "MERGE"].iter().any(|word| has(word)) {
        found.effect_on(DatabaseChange, None, false);
    }
}

/// Functions that do more than compute, wherever they stand.
fn functions(tokens: &[Token], found: &mut Findings) {
    let called =
        |names: &str| tokens.iter().position(|token| matches!(token, Token::Word(name, _) if is_among(names, name)));
    let argument = |at: usize| first_text(tokens.get(at..).unwrap_or_default());
    if let Some(at) = called(RUNS) {
        found.shell(&argument(at));
    }
    if let Some(at) = called(LOADS) {
        found.effect(Execute, &argument(at), false);
    }
    if let Some(at) = called(READS_FILES) {
        found.effect(Read, &argument(at), false);
    }
    if let Some(at) = called(WRITES_FILES) {
        let texts: Vec<Value> = tokens
            .get(at..)
            .unwrap_or_default()
            .iter()
            .filter(|token| matches!(token, Token::Text(_)))
            .map(text)
            .collect();
        found.effect(Write, texts.first().unwrap_or(&Value::Unknown), false);
    }
    if called("PG_TERMINATE_BACKEND PG_CANCEL_BACKEND").is_some() {
        found.effect_on(EffectKind::Kill, None, false);
    }
    if called("DBLINK DBLINK_CONNECT HTTP_GET HTTP_POST").is_some() {
        found.effect_on(EffectKind::NetworkSend, None, false);
    }
}

/// `SELECT … INTO OUTFILE 'file'`, `SELECT … INTO table`.
fn into(tokens: &[Token], words: &[&Token], found: &mut Findings) {
    let outfile = words.iter().any(|word| word.is("OUTFILE") || word.is("DUMPFILE"));
    if outfile {
        let word = if words.iter().any(|word| word.is("OUTFILE")) { "OUTFILE" } else { "DUMPFILE" };
        found.effect(Write, &text_after(tokens, word), false);
    } else if words.first().is_some_and(|word| word.is("SELECT")) && words.iter().any(|word| word.is("INTO")) {
        let into = name_after(words, "INTO");
        let variable = tokens.windows(2).any(|pair| matches!(pair, [word, Token::Other('@')] if word.is("INTO")));
        if !variable {
            found.effect(DatabaseChange, &into, false);
        }
    }
}

/// `EXEC procedure`, `DO $$ … $$`.
fn called(tokens: &[Token], words: &[&Token], found: &mut Findings) {
    let runs = tokens.iter().any(|token| matches!(token, Token::Word(name, _) if is_among(RUNS, name)));
    let shows = words
        .get(1)
        .is_some_and(|word| matches!(word, Token::Word(name, _) if name.starts_with("SP_HELP") || name == "SP_WHO"));
    if !runs && !shows {
        found.opaque();
    }
}
