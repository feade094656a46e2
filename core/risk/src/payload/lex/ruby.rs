//! Ruby's quotes: `%w[…]`, `:symbol`, backticks, `/…/`, here-documents.

use super::Lexer;
use super::quote::{Style, closing, words};
use crate::payload::reader::{is_word, is_word_start};
use crate::payload::token::{Piece, Token};

impl Lexer<'_> {
    pub(super) fn ruby_quote(&mut self, char: char) -> Option<bool> {
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
            '/' if self.begins_value() => {
                self.reader.bump();
                let pieces = self.string('/', "/", Style::RawFull)?;
                self.reader.take_while(|char| char.is_ascii_alphabetic());
                self.push(Token::Regex(pieces));
                Some(true)
            }
            '%' if self.begins_value() => self.percent(),
            '<' if self.begins_value() => self.heredoc(),
            ':' => self.symbol(),
            '?' if !self.after_value() => self.character(),
            _ => Some(false),
        }
    }

    /// Whether a value begins here: behind an operator, or behind a word that could be a command, as in `puts /x/`.
    fn begins_value(&self) -> bool {
        if !self.after_value() {
            return true;
        }
        let command = matches!(self.last(), Some(Token::Word(word)) if word.starts_with(is_word_start));
        command && self.spaced && self.reader.second().is_some_and(|char| !char.is_whitespace() && char != '=')
    }

    /// `%w[a b]`, `%q(…)`, `%x(…)`, `%(…)`.
    fn percent(&mut self) -> Option<bool> {
        let mut ahead = self.reader;
        ahead.bump();
        let kind = ahead.take_while(|char| "qQwWiIxrs".contains(char));
        let Some(open) = ahead.peek().filter(|char| kind.len() < 2 && char.is_ascii_punctuation() && *char != '=')
        else {
            return Some(false);
        };
        ahead.bump();
        self.reader = ahead;
        let end = closing(open).to_string();
        let style = if matches!(kind, "q" | "w" | "i" | "s") { Style::Single } else { Style::Full };
        let pieces = self.string(open, &end, style)?;
        self.push(match kind {
            "x" => Token::Shell(pieces),
            "r" => Token::Regex(pieces),
            "w" | "i" => Token::Words(words(&pieces)),
            "W" | "I" if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) => Token::Words(words(&pieces)),
            _ => Token::Text(pieces),
        });
        if kind == "r" {
            self.reader.take_while(|char| char.is_ascii_alphabetic());
        }
        Some(true)
    }

    /// `:name` and `:"name"`; a colon with space behind it is none.
    fn symbol(&mut self) -> Option<bool> {
        if self.reader.sees("::") || self.after_value() && !self.spaced {
            return Some(false);
        }
        match self.reader.second() {
            Some('"') => {
                self.reader.bump();
                self.reader.bump();
                let pieces = self.string('"', "\"", Style::Full)?;
                self.pieces(pieces)
            }
            Some(char) if is_word_start(char) => {
                self.reader.bump();
                let name = self.reader.take_while(|char| is_word(char) || matches!(char, '?' | '!'));
                self.pieces(vec![Piece::Text(name.to_owned())])
            }
            Some(char) if "+-*/<=>[%&|^~!".contains(char) && !self.after_value() => {
                self.reader.bump();
                self.reader.take_while(|char| "+-*/<=>[]%&|^~!".contains(char));
                self.push(Token::Unknown);
                Some(true)
            }
            _ => Some(false),
        }
    }

    /// `?a` is the text `a`.
    fn character(&mut self) -> Option<bool> {
        let mut ahead = self.reader;
        ahead.bump();
        let Some(char) = ahead.bump().filter(|char| !char.is_whitespace()) else { return Some(false) };
        if ahead.peek().is_some_and(is_word) {
            return Some(false);
        }
        self.reader = ahead;
        self.pieces(vec![Piece::Text(char.to_string())])
    }

    /// `empty?` and `sort!` are names.
    pub(super) fn ruby_suffix(&mut self, word: &mut String) {
        let Some(mark @ ('?' | '!')) = self.reader.peek() else { return };
        if !matches!(self.reader.second(), Some('=' | ':' | '~')) {
            self.reader.bump();
            word.push(mark);
        }
    }
}
