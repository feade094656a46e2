//! The quotes of Python, JavaScript, PHP, Lua, and of what is none of them.

use super::Lexer;
use super::quote::Style;
use crate::payload::reader::{Reader, is_word};
use crate::payload::token::{Piece, Token};

impl Lexer<'_> {
    /// `'…'`, `"""…"""`, `rb'…'`, `f"…"`.
    pub(super) fn python_quote(&mut self, char: char) -> Option<bool> {
        if char == '`' {
            self.reader.bump();
            return Some(true);
        }
        let mut ahead = self.reader;
        let prefix = ahead.take_while(|char| "rRbBuUfFtT".contains(char));
        let Some(quote @ ('"' | '\'')) = ahead.peek() else { return Some(false) };
        if prefix.len() > 2 {
            return Some(false);
        }
        self.reader = ahead;
        let has = |letter: char| prefix.chars().any(|char| char.eq_ignore_ascii_case(&letter));
        let style = match (has('r'), has('f') || has('t')) {
            (false, false) => Style::Escaped,
            (false, true) => Style::Full,
            (true, false) => Style::Raw,
            (true, true) => Style::RawFull,
        };
        let end = self.opening(quote);
        let pieces = self.string(quote, &end, style)?;
        self.pieces(pieces)
    }

    /// Moves over one quote or three; gives what closes it.
    fn opening(&mut self, quote: char) -> String {
        let three = String::from_iter([quote; 3]);
        if self.reader.eat(&three) {
            return three;
        }
        self.reader.bump();
        quote.to_string()
    }

    /// `'…'`, `"…"`, `` `…${}…` ``, `/…/g`.
    pub(super) fn node_quote(&mut self, char: char) -> Option<bool> {
        let style = match char {
            '"' | '\'' => Style::Escaped,
            '`' => Style::Full,
            '/' if !self.after_value() => {
                self.reader.bump();
                self.class_regex('/')?;
                self.reader.take_while(|char| char.is_ascii_alphabetic());
                self.push(Token::Regex(Vec::new()));
                return Some(true);
            }
            _ => return Some(false),
        };
        self.reader.bump();
        let pieces = self.string(char, char.encode_utf8(&mut [0; 4]), style)?;
        self.pieces(pieces)
    }

    /// A regular expression in which a bracket may hold the end.
    fn class_regex(&mut self, end: char) -> Option<()> {
        let mut class = false;
        loop {
            match self.reader.bump()? {
                '\\' => drop(self.reader.bump()?),
                '[' => class = true,
                ']' => class = false,
                '\n' => return None,
                char if char == end && !class => return Some(()),
                _ => {}
            }
        }
    }

    /// `'…'`, `"…$x…"`, backticks, `<<<TAG`, and what stands outside of `<?php … ?>`.
    pub(super) fn php_quote(&mut self, char: char) -> Option<bool> {
        match char {
            '<' if self.reader.eat("<?php") || self.reader.eat("<?=") => Some(true),
            '<' => self.heredoc(),
            '?' if self.reader.eat("?>") => {
                self.push(Token::End);
                let end = self.reader.rest().find("<?").unwrap_or(self.reader.rest().len());
                self.reader.take(end);
                Some(true)
            }
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
            // The name of a thing from the outermost namespace, and of one in another.
            '\\' => {
                self.reader.bump();
                Some(true)
            }
            _ => Some(false),
        }
    }

    /// `'…'`, `"…"`, `[==[…]==]`.
    pub(super) fn lua_quote(&mut self, char: char) -> Option<bool> {
        match char {
            '\'' | '"' => {
                self.reader.bump();
                let pieces = self.string(char, char.encode_utf8(&mut [0; 4]), Style::Escaped)?;
                self.pieces(pieces)
            }
            '[' => match long_bracket(&mut self.reader)? {
                Some(text) => self.pieces(vec![Piece::Text(text.to_owned())]),
                None => Some(false),
            },
            _ => Some(false),
        }
    }

    /// Most other languages: `"…"`, `'…'`, and backticks that keep all as it is.
    pub(super) fn other_quote(&mut self, char: char) -> Option<bool> {
        let style = match char {
            '"' | '\'' => Style::Escaped,
            '`' => Style::Raw,
            _ => return Some(false),
        };
        let mut ahead = self.reader;
        // A lone apostrophe is no string: a lifetime, a transposed matrix, a quoted list.
        if char == '\'' && ahead.bump().is_some() && !ahead.rest().contains('\'') {
            self.reader = ahead;
            return Some(true);
        }
        self.reader.bump();
        let pieces = self.string(char, char.encode_utf8(&mut [0; 4]), style)?;
        self.pieces(pieces)
    }
}

/// `[[…]]` or `[=[…]=]` of Lua, if that comes next; nothing at all if it never ends.
#[expect(clippy::option_option, reason = "whether there is one, and whether it ends")]
pub(super) fn long_bracket<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a str>> {
    let mut ahead = *reader;
    let opened = ahead.eat("[");
    let level = ahead.take_while(|char| char == '=');
    if !opened || !ahead.eat("[") {
        return Some(None);
    }
    let text = ahead.until(&format!("]{level}]"))?;
    *reader = ahead;
    Some(Some(text))
}

/// Whether a word goes on here.
pub(super) fn word_follows(reader: &Reader<'_>) -> bool {
    reader.peek().is_some_and(is_word)
}
