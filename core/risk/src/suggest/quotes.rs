//! Variables that should be quoted, or must not be empty, and backticks.

use ogent_protocol::verdict::SuggestionKind::{Safer, Sturdier};

use super::call::{Arg, Call};
use super::line::{Draft, Edit};
use super::scan::{self, Part};

/// Programs that change something, so that a word too many does harm.
const CHANGING: &[&str] = &[
    "rm", "rmdir", "mv", "cp", "chmod", "chown", "chgrp", "ln", "mkdir", "touch", "tee", "dd", "truncate", "shred",
    "install", "kill", "unlink", "rsync", "tar", "[", "test", "cd", "find", "sed", "git",
];

/// Variables that hold several words on purpose.
const LISTS: &[&str] = &["OPT", "FLAG", "ARG", "PARAM", "LIST", "FILES", "PIDS"];

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    if call.is(CHANGING) {
        let edits: Vec<Edit> = call.args.iter().flat_map(unquoted).collect();
        if !edits.is_empty() {
            let kind = if call.is(&["rm", "mv", "cp", "chmod", "chown", "rsync", "dd"]) { Safer } else { Sturdier };
            drafts.push(Draft::new(kind, "a variable in quotes stays one word, whatever is in it", edits));
        }
    }
    let below = match call.name.as_str() {
        "rm" | "rmdir" | "shred" => true,
        "chmod" | "chown" | "chgrp" => call.has('R', &["--recursive"]),
        "find" => call.args.iter().any(|arg| arg.raw == "-delete" || arg.raw == "rm"),
        _ => false,
    };
    if below {
        let found: Vec<Option<Edit>> = call.args.iter().map(may_be_empty).collect();
        if found.iter().any(Option::is_some) {
            let others =
                call.args.iter().zip(&found).filter(|(_, edit)| edit.is_none()).flat_map(|(arg, _)| unquoted(arg));
            let edits: Vec<Edit> = others.chain(found.iter().flatten().cloned()).collect();
            drafts.push(Draft::new(
                Safer,
                "stops where the variable is empty, instead of doing it somewhere else",
                edits,
            ));
        }
    }
    backticks(call, drafts);
}

/// Quotes around the variables of a word that have none.
fn unquoted(arg: &Arg<'_>) -> Vec<Edit> {
    let edit = |part: Part| match part {
        Part::Variable { range, name, quoted: false } => {
            let name = arg.raw.get(name)?;
            let several = name != "@" && (name == "*" || LISTS.iter().any(|list| name.to_uppercase().contains(list)));
            let text = arg.raw.get(range.clone())?;
            let place = arg.range.start + range.start..arg.range.start + range.end;
            (!several).then(|| Edit::replace(place, format!("\"{text}\"")))
        }
        _ => None,
    };
    scan::parts(arg.raw).into_iter().filter_map(edit).collect()
}

/// `"$DIR"/…`, `$DIR/*`, `"$DIR/…"`: a path that begins with a variable.
fn may_be_empty(arg: &Arg<'_>) -> Option<Edit> {
    let Part::Variable { range, name, quoted } = scan::parts(arg.raw).into_iter().next()? else { return None };
    let name = arg.raw.get(name)?;
    if name.len() == 1 && !name.starts_with(|char: char| char.is_ascii_alphanumeric()) || matches!(name, "HOME" | "PWD")
    {
        return None;
    }
    let begins = arg.raw.get(..range.start)?;
    let after = arg.raw.get(range.end..)?;
    let path = after.starts_with('/') || after.starts_with("\"/") || after.is_empty() || after == "\"";
    if !path || !matches!(begins, "" | "\"") {
        return None;
    }
    let text = if quoted { format!("${{{name}:?}}") } else { format!("\"${{{name}:?}}\"") };
    Some(Edit::replace(arg.range.start + range.start..arg.range.start + range.end, text))
}

/// `` `command` `` is `$(command)`, which can be nested and read.
fn backticks(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let mut edits = Vec::new();
    for arg in std::iter::once(&call.program).chain(&call.args) {
        for part in scan::parts(arg.raw) {
            let Part::Backticks { range, inner } = part else { continue };
            let Some(inner) = arg.raw.get(inner).filter(|inner| !inner.contains('\\')) else { continue };
            edits
                .push(Edit::replace(arg.range.start + range.start..arg.range.start + range.end, format!("$({inner})")));
        }
    }
    if !edits.is_empty() {
        drafts.push(Draft::new(Sturdier, "$(…) can be nested and keeps quotes apart; backticks do neither", edits));
    }
}
