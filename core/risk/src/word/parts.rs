//! Receives a raw word, gives its parts: literal text, quoted or not, and what is still to be expanded.

use ogent_protocol::verdict::Provenance;

/// A part of a word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// Text as it is.
    Text {
        /// The text.
        text: String,
        /// Whether patterns and tildes in it are just text.
        quoted: bool,
        /// Whether it was written in a coded form.
        decoded: bool,
    },
    /// `$x`, `${x…}`: what stands between the braces.
    Param {
        /// What stands there.
        body: String,
        /// Whether the value stays one word.
        quoted: bool,
    },
    /// `$(…)`, `` `…` ``: the commands.
    Command {
        /// The commands.
        code: String,
        /// Where they begin in the raw word, where they stand there as they are.
        at: Option<usize>,
        /// Whether what they print stays one word.
        quoted: bool,
    },
    /// `$((…))`.
    Arithmetic(String),
    /// `<(…)`, `>(…)`.
    Process {
        /// The commands.
        code: String,
        /// Where they begin in the raw word.
        at: usize,
        /// Whether the command writes to it.
        writes: bool,
    },
}

impl Part {
    pub(crate) fn source(&self) -> Provenance {
        match self {
            Self::Text { decoded: true, .. } => Provenance::Decoded,
            _ => Provenance::Literal,
        }
    }
}

/// Takes a raw word apart.
pub(crate) fn split(raw: &str) -> Vec<Part> {
    Splitter { raw, at: 0, parts: Vec::new() }.run(false)
}

/// Takes the inside of a here-document or of double quotes apart.
pub(crate) fn split_quoted(raw: &str) -> Vec<Part> {
    Splitter { raw, at: 0, parts: Vec::new() }.run(true)
}

struct Splitter<'a> {
    raw: &'a str,
    at: usize,
    parts: Vec<Part>,
}

