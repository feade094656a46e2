//! The words of one statement.

use super::client;
use crate::payload::UNKNOWN;
use crate::payload::findings::Findings;
use crate::payload::reader::{Reader, is_word, is_word_start};

/// A word of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a word of the language, in upper case, and as it stands there.
    Word(String, String),
    /// A text.
    Text(String),
    /// Anything else.
    Other(char),
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(upper, _) if upper == word)
    }
}

/// Reads up to the semicolon; none where a quote never ends.
pub(super) fn statement(reader: &mut Reader<'_>, escapes: bool, found: &mut Findings) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    while let Some(char) = reader.peek() {
        match char {
            ';' => {
                reader.bump();
                break;
            }
            '\'' => tokens.push(Token::Text(quoted(reader, '\'', escapes)?)),
            '"' | '`' => word(quoted(reader, char, escapes)?, &mut tokens),
            '[' => {
                reader.bump();
                word(reader.until("]")?.to_owned(), &mut tokens);
            }
            '-' if reader.sees("--") => drop(reader.line()),
            '#' => drop(reader.line()),
            '/' if reader.eat("/*") => {
                // mysql executes what stands in `/*! … */`.
                let executed = reader.eat("!");
                let text = reader.until("*/")?;
                if executed {
                    nested(text.trim_start_matches(|char: char| char.is_ascii_digit()), escapes, found, &mut tokens)?;
                }
            }
            '$' => dollars(reader, &mut tokens)?,
            '\\' => {
                if !client::command(reader, found) {
                    reader.bump();
                    tokens.push(Token::Other('\\'));
                }
            }
            UNKNOWN => {
                reader.bump();
                tokens.push(Token::Text(UNKNOWN.to_string()));
            }
            char if is_word_start(char) => word(reader.word().to_owned(), &mut tokens),
            char if char.is_alphanumeric() => {
                reader.take_while(|char| is_word(char) || char == '.');
                tokens.push(Token::Other('0'));
            }
            char => {
                reader.bump();
                if !char.is_whitespace() {
                    tokens.push(Token::Other(char));
                }
            }
        }
    }
    Some(tokens)
}

fn nested(text: &str, escapes: bool, found: &mut Findings, tokens: &mut Vec<Token>) -> Option<()> {
    // Not a comment in a comment again: none can stand there.
    let mut reader = Reader::new(text);
    tokens.extend(statement(&mut reader, escapes, found)?);
    Some(())
}

fn word(text: String, tokens: &mut Vec<Token>) {
    tokens.push(Token::Word(text.to_uppercase(), text));
}

/// A quote twice stands for itself; in mysql also one behind a backslash.
fn quoted(reader: &mut Reader<'_>, quote: char, escapes: bool) -> Option<String> {
    reader.bump();
    let mut text = String::new();
    loop {
        match reader.bump()? {
            char if char == quote => {
                if reader.peek() != Some(quote) {
                    return Some(text);
                }
                reader.bump();
                text.push(quote);
            }
            '\\' if escapes => text.extend(reader.bump()),
            char => text.push(char),
        }
    }
}

/// `$$ … $$` and `$tag$ … $tag$` of PostgreSQL are texts.
fn dollars(reader: &mut Reader<'_>, tokens: &mut Vec<Token>) -> Option<()> {
    let mut ahead = *reader;
    ahead.bump();
    let tag = ahead.word();
    if !ahead.eat("$") {
        reader.bump();
        tokens.push(Token::Other('$'));
        return Some(());
    }
    let text = ahead.until(&format!("${tag}$"))?;
    tokens.push(Token::Text(text.to_owned()));
    *reader = ahead;
    Some(())
}
