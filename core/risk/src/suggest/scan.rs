//! The parts of a word, with regard to its quotes.

use std::ops::Range;

/// A part of a text that is expanded. Places are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// `$name` or `${name}`, and nothing more in the braces.
    Variable { range: Range<usize>, name: Range<usize>, quoted: bool },
    /// `${name…}` with more in the braces, and `$((…))`.
    Other { range: Range<usize>, quoted: bool },
    /// `$(…)`.
    Substitution { range: Range<usize>, inner: Range<usize>, quoted: bool },
    /// `` `…` ``.
    Backticks { range: Range<usize>, inner: Range<usize> },
}

/// What a word means, where nothing in it is expanded.
pub(super) fn literal(raw: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = raw.chars();
    let mut quoted = false;
    while let Some(char) = chars.next() {
        match char {
            '\'' if !quoted => loop {
                match chars.next()? {
                    '\'' => break,
                    char => text.push(char),
                }
            },
            '"' => quoted = !quoted,
            '\\' => {
                let next = chars.next()?;
                if quoted && !matches!(next, '"' | '\\' | '$' | '`') {
                    text.push('\\');
                }
                text.push(next);
            }
            '$' | '`' => return None,
            '*' | '?' | '[' | '{' | '~' | '(' | ')' | '<' | '>' if !quoted => {
                // A brace or a bracket alone means nothing: `{}`, `[`.
                if !matches!(raw, "{}" | "[" | "{") {
                    return None;
                }
                text.push(char);
            }
            char => text.push(char),
        }
    }
    (!quoted).then_some(text)
}

/// Whether there is a pattern for names of files in a word, outside of quotes.
pub(super) fn has_glob(raw: &str) -> bool {
    let mut quote = None;
    let mut chars = raw.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (None | Some('"'), '\\') => drop(chars.next()),
            (None, '\'' | '"') => quote = Some(char),
            (Some(mark), _) if mark == char => quote = None,
            (None, '*' | '?' | '[') => return true,
            _ => {}
        }
    }
    false
}

/// What is expanded in a text of shell, in the order in which it stands there.
pub(super) fn parts(raw: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut quoted = false;
    let mut chars = raw.char_indices();
    while let Some((at, char)) = chars.next() {
        let part = match char {
            '\\' => {
                chars.next();
                continue;
            }
            '\'' if !quoted => {
                chars.by_ref().find(|(_, char)| *char == '\'');
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            '`' => backticks(raw, at),
            '$' => dollar(raw, at, quoted),
            _ => continue,
        };
        let Some(part) = part else { continue };
        let end = match &part {
            Part::Variable { range, .. } | Part::Other { range, .. } => range.end,
            Part::Substitution { range, .. } | Part::Backticks { range, .. } => range.end,
        };
        let length = raw.get(at + 1..end).map_or(0, |passed| passed.chars().count());
        if length > 0 {
            chars.nth(length - 1);
        }
        parts.push(part);
    }
    parts
}

fn backticks(raw: &str, at: usize) -> Option<Part> {
    let mut escaped = false;
    let rest = raw.get(at + 1..)?;
    let end = rest.char_indices().find(|(_, char)| {
        let closes = *char == '`' && !escaped;
        escaped = *char == '\\' && !escaped;
        closes
    })?;
    let end = at + 1 + end.0;
    Some(Part::Backticks { range: at..end + 1, inner: at + 1..end })
}

fn dollar(raw: &str, at: usize, quoted: bool) -> Option<Part> {
    let rest = raw.get(at + 1..)?;
    if rest.starts_with("((") {
        let end = closing(raw, at + 1)?;
        return Some(Part::Other { range: at..end + 1, quoted });
    }
    if rest.starts_with('(') {
        let end = closing(raw, at + 1)?;
        return Some(Part::Substitution { range: at..end + 1, inner: at + 2..end, quoted });
    }
    if let Some(braced) = rest.strip_prefix('{') {
        let length = name_length(braced);
        if length > 0 && braced.get(length..)?.starts_with('}') {
            return Some(Part::Variable { range: at..at + length + 3, name: at + 2..at + 2 + length, quoted });
        }
        let end = closing(raw, at + 1)?;
        return Some(Part::Other { range: at..end + 1, quoted });
    }
    let length = name_length(rest);
    (length > 0).then(|| Part::Variable { range: at..at + 1 + length, name: at + 1..at + 1 + length, quoted })
}

/// The length of the name of a variable; `@` and `*` count as names.
fn name_length(text: &str) -> usize {
    match text.chars().next() {
        Some('@' | '*' | '0'..='9') => 1,
        Some(char) if char.is_ascii_alphabetic() || char == '_' => {
            text.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(text.len())
        }
        _ => 0,
    }
}

/// Where the bracket ends that opens at `at`.
fn closing(raw: &str, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut chars = raw.get(at..)?.char_indices();
    while let Some((offset, char)) = chars.next() {
        match (quote, char) {
            (None | Some('"'), '\\') => drop(chars.next()),
            (None, '\'' | '"') => quote = Some(char),
            (Some(mark), _) if mark == char => quote = None,
            (None, '(' | '{') => depth += 1,
            (None, ')' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + offset);
                }
            }
            _ => {}
        }
    }
    None
}