impl Splitter<'_> {
    fn run(mut self, quoted: bool) -> Vec<Part> {
        while let Some(c) = self.peek() {
            match c {
                '\\' if quoted => self.escape_quoted(),
                '\\' => self.escape(),
                '\'' if !quoted => self.single(),
                '"' if !quoted => self.double(),
                '`' => self.backticks(quoted),
                '$' => self.dollar(quoted),
                '<' | '>' if !quoted && self.byte(1) == Some(b'(') => self.process(c == '>'),
                c => {
                    self.text(c, quoted);
                    self.at += c.len_utf8();
                }
            }
        }
        self.parts
    }

    fn peek(&self) -> Option<char> {
        self.raw.get(self.at..)?.chars().next()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.raw.as_bytes().get(self.at + ahead).copied()
    }

    fn text(&mut self, c: char, quoted: bool) {
        if let Some(Part::Text { text, quoted: same, decoded: false }) = self.parts.last_mut()
            && *same == quoted
        {
            text.push(c);
            return;
        }
        self.parts.push(Part::Text { text: c.to_string(), quoted, decoded: false });
    }

    fn whole(&mut self, text: String, decoded: bool) {
        self.parts.push(Part::Text { text, quoted: true, decoded });
    }

    fn escape(&mut self) {
        self.at += 1;
        if let Some(c) = self.peek() {
            self.at += c.len_utf8();
            if c != '\n' {
                self.text(c, true);
            }
        }
    }

    fn escape_quoted(&mut self) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(c @ ('$' | '`' | '"' | '\\')) => {
                self.text(c, true);
                self.at += 1;
            }
            _ => self.text('\\', true),
        }
    }

    fn single(&mut self) {
        let from = self.at + 1;
        let end = self.raw.get(from..).and_then(|rest| rest.find('\'')).map_or(self.raw.len(), |at| from + at);
        let text = self.raw.get(from..end).unwrap_or_default().to_owned();
        self.whole(text, false);
        self.at = (end + 1).min(self.raw.len());
    }

    fn double(&mut self) {
        let end = skip_double(self.raw, self.at);
        let from = self.at + 1;
        let inner = self.raw.get(from..end.saturating_sub(1).max(from)).unwrap_or_default();
        let mut parts = Splitter { raw: inner, at: 0, parts: Vec::new() }.run(true);
        for part in &mut parts {
            match part {
                Part::Command { at: Some(at), .. } | Part::Process { at, .. } => *at += from,
                _ => {}
            }
        }
        if parts.is_empty() {
            self.whole(String::new(), false);
        }
        self.parts.append(&mut parts);
        self.at = end;
    }

    fn backticks(&mut self, quoted: bool) {
        let bytes = self.raw.as_bytes();
        let mut end = self.at + 1;
        while let Some(byte) = bytes.get(end) {
            match byte {
                b'`' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let from = self.at + 1;
        let inner = self.raw.get(from..end.min(self.raw.len())).unwrap_or_default();
        let plain = !inner.contains('\\');
        let code = if plain { inner.to_owned() } else { unescape_backticks(inner, quoted) };
        self.parts.push(Part::Command { code, at: plain.then_some(from), quoted });
        self.at = (end + 1).min(self.raw.len());
    }

    fn dollar(&mut self, quoted: bool) {
        match self.byte(1) {
            Some(b'(') if self.byte(2) == Some(b'(') && self.raw.get(self.at..).is_some_and(is_arithmetic) => {
                let end = skip_parens(self.raw, self.at + 1);
                let inner = self.raw.get(self.at + 3..end.saturating_sub(2)).unwrap_or_default().to_owned();
                self.parts.push(Part::Arithmetic(inner));
                self.at = end;
            }
            Some(b'(') => {
                let end = skip_parens(self.raw, self.at + 1);
                let from = self.at + 2;
                let code = self.raw.get(from..end.saturating_sub(1).max(from)).unwrap_or_default().to_owned();
                self.parts.push(Part::Command { code, at: Some(from), quoted });
                self.at = end;
            }
            Some(b'[') => {
                let end =
                    self.raw.get(self.at..).and_then(|rest| rest.find(']')).map_or(self.raw.len(), |n| self.at + n + 1);
                let inner = self.raw.get(self.at + 2..end.saturating_sub(1)).unwrap_or_default().to_owned();
                self.parts.push(Part::Arithmetic(inner));
                self.at = end;
            }
            Some(b'{') => {
                let end = skip_brace(self.raw, self.at + 1);
                let body = self.raw.get(self.at + 2..end.saturating_sub(1)).unwrap_or_default().to_owned();
                self.parts.push(Part::Param { body, quoted });
                self.at = end;
            }
            Some(b'\'') if !quoted => {
                let from = self.at + 2;
                let end = skip_ansi(self.raw, from);
                let inner = self.raw.get(from..end.saturating_sub(1).max(from)).unwrap_or_default();
                let text = crate::decode::ansi_c(inner);
                let decoded = text != inner;
                self.whole(text, decoded);
                self.at = end;
            }
            Some(b'"') if !quoted => {
                self.at += 1;
                self.double();
            }
            Some(byte) if byte == b'_' || byte.is_ascii_alphanumeric() || b"@*#?$!-".contains(&byte) => {
                let rest = self.raw.get(self.at + 1..).unwrap_or_default();
                let name_len = rest.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
                let len = if byte == b'_' || byte.is_ascii_alphabetic() { name_len } else { 1 };
                let body = rest.get(..len).unwrap_or_default().to_owned();
                self.parts.push(Part::Param { body, quoted });
                self.at += 1 + len;
            }
            _ => {
                self.text('$', true);
                self.at += 1;
            }
        }
    }

    fn process(&mut self, writes: bool) {
        let end = skip_parens(self.raw, self.at + 1);
        let from = self.at + 2;
        let code = self.raw.get(from..end.saturating_sub(1).max(from)).unwrap_or_default().to_owned();
        self.parts.push(Part::Process { code, at: from, writes });
        self.at = end;
    }
}

/// `$((…))` ends with two brackets at once; `$((a); b)` is a command.
fn is_arithmetic(text: &str) -> bool {
    let end = skip_parens(text, 1);
    let inner = skip_parens(text, 2);
    text.get(..end).is_some_and(|all| all.ends_with("))")) && inner + 1 == end
}

fn unescape_backticks(inner: &str, quoted: bool) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next @ ('`' | '\\' | '$')) if c == '\\' => {
                out.push(*next);
                chars.next();
            }
            Some('"') if c == '\\' && quoted => {
                out.push('"');
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Where the thing has ended that begins at `at`: a quoted text, an expansion, or one character.
pub(crate) fn skip_quoted(raw: &str, at: usize) -> usize {
    let bytes = raw.as_bytes();
    match bytes.get(at) {
        Some(b'\\') => at + 1 + raw.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8),
        Some(b'\'') => raw.get(at + 1..).and_then(|rest| rest.find('\'')).map_or(raw.len(), |n| at + n + 2),
        Some(b'"') => skip_double(raw, at),
        Some(b'`') => skip_backticks(raw, at),
        Some(b'$') => match bytes.get(at + 1) {
            Some(b'(') => skip_parens(raw, at + 1),
            Some(b'{') => skip_brace(raw, at + 1),
            Some(b'\'') => skip_ansi(raw, at + 2),
            _ => at + 1,
        },
        Some(byte) if byte.is_ascii() => at + 1,
        Some(_) => at + raw.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8),
        None => at + 1,
    }
}

