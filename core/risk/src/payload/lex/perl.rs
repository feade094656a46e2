//! Perl's quotes: `q qq qw qx m qr s tr y`, here-documents, `<FILE>`.

use super::Lexer;
use super::quote::{Style, closing, words};
use crate::payload::reader::is_word;
use crate::payload::token::{Piece, Token};

/// What stands between angle brackets is a name or a pattern, which is short.
const LONGEST_ANGLE: usize = 200;

impl Lexer<'_> {
    pub(super) fn perl_quote(&mut self, char: char) -> Option<bool> {
        match char {
            '\'' | '"' => {
                self.reader.bump();
                let style = if char == '"' { Style::Full } else { Style::Single };
                let pieces = self.string(char, char.encode_utf8(&mut [0; 4]), style)?;
                self.pieces(pieces)
            }
            '`' => {
                self.reader.bump();
                let pieces = self.string('`', "`", Style::Full)?;
                self.push(Token::Shell(pieces));
                Some(true)
            }
            '/' if !self.after_value() => {
                self.reader.bump();
                self.matches('/')?;
                Some(true)
            }
            '<' if !self.after_value() => Some(self.heredoc()? || self.angle()),
            _ => Some(false),
        }
    }

    /// `<STDIN>`, `<$file>`, `<>`: a line of a file. `<*.c>`: the names that match.
    fn angle(&mut self) -> bool {
        let mut ahead = self.reader;
        ahead.bump();
        let length: usize = ahead
            .rest()
            .chars()
            .take(LONGEST_ANGLE)
            .take_while(|char| !matches!(char, '>' | '\n' | ';' | '='))
            .map(char::len_utf8)
            .sum();
        let inner = ahead.take(length);
        if !ahead.eat(">") {
            return false;
        }
        ahead.eat(">");
        self.reader = ahead;
        let pattern = inner.contains(['*', '?', '.', '/', '~']);
        self.push(if pattern { Token::Text(vec![Piece::Text(inner.to_owned())]) } else { Token::Unknown });
        true
    }

    /// A word, or one that begins a quote.
    pub(super) fn perl_word(&mut self, word: String) -> Option<()> {
        if matches!(word.as_str(), "__END__" | "__DATA__") {
            self.reader.take(self.reader.rest().len());
            return Some(());
        }
        if matches!(word.as_str(), "q" | "qq" | "qw" | "qx" | "m" | "qr" | "s" | "tr" | "y")
            && let Some(open) = self.delimiter()
        {
            return self.quote_like(&word, open);
        }
        let mut word = word;
        while self.reader.sees("::") {
            self.reader.eat("::");
            word.push('.');
            word.push_str(self.reader.take_while(is_word));
        }
        let name = ["CORE.GLOBAL.", "CORE.", "main."].iter().find_map(|package| word.strip_prefix(package));
        let name = name.unwrap_or(&word).to_owned();
        self.push(Token::Word(name));
        Some(())
    }

    /// What opens a quote behind `q`, `s` and their like; none where that is an ordinary word. Moves over it.
    fn delimiter(&mut self) -> Option<char> {
        // A method, and the test of a file: `-s $path`.
        if matches!(self.last(), Some(Token::Op("->"))) || matches!(self.last(), Some(Token::Op("-"))) && !self.spaced {
            return None;
        }
        let mut ahead = self.reader;
        let spaced = !ahead.take_while(char::is_whitespace).is_empty();
        let open = ahead.peek()?;
        let key = matches!(self.last(), Some(Token::Op("{"))) && open == '}';
        let never = is_word(open) || matches!(open, ',' | ';' | ')' | '=') || open == '#' && spaced;
        if key || never {
            return None;
        }
        ahead.bump();
        self.reader = ahead;
        Some(open)
    }

    fn quote_like(&mut self, word: &str, open: char) -> Option<()> {
        let end = closing(open).to_string();
        let literal = open == '\'';
        match word {
            "q" => {
                let pieces = self.string(open, &end, Style::Single)?;
                self.push(Token::Text(pieces));
            }
            "qq" => {
                let pieces = self.string(open, &end, Style::Full)?;
                self.push(Token::Text(pieces));
            }
            "qx" => {
                let style = if literal { Style::Single } else { Style::Full };
                let pieces = self.string(open, &end, style)?;
                self.push(Token::Shell(pieces));
            }
            "qw" => {
                let pieces = self.string(open, &end, Style::Single)?;
                self.push(Token::Words(words(&pieces)));
            }
            "s" => self.substitutes(open)?,
            "tr" | "y" => {
                self.string(open, &end, Style::Raw)?;
                self.second_part(open, Style::Raw)?;
                self.reader.take_while(|char| char.is_ascii_alphabetic());
                self.push(Token::Regex(Vec::new()));
            }
            _ => self.matches(open)?,
        }
        Some(())
    }

    /// A pattern, behind what opens it. Code in it may be run.
    fn matches(&mut self, open: char) -> Option<()> {
        let style = if open == '\'' { Style::Raw } else { Style::RawFull };
        let mut pieces = self.string(open, closing(open).encode_utf8(&mut [0; 4]), style)?;
        self.reader.take_while(|char| char.is_ascii_alphabetic());
        note_code(&mut pieces);
        self.push(Token::Regex(pieces));
        Some(())
    }

    fn substitutes(&mut self, open: char) -> Option<()> {
        let style = if open == '\'' { Style::Raw } else { Style::RawFull };
        let mut pieces = self.string(open, closing(open).encode_utf8(&mut [0; 4]), style)?;
        note_code(&mut pieces);
        let start = self.reader;
        // Read twice: whether the second part is code stands behind it.
        self.second_part(open, Style::Raw)?;
        let length = start.rest().len() - self.reader.rest().len();
        let flags = self.reader.take_while(|char| char.is_ascii_alphabetic());
        let part = start.rest().get(..length)?.trim();
        match flags.chars().filter(|flag| *flag == 'e').count() {
            0 => {
                let after = std::mem::replace(&mut self.reader, start);
                pieces.extend(self.second_part(open, Style::Full)?);
                self.reader = after;
            }
            times => {
                let code = inside(part, open);
                let code = if times > 1 { format!("eval({code})") } else { code.to_owned() };
                pieces.push(Piece::Code(code));
            }
        }
        self.push(Token::Regex(pieces));
        Some(())
    }

    /// The second part of `s` and `tr`: with brackets, it has brackets of its own.
    fn second_part(&mut self, open: char, style: Style) -> Option<Vec<Piece>> {
        let mut open = open;
        if closing(open) != open {
            self.reader.take_while(char::is_whitespace);
            open = self.reader.bump()?;
        }
        self.string(open, closing(open).encode_utf8(&mut [0; 4]), style)
    }
}

/// The second part of a substitution, without what closes it, or opens it.
fn inside(part: &str, open: char) -> &str {
    let mut chars = part.chars();
    chars.next_back();
    if closing(open) != open {
        chars.next();
    }
    chars.as_str()
}

/// `(?{ code })` in a pattern.
fn note_code(pieces: &mut Vec<Piece>) {
    let has = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains("(?{") || text.contains("(??{"));
    if pieces.iter().any(has) {
        pieces.push(Piece::Code("eval($unknown)".to_owned()));
    }
}
