//! Receives a text, gives its syntax tree, or says where it is no shell. Bounds what the parser gets to see.

use ogent_protocol::verdict::{Span, SyntaxError};
use rable::Node;

use crate::limits::{MAX_LINE_BYTES, MAX_LIST, MAX_NESTING, MAX_SEPARATORS};

/// Why there is no tree.
#[derive(Debug)]
pub(crate) enum NoTree {
    /// It is not shell.
    Invalid(SyntaxError),
    /// It is more than is looked at.
    TooMuch(&'static str),
}

/// Parses a text.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, NoTree> {
    if let Some(problem) = too_much(text) {
        return Err(NoTree::TooMuch(problem));
    }
    match rable::parse(text, true) {
        Ok(nodes) => match nodes.iter().find_map(empty_redirect) {
            Some(node) => Err(NoTree::Invalid(SyntaxError {
                message: "a redirection leads nowhere".to_owned(),
                span: byte_span(text, node.span.start, node.span.end),
            })),
            None => Ok(nodes),
        },
        Err(error) => {
            let span = byte_span(text, error.pos(), error.pos() + 1);
            Err(NoTree::Invalid(SyntaxError { message: error.message().to_owned(), span }))
        }
    }
}

/// Places in characters as places in bytes.
pub(crate) fn byte_span(text: &str, start: usize, end: usize) -> Span {
    if text.is_ascii() {
        return Span::new(start.min(text.len()), end.min(text.len()));
    }
    let byte = |wanted: usize| text.char_indices().nth(wanted).map_or(text.len(), |(at, _)| at);
    Span::new(byte(start), byte(end))
}

fn too_much(text: &str) -> Option<&'static str> {
    if text.len() > MAX_LINE_BYTES {
        return Some("it is too long to be looked at");
    }
    let (mut depth, mut deepest, mut separators) = (0_usize, 0_usize, 0_usize);
    if text.matches('!').count() > MAX_SEPARATORS / 4 {
        return Some("it has too many negations to be looked at");
    }
    let conditions = text.matches("&&").count() + text.matches("||").count();
    let lists = text.matches(';').count() + text.matches('&').count() - 2 * text.matches("&&").count();
    if conditions.max(lists) > MAX_LIST {
        return Some("it has too many commands in one list to be looked at");
    }
    for byte in text.bytes() {
        match byte {
            b'(' | b'{' | b'[' => depth += 1,
            b')' | b'}' | b']' => depth = depth.saturating_sub(1),
            b';' | b'&' | b'|' | b'\n' => separators += 1,
            0 => return Some("it has a zero byte in it"),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > MAX_NESTING || text.matches('`').count() > 4 * MAX_NESTING || keyword_depth(text) > MAX_NESTING {
        return Some("it is nested too deeply to be looked at");
    }
    (separators > MAX_SEPARATORS).then_some("it has too many commands to be looked at")
}

/// How deeply `if`, loops and `case` stand in each other, as far as words tell. Some of them may be arguments, which only makes it more.
fn keyword_depth(text: &str) -> usize {
    let words = text.split(|c: char| c.is_whitespace() || ";&|(){}`".contains(c));
    let (mut depth, mut deepest, mut prefixes) = (0_usize, 0, 0);
    for word in words.filter(|word| !word.is_empty()) {
        match word {
            "if" | "while" | "until" | "for" | "case" | "select" => depth += 1,
            "fi" | "done" | "esac" => depth = depth.saturating_sub(1),
            _ => {}
        }
        // These nest as well, each in the one before it.
        prefixes = if matches!(word, "!" | "time" | "coproc") { prefixes + 1 } else { 0 };
        deepest = deepest.max(depth + prefixes);
    }
    deepest
}

/// The parser lets a redirection without a target through.
fn empty_redirect(node: &Node) -> Option<&Node> {
    use rable::NodeKind as K;
    match &node.kind {
        K::Redirect { target, .. } => match &target.kind {
            K::Word { value, .. } if value.is_empty() => Some(node),
            _ => None,
        },
        K::Command { redirects, .. } | K::Subshell { redirects, .. } | K::BraceGroup { redirects, .. } => {
            redirects.iter().find_map(empty_redirect)
        }
        K::Pipeline { commands, .. } => commands.iter().find_map(empty_redirect),
        K::List { items } => items.iter().find_map(|item| empty_redirect(&item.command)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_is_told_from_what_is_not() {
        for good in ["ls", "a | b && c; d &", "if true; then x; fi", "x=(1 2)", "cat <<E\nx\nE", "echo é > x"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["echo 'x", "if true", "a | | b", ")", "x >", "$(", "for"] {
            assert!(matches!(parse(bad), Err(NoTree::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn too_much_is_not_looked_at() {
        for much in ["(".repeat(100), "a;".repeat(100_000), "x".repeat(100_000), "$(".repeat(3000), "a\0b".to_owned()] {
            assert!(matches!(parse(&much), Err(NoTree::TooMuch(_))));
        }
    }
}
