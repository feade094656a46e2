//! What expressions are made of.

use super::{DEEPEST, Machine, Target};
use crate::payload::Language;
use crate::payload::token::{Cursor, Piece, Token};
use crate::payload::value::Value;

/// Operators before a value that leave it a value of which nothing more is known, or as it was.
const BEFORE: &[&str] =
    &["-", "+", "!", "~", "&", "*", "**", "\\", "++", "--", "...", "@", "..", "<", "<<", "#", "^", "->"];

impl Machine<'_> {
    /// A value, and what could be assigned to in its place. Does not move where none begins.
    pub(super) fn operand(&mut self, cursor: &mut Cursor<'_>) -> (Value, Target) {
        if self.depth >= DEEPEST {
            self.found.opaque();
            cursor.bump();
            return (Value::Unknown, Target::None);
        }
        self.depth += 1;
        let result = self.primary(cursor);
        self.depth -= 1;
        result
    }

    fn primary(&mut self, cursor: &mut Cursor<'_>) -> (Value, Target) {
        let Some(token) = cursor.peek() else { return (Value::Unknown, Target::None) };
        let value = match token {
            Token::Word(word) => return self.word(cursor, word),
            Token::Op("(") => return self.parenthesis(cursor),
            Token::Op("[") => {
                cursor.bump();
                self.arguments(cursor, "]").into_list()
            }
            Token::Op("{") => {
                cursor.bump();
                self.block(cursor);
                Value::Table
            }
            Token::Op(operator) if BEFORE.contains(operator) => return self.signed(cursor, operator),
            Token::Op(_) | Token::End => return (Value::Unknown, Target::None),
            Token::Text(pieces) => self.texts(cursor, pieces),
            Token::Shell(pieces) => {
                cursor.bump();
                let line = self.string(pieces);
                self.found.shell(&line);
                Value::Unknown
            }
            Token::Words(words) => {
                cursor.bump();
                Value::list(words.iter().map(|word| Value::text(word.as_str())).collect())
            }
            Token::Number(number) => {
                cursor.bump();
                number.map_or(Value::Unknown, Value::Number)
            }
            Token::Regex(pieces) => {
                cursor.bump();
                self.string(pieces);
                Value::Unknown
            }
            Token::Unknown => {
                cursor.bump();
                Value::Unknown
            }
        };
        self.postfix(cursor, value, Target::None)
    }

    /// A string, with those that stand behind it and belong to it.
    fn texts(&mut self, cursor: &mut Cursor<'_>, pieces: &[Piece]) -> Value {
        cursor.bump();
        let mut value = self.string(pieces);
        while let Some(Token::Text(pieces)) = cursor.peek()
            && self.is(&[Language::Python, Language::Ruby])
        {
            cursor.bump();
            let next = self.string(pieces);
            value = value.concat(&next);
        }
        value
    }

    /// The value of a string, with that of the code in it.
    pub(super) fn string(&mut self, pieces: &[Piece]) -> Value {
        match pieces {
            [] => Value::text(""),
            [Piece::Text(text)] => Value::text(text.as_str()),
            _ => pieces.iter().fold(Value::text(""), |text, piece| match piece {
                Piece::Text(piece) => text.concat(&Value::text(piece.as_str())),
                Piece::Code(code) => {
                    let value = self.code(code);
                    text.concat(&value)
                }
            }),
        }
    }

    /// `{ … }`: a block, or a table.
    pub(super) fn block(&mut self, cursor: &mut Cursor<'_>) {
        if self.depth >= DEEPEST {
            return self.found.opaque();
        }
        self.depth += 1;
        self.block_parameters(cursor);
        self.statements(cursor, Some("}"));
        self.depth -= 1;
    }

    fn signed(&mut self, cursor: &mut Cursor<'_>, operator: &str) -> (Value, Target) {
        cursor.bump();
        // A test of a file in Perl: `-e $path`.
        if operator == "-" && self.language == Language::Perl && cursor.word().is_some_and(|word| word.len() == 1) {
            cursor.bump();
        }
        let (value, target) = self.operand(cursor);
        // What decorates something is called with it.
        if operator == "@" {
            self.let_go(&value);
        }
        if matches!(operator, "++" | "--") {
            self.assign(&target, &Value::Unknown);
        }
        let value = match (operator, value) {
            ("-", Value::Number(number)) => Value::Number(number.saturating_neg()),
            ("-", _) => Value::Unknown,
            (_, value) => value,
        };
        (value, Target::None)
    }

    fn parenthesis(&mut self, cursor: &mut Cursor<'_>) -> (Value, Target) {
        cursor.bump();
        let items = self.arguments(cursor, ")");
        let target = Target::Names(items.targets.clone());
        if cursor.sees("=>") && self.language == Language::Node {
            return (self.arrow(cursor, &target), Target::None);
        }
        let value = items.into_parenthesis();
        self.postfix(cursor, value, target)
    }

    /// `parameters => body`, at the arrow.
    pub(super) fn arrow(&mut self, cursor: &mut Cursor<'_>, parameters: &Target) -> Value {
        cursor.bump();
        self.branches = true;
        self.assign(parameters, &Value::Unknown);
        if cursor.eat("{") {
            self.block(cursor);
        } else {
            let value = self.expression(cursor);
            self.let_go(&value);
        }
        Value::Function
    }

    /// A word of the language, or the name of something.
    fn word(&mut self, cursor: &mut Cursor<'_>, word: &str) -> (Value, Target) {
        let key = cursor.second() == Some(&Token::Op("=>"));
        if key && self.is(&[Language::Perl, Language::Ruby, Language::Php]) && !word.starts_with('$') {
            cursor.bump();
            return (Value::text(word), Target::None);
        }
        if self.declaration(cursor, word) {
            return (Value::Function, Target::None);
        }
        if self.grammar.is_prefix(word) {
            cursor.bump();
            return self.operand(cursor);
        }
        cursor.bump();
        if self.grammar.is_word(word) {
            self.branch(word);
            return (Value::Unknown, Target::None);
        }
        let target = Target::Name(word.to_owned());
        if cursor.sees("=>") && self.language == Language::Node {
            return (self.arrow(cursor, &target), Target::None);
        }
        let value = self.lookup(word);
        self.postfix(cursor, value, target)
    }

    /// What a name stands for.
    pub(super) fn lookup(&self, name: &str) -> Value {
        match self.names.get(name) {
            Some(value) => value.clone(),
            None if name.starts_with(['$', '@', '%']) => Value::Unknown,
            None => Value::name(name),
        }
    }
}
