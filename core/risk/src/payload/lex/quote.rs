//! What stands between quotes.

use super::Lexer;
use crate::payload::Language;
use crate::payload::reader::{Reader, is_word, is_word_start};
use crate::payload::text::code_point;
use crate::payload::token::Piece;

/// How a string is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Only the closing quote can be escaped: `'…'` of Perl, Ruby, PHP.
    Single,
    /// Nothing is an escape, though a backslash keeps the quote from closing: `r'…'`, a regular expression.
    Raw,
    /// Escapes, no code.
    Escaped,
    /// Escapes, and code of the language.
    Full,
    /// No escapes, but code of the language: a regular expression of Perl or Ruby.
    RawFull,
}

impl Style {
    fn escapes(self) -> bool {
        matches!(self, Self::Escaped | Self::Full)
    }

    fn code(self) -> bool {
        matches!(self, Self::Full | Self::RawFull)
    }
}

/// Collects the pieces of a string.
#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
    text: String,
}

impl Pieces {
    fn code(&mut self, code: &str) {
        self.flush();
        self.done.push(Piece::Code(code.to_owned()));
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.done.push(Piece::Text(std::mem::take(&mut self.text)));
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.flush();
        self.done
    }
}

/// What closes what a character opens.
pub(in crate::payload) fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        other => other,
    }
}

impl Lexer<'_> {
    /// A string up to `end`, behind its opening quote. Brackets nest.
    pub(super) fn string(&mut self, open: char, end: &str, style: Style) -> Option<Vec<Piece>> {
        let nests = end.chars().ne([open]) && "([{<".contains(open);
        let mut depth = 0_usize;
        let mut pieces = Pieces::default();
        loop {
            if depth == 0 && self.reader.eat(end) {
                return Some(pieces.finish());
            }
            if style.code() && self.interpolation(&mut pieces)? {
                continue;
            }
            match self.reader.bump()? {
                '\\' => self.escape(&mut pieces.text, end, style)?,
                char => {
                    depth += usize::from(nests && char == open);
                    depth -= usize::from(nests && end.starts_with(char));
                    pieces.text.push(char);
                }
            }
        }
    }

    /// The pieces of a text of which all is known, such as that of a here-document.
    pub(super) fn whole(&self, text: &str, style: Style) -> Vec<Piece> {
        let mut lexer = Lexer::over(self.language, text);
        let mut pieces = Pieces::default();
        while !lexer.reader.is_empty() {
            if style.code() && lexer.interpolation(&mut pieces) == Some(true) {
                continue;
            }
            match lexer.reader.bump() {
                Some('\\') if style.escapes() => drop(lexer.escape(&mut pieces.text, "\0", style)),
                Some(char) => pieces.text.push(char),
                None => {}
            }
        }
        pieces.finish()
    }

    fn escape(&mut self, text: &mut String, end: &str, style: Style) -> Option<()> {
        let escaped = self.reader.bump()?;
        if !style.escapes() {
            if style != Style::Single || !(escaped == '\\' || end.starts_with(escaped)) {
                text.push('\\');
            }
            text.push(escaped);
            return Some(());
        }
        match escaped {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'a' | 'b' | 'f' | 'v' | 'e' => text.push(' '),
            '\n' => {}
            'z' if self.language == Language::Lua => drop(self.reader.take_while(char::is_whitespace)),
            '0'..='9' if self.language == Language::Lua => {
                text.extend(code_point(&mut self.reader, 10, 2, Some(escaped)))
            }
            '0'..='7' => text.extend(code_point(&mut self.reader, 8, 2, Some(escaped))),
            'x' | 'u' | 'U' if self.reader.eat("{") => {
                text.extend(code_point(&mut self.reader, 16, 8, None));
                self.reader.eat("}");
            }
            'x' => text.extend(code_point(&mut self.reader, 16, 2, None)),
            'u' => text.extend(code_point(&mut self.reader, 16, 4, None)),
            'U' => text.extend(code_point(&mut self.reader, 16, 8, None)),
            other => {
                // Python keeps the backslash of what is no escape; it is only of use in patterns then.
                if self.language == Language::Python && other.is_alphanumeric() {
                    text.push('\\');
                }
                text.push(other);
            }
        }
        Some(())
    }

    /// Code in a string. Says whether there was some.
    fn interpolation(&mut self, pieces: &mut Pieces) -> Option<bool> {
        let opener = match self.language {
            Language::Ruby => "#{",
            Language::Node | Language::Other => "${",
            Language::Python => return self.python_field(pieces),
            Language::Perl | Language::Php => return self.variable_in_string(pieces),
            _ => return Some(false),
        };
        if !self.reader.eat(opener) {
            return Some(false);
        }
        pieces.code(balanced(&mut self.reader, '{', '}')?);
        Some(true)
    }

    /// `{expression!r:format}` of an f-string.
    fn python_field(&mut self, pieces: &mut Pieces) -> Option<bool> {
        if self.reader.eat("{{") {
            pieces.text.push('{');
            return Some(true);
        }
        if self.reader.eat("}}") {
            pieces.text.push('}');
            return Some(true);
        }
        if !self.reader.eat("{") {
            return Some(false);
        }
        pieces.code(balanced(&mut self.reader, '{', '}')?);
        Some(true)
    }

    /// `$name`, `$name[0]{key}`, `@{[ code ]}`, `{$name->field}`.
    fn variable_in_string(&mut self, pieces: &mut Pieces) -> Option<bool> {
        let start = self.reader;
        let perl = self.language == Language::Perl;
        let array = perl && self.reader.sees("@");
        if self.reader.sees("{$") && !perl {
            self.reader.bump();
            pieces.code(balanced(&mut self.reader, '{', '}')?);
            return Some(true);
        }
        if !array && !self.reader.sees("$") {
            return Some(false);
        }
        self.reader.bump();
        while perl && self.reader.sees("$") {
            self.reader.bump();
        }
        if self.reader.eat("{") {
            balanced(&mut self.reader, '{', '}')?;
        } else if self.reader.peek().is_some_and(is_word_start) || !array && self.reader.peek().is_some_and(is_word) {
            self.reader.take_while(is_word);
        } else {
            self.reader = start;
            return Some(false);
        }
        self.subscripts(perl)?;
        let length = start.rest().len() - self.reader.rest().len();
        pieces.code(start.rest().get(..length)?);
        Some(true)
    }

    fn subscripts(&mut self, perl: bool) -> Option<()> {
        loop {
            let mut ahead = self.reader;
            let arrow = ahead.eat("->");
            if perl && ahead.eat("{") {
                balanced(&mut ahead, '{', '}')?;
            } else if ahead.sees("[") && (arrow || subscript_begins(&ahead)) {
                ahead.eat("[");
                balanced(&mut ahead, '[', ']')?;
            } else if !perl && arrow && ahead.peek().is_some_and(is_word_start) {
                ahead.word();
            } else {
                return Some(());
            }
            self.reader = ahead;
        }
    }
}