fn skip_backticks(raw: &str, at: usize) -> usize {
    let bytes = raw.as_bytes();
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'`' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    raw.len()
}

fn skip_ansi(raw: &str, from: usize) -> usize {
    let bytes = raw.as_bytes();
    let mut end = from;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\'' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    raw.len()
}

fn skip_double(raw: &str, at: usize) -> usize {
    let bytes = raw.as_bytes();
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\'' => end += 1,
            _ => end = skip_quoted(raw, end),
        }
    }
    raw.len()
}

/// Where the bracket is closed that opens at `open`.
pub(crate) fn skip_parens(raw: &str, open: usize) -> usize {
    skip_pair(raw, open, b'(', b')')
}

fn skip_brace(raw: &str, open: usize) -> usize {
    skip_pair(raw, open, b'{', b'}')
}

fn skip_pair(raw: &str, open: usize, opening: u8, closing: u8) -> usize {
    let bytes = raw.as_bytes();
    let (mut depth, mut at) = (0_u32, open);
    // The patterns of a `case` end with a bracket that nothing opens.
    let mut cases: Vec<u32> = Vec::new();
    while let Some(byte) = bytes.get(at) {
        if opening == b'(' && is_word(bytes, at, b"case") {
            cases.push(depth);
            at += 4;
        } else if opening == b'(' && is_word(bytes, at, b"esac") {
            cases.pop();
            at += 4;
        } else if *byte == closing && cases.last() == Some(&depth) {
            at += 1;
        } else if *byte == opening {
            depth += 1;
            at += 1;
        } else if *byte == closing {
            depth = depth.saturating_sub(1);
            at += 1;
            if depth == 0 {
                return at;
            }
        } else if *byte == b'#' && opening == b'(' && at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_whitespace) {
            at = raw.get(at..).and_then(|rest| rest.find('\n')).map_or(raw.len(), |n| at + n);
        } else {
            at = skip_quoted(raw, at);
        }
    }
    raw.len()
}

/// Whether a word stands there, and not in another one.
fn is_word(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    let boundary = |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii_whitespace() || b";&|(){}".contains(byte));
    bytes.get(at..).is_some_and(|rest| rest.starts_with(word))
        && boundary(at.checked_sub(1).and_then(|before| bytes.get(before)))
        && boundary(bytes.get(at + word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(raw: &str) -> String {
        let parts = split(raw).into_iter().map(|part| match part {
            Part::Text { text, quoted: false, .. } => text,
            Part::Text { text, quoted: true, .. } => format!("'{text}'"),
            Part::Param { body, quoted } => format!("<{body}{}>", if quoted { "!" } else { "" }),
            Part::Command { code, .. } => format!("({code})"),
            Part::Arithmetic(text) => format!("[{text}]"),
            Part::Process { code, writes, .. } => format!("{}({code})", if writes { '>' } else { '<' }),
        });
        parts.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn words_come_apart_as_in_bash() {
        for (raw, expected) in [
            ("rm", "rm"),
            (r#"r"m""#, "r|'m'"),
            (r"\rm", "'r'|m"),
            ("r''m", "r|''|m"),
            (r"$'\x72\x6d'", "'rm'"),
            ("$HOME/x", "<HOME>|/x"),
            (r#""$HOME/x""#, "<HOME!>|'/x'"),
            ("${x:-rm}", "<x:-rm>"),
            (r#""a$(echo ")")b""#, r#"'a'|(echo ")")|'b'"#),
            ("`echo \\`x\\``", "(echo `x`)"),
            ("$((1+(2*3)))", "[1+(2*3)]"),
            ("$((a); b)", "((a); b)"),
            ("<(ls)", "<(ls)"),
            ("a$", "a|'$'"),
            ("$1$@$#", "<1>|<@>|<#>"),
            ("$abc-d", "<abc>|-d"),
            ("${a[${b}]}", "<a[${b}]>"),
            ("$(case x in x) y;; (z) w;; esac)v", "(case x in x) y;; (z) w;; esac)|v"),
            ("$(echo case)", "(echo case)"),
        ] {
            assert_eq!(show(raw), expected, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(raw in "[a-z$(){}\\[\\]'\"`\\\\<># \\n\u{e9}]{0,60}") {
            let _ = (split(&raw), split_quoted(&raw), crate::word::braces::expand(&raw));
        }
    }
}
