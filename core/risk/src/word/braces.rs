//! Receives a raw word, gives the raw words that brace expansion makes of it: `{a,b}`, `{1..3}`.

use crate::limits::MAX_FIELDS;
use crate::word::parts::skip_quoted;

/// Expands the braces of a raw word. Without braces it gives the word back.
pub(crate) fn expand(raw: &str) -> Vec<String> {
    if !raw.contains('{') || !(raw.contains(',') || raw.contains("..")) {
        return vec![raw.to_owned()];
    }
    let mut out = Vec::new();
    expand_into(raw, &mut out, 0);
    out
}

fn expand_into(raw: &str, out: &mut Vec<String>, depth: u8) {
    if out.len() >= MAX_FIELDS {
        return;
    }
    let found = if depth > 64 { None } else { first_group(raw) };
    let Some((start, end, items)) = found else {
        out.push(raw.to_owned());
        return;
    };
    let (head, tail) = (raw.get(..start).unwrap_or_default(), raw.get(end..).unwrap_or_default());
    for item in items {
        expand_into(&format!("{head}{item}{tail}"), out, depth + 1);
    }
}

/// The first group that braces make: where it is, and what it stands for.
fn first_group(raw: &str) -> Option<(usize, usize, Vec<String>)> {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                if let Some((end, items)) = group(raw, at) {
                    return Some((at, end, items));
                }
                at += 1;
            }
            _ => at = skip_quoted(raw, at),
        }
    }
    None
}

fn group(raw: &str, open: usize) -> Option<(usize, Vec<String>)> {
    let bytes = raw.as_bytes();
    let (mut depth, mut at, mut from) = (0_u32, open, open + 1);
    let mut items = Vec::new();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                depth += 1;
                at += 1;
            }
            b'}' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    let last = raw.get(from..at - 1)?;
                    if items.is_empty() {
                        return Some((at, sequence(last)?));
                    }
                    items.push(last.to_owned());
                    return Some((at, items));
                }
            }
            b',' if depth == 1 => {
                items.push(raw.get(from..at)?.to_owned());
                at += 1;
                from = at;
            }
            b' ' | b'\t' | b'\n' => return None,
            _ => at = skip_quoted(raw, at),
        }
    }
    None
}

/// `1..5`, `a..e`, `1..10..2`.
fn sequence(text: &str) -> Option<Vec<String>> {
    let mut parts = text.split("..");
    let (first, last, step) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let step: i64 = step.map_or(Some(1), |step| step.parse().ok())?;
    let step = step.saturating_abs().max(1);
    if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
        return Some(numbers(first, last, step).map(|number| number.to_string()).collect());
    }
    let letter = |text: &str| text.parse::<char>().ok().filter(char::is_ascii);
    let (first, last) = (letter(first)?, letter(last)?);
    let letters = numbers(i64::from(u32::from(first)), i64::from(u32::from(last)), step);
    Some(letters.filter_map(|n| u8::try_from(n).ok()).map(|byte| char::from(byte).to_string()).collect())
}

fn numbers(first: i64, last: i64, step: i64) -> impl Iterator<Item = i64> {
    let towards = if first <= last { step } else { -step };
    std::iter::successors(Some(first), move |n| n.checked_add(towards))
        .take_while(move |n| if first <= last { *n <= last } else { *n >= last })
        .take(MAX_FIELDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_expand_as_in_bash() {
        for (raw, expected) in [
            ("a", "a"),
            ("{rm,-rf,/}", "rm -rf /"),
            ("x{a,b}y", "xay xby"),
            ("{a,{b,c}}", "a b c"),
            ("{1..3}", "1 2 3"),
            ("{c..a}", "c b a"),
            ("{1..9..4}", "1 5 9"),
            ("{a}", "{a}"),
            ("'{a,b}'", "'{a,b}'"),
            ("${x:-{a,b}}", "${x:-{a,b}}"),
            ("{'a,b',c}", "'a,b' c"),
            ("{}", "{}"),
            ("{,}", " "),
        ] {
            assert_eq!(expand(raw).join(" "), expected, "{raw}");
        }
    }

    #[test]
    fn they_end() {
        assert_eq!(expand(&"{a,b}".repeat(30)).len(), MAX_FIELDS);
        assert!(expand("{1..99999999999}").len() <= MAX_FIELDS);
        assert!(expand(&"{".repeat(5000)).len() == 1);
    }
}