/// `[0]`, `[-1]` or `[$i]`, and not the class of a regular expression.
fn subscript_begins(reader: &Reader<'_>) -> bool {
    let mut ahead = *reader;
    ahead.eat("[");
    ahead.eat("-");
    ahead.eat("$");
    !ahead.take_while(|char| is_word(char) || matches!(char, '+' | '-')).is_empty() && ahead.sees("]")
}

/// Up to the bracket that closes, behind the one that opened; a bracket in quotes does not count.
pub(in crate::payload) fn balanced<'a>(reader: &mut Reader<'a>, open: char, close: char) -> Option<&'a str> {
    let start = *reader;
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    loop {
        let length = start.rest().len() - reader.rest().len();
        let char = reader.bump()?;
        match quote {
            _ if char == '\\' => drop(reader.bump()?),
            Some(mark) if char == mark => quote = None,
            Some(_) => {}
            None if matches!(char, '"' | '\'' | '`') => quote = Some(char),
            None if char == open => depth += 1,
            None if char == close && depth == 0 => return start.rest().get(..length),
            None if char == close => depth -= 1,
            None => {}
        }
    }
}

/// The words of a string that is a list of them.
pub(super) fn words(pieces: &[Piece]) -> Vec<String> {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Text(text) | Piece::Code(text) => text.as_str(),
    });
    text.collect::<String>().split_whitespace().map(str::to_owned).collect()
}
