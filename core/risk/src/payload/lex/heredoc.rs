//! Here-documents of Perl, Ruby and PHP: a string whose text begins on the next line.

use super::Lexer;
use super::quote::Style;
use crate::payload::Language;
use crate::payload::reader::Reader;
use crate::payload::token::Token;

/// A here-document whose text is still to come.
#[derive(Debug)]
pub(super) struct Heredoc {
    /// Which token it is.
    index: usize,
    /// The line that ends it.
    tag: String,
    style: Style,
    shell: bool,
}

impl Lexer<'_> {
    /// `<<TAG`, `<<~'TAG'`, `<<<TAG`. Says whether there was one.
    pub(super) fn heredoc(&mut self) -> Option<bool> {
        let mut ahead = self.reader;
        let mark = if self.language == Language::Php { "<<<" } else { "<<" };
        if !ahead.eat(mark) {
            return Some(false);
        }
        if self.language == Language::Php {
            ahead.take_while(|char| char == ' ');
        }
        let _ = ahead.eat("~") || ahead.eat("-");
        let quote = ahead.peek().filter(|char| matches!(char, '"' | '\'' | '`'));
        let Some(tag) = tag(&mut ahead, quote) else { return Some(false) };
        let plain = quote.is_none() && !tag.starts_with(|char: char| char.is_ascii_uppercase() || char == '_');
        if plain && self.language != Language::Php {
            return Some(false);
        }
        self.reader = ahead;
        let style = if quote == Some('\'') { Style::Single } else { Style::Full };
        let heredoc = Heredoc { index: self.out.len(), tag: tag.to_owned(), style, shell: quote == Some('`') };
        self.push(Token::Unknown);
        if self.language == Language::Php {
            self.reader.line();
            self.reader.bump();
            self.heredoc_text(&heredoc);
        } else {
            self.heredocs.push(heredoc);
        }
        Some(true)
    }

    /// Reads the text of a here-document, which begins here.
    pub(super) fn heredoc_text(&mut self, heredoc: &Heredoc) {
        let start = self.reader.rest();
        let mut length = 0;
        while !self.reader.is_empty() {
            let line = self.reader.line();
            let ends = match line.trim_start().strip_prefix(heredoc.tag.as_str()) {
                // PHP goes on behind the tag; what stands there is read as code again.
                Some(after) if self.language == Language::Php => {
                    self.reader = Reader::new(
                        start.get(start.len().min(length + line.len() - after.len())..).unwrap_or_default(),
                    );
                    true
                }
                Some(after) => after.trim_end().is_empty(),
                None => false,
            };
            if ends {
                break;
            }
            self.reader.bump();
            length += line.len() + 1;
        }
        let text = start.get(..length.min(start.len())).unwrap_or(start);
        let pieces = self.whole(text, heredoc.style);
        let token = if heredoc.shell { Token::Shell(pieces) } else { Token::Text(pieces) };
        if let Some(lexeme) = self.out.get_mut(heredoc.index) {
            lexeme.token = token;
        }
    }
}

fn tag<'a>(reader: &mut Reader<'a>, quote: Option<char>) -> Option<&'a str> {
    let tag = match quote {
        Some(mark) => {
            reader.bump();
            let tag = reader.take_while(|char| char != mark && char != '\n');
            reader.bump();
            tag
        }
        None => reader.word(),
    };
    Some(tag).filter(|tag| !tag.is_empty())
}
