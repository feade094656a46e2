//! Commands that a client does itself: `\!` and `\copy` of psql, `system` of mysql, `.shell` of sqlite3.

use ogent_protocol::verdict::EffectKind;

use crate::payload::findings::Findings;
use crate::payload::reader::Reader;
use crate::payload::value::Value;

/// Commands of sqlite3 that only show something, or how it is shown.
const SQLITE_SHOWS: &[&str] = &[
    "tables",
    "schema",
    "fullschema",
    "indexes",
    "indices",
    "databases",
    "dump",
    "headers",
    "header",
    "mode",
    "width",
    "help",
    "quit",
    "exit",
    "show",
    "separator",
    "nullvalue",
    "echo",
    "timer",
    "stats",
    "explain",
    "eqp",
    "bail",
    "print",
    "changes",
    "timeout",
    "dbinfo",
    "lint",
    "prompt",
    "version",
    "parameter",
    "cd",
    "dbconfig",
    "limit",
    "sha3sum",
    "vfsname",
    "open",
    "connection",
    "unmodule",
    "progress",
    "auth",
    "binary",
    "crlf",
];

/// Commands of mysql that read a word as their command, each with its short form.
const MYSQL: &[(&str, char)] = &[("system", '!'), ("source", '.'), ("tee", 'T'), ("pager", 'P')];

/// Reads a command of a client, if one comes next: a line.
pub(super) fn command(reader: &mut Reader<'_>, found: &mut Findings) -> bool {
    if reader.sees("\\") {
        return backslash(reader, found);
    }
    let mut ahead = *reader;
    if ahead.eat(".") && ahead.peek().is_some_and(char::is_alphabetic) {
        let name = ahead.word();
        dotted(name, ahead.line().trim(), found);
        *reader = ahead;
        return true;
    }
    let word = ahead.word().to_lowercase();
    let Some((_, short)) = MYSQL.iter().find(|(name, _)| *name == word) else { return false };
    // `SYSTEM` is a word of the language too, but no statement begins with it.
    let rest = ahead.line().trim().trim_end_matches(';');
    mysql(*short, rest, found);
    *reader = ahead;
    true
}

fn mysql(short: char, rest: &str, found: &mut Findings) {
    match short {
        '!' | 'P' => found.shell(&Value::text(rest)),
        '.' => found.effect(EffectKind::Execute, &path(rest), false),
        _ => found.effect(EffectKind::Write, &path(rest), false),
    }
}

/// `.command arguments` of sqlite3.
fn dotted(name: &str, rest: &str, found: &mut Findings) {
    match name {
        "shell" | "system" => found.shell(&Value::text(rest)),
        "output" | "once" | "excel" | "log" | "trace" | "www" => output(rest, found),
        "read" if rest.starts_with('|') => found.shell(&Value::text(rest.trim_start_matches('|'))),
        "read" => found.effect(EffectKind::Execute, &path(rest), false),
        "load" => found.effect(EffectKind::Execute, &path(rest), false),
        "import" => {
            let source = rest.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or_default();
            match rest.split_once('|') {
                Some((_, command)) => found.shell(&Value::text(command.trim_end_matches(['"', '\'']))),
                None => found.effect(EffectKind::Read, &path(source), false),
            }
            found.effect_on(EffectKind::DatabaseChange, None, false);
        }
        "backup" | "save" | "clone" | "archive" | "ar" => found.effect(EffectKind::Write, &path(rest), false),
        "restore" | "recover" => found.effect_on(EffectKind::DatabaseChange, None, false),
        "excel_" => {}
        shows if SQLITE_SHOWS.iter().any(|known| known.starts_with(shows)) => {}
        _ => found.opaque(),
    }
}

/// A file, or a command behind a bar.
fn output(rest: &str, found: &mut Findings) {
    let rest = rest.trim().trim_matches(['"', '\'']);
    match rest.strip_prefix('|') {
        Some(command) => found.shell(&Value::text(command.trim())),
        None if rest.is_empty() || matches!(rest, "stdout" | "off" | "stderr" | "-e" | "-x") => {}
        None => found.effect(EffectKind::Write, &path(rest), false),
    }
}

/// `\command arguments` of psql, and of mysql.
fn backslash(reader: &mut Reader<'_>, found: &mut Findings) -> bool {
    let mut ahead = *reader;
    ahead.bump();
    if ahead.eat("!") {
        let command = ahead.line().trim();
        found.shell(&Value::text(command));
    } else if ahead.eat(".") {
        found.effect(EffectKind::Execute, &path(ahead.line()), false);
    } else {
        let name = ahead.take_while(|char| char.is_ascii_alphabetic() || matches!(char, '+' | '?' | '_'));
        // What a command is given ends with the line, or with the next command.
        let rest = ahead.take_while(|char| !matches!(char, '\n' | '\\'));
        if !meta(name, rest.trim(), found) {
            return false;
        }
    }
    *reader = ahead;
    true
}

fn meta(name: &str, rest: &str, found: &mut Findings) -> bool {
    match name {
        "copy" => copy(rest, found),
        "o" | "out" | "g" | "gx" | "w" | "write" | "s" | "T" => output(rest, found),
        "i" | "ir" | "include" | "include_relative" => found.effect(EffectKind::Execute, &path(rest), false),
        "P" => found.shell(&Value::text(rest)),
        "gexec" | "setenv" => found.runs_unknown(),
        "e" | "edit" | "ef" | "ev" => found.opaque(),
        "lo_import" | "lo_unlink" => found.effect_on(EffectKind::DatabaseChange, None, false),
        "lo_export" => found.effect(EffectKind::Write, &path(rest), false),
        "password" => found.effect_on(EffectKind::Account, None, false),
        "" | "n" | "r" | "t" | "'" => return false,
        name if name.starts_with(['d', 'l', 'z', 's']) => {}
        "q" | "x" | "pset" | "timing" | "c" | "connect" | "conninfo" | "encoding" | "echo" | "h" | "help" | "a"
        | "f" | "H" | "C" | "p" | "gdesc" | "if" | "else" | "endif" | "unset" | "watch" | "warn" | "qecho"
        | "errverbose" | "G" | "u" | "W" => {}
        _ => found.opaque(),
    }
    // A name in backquotes is what a command prints.
    if let Some((_, command)) = rest.split_once('`') {
        found.shell(&Value::text(command.trim_end_matches('`')));
    }
    true
}

/// `\copy table from program 'command'`.
fn copy(rest: &str, found: &mut Findings) {
    let lower = rest.to_ascii_lowercase();
    let at = |word: &str| lower.find(word).and_then(|at| rest.get(at + word.len()..)).map(str::trim);
    if let Some(command) = at(" program ") {
        return found.shell(&Value::text(command.trim_matches('\'')));
    }
    match (at(" to "), at(" from ")) {
        (Some(file), _) if !file.to_ascii_lowercase().starts_with("std") => {
            found.effect(EffectKind::Write, &path(file), false)
        }
        (None, Some(file)) => {
            found.effect(EffectKind::Read, &path(file), false);
            found.effect_on(EffectKind::DatabaseChange, None, false);
        }
        _ => {}
    }
}

fn path(text: &str) -> Value {
    let word = text.trim().trim_end_matches(';').split_whitespace().next().unwrap_or_default();
    Value::text(word.trim_matches(['"', '\'']))
}
