//! Operators between values.

use super::{DEEPEST, Machine, Target};
use crate::payload::Language;
use crate::payload::token::{Cursor, Token};
use crate::payload::value::Value;

/// Operators whose result is not followed.
const BETWEEN: &[&str] = &[
    "==", "===", "!=", "!==", "<", ">", "<=", ">=", "<=>", "-", "/", "&", "^", "<<", ">>", ">>>", "=~", "!~", "**",
    "~=", "..", "...", "~", "*", "%", "|", "+", "//",
];

/// The same, as words.
const BETWEEN_WORDS: &[&str] =
    &["in", "is", "instanceof", "eq", "ne", "lt", "gt", "le", "ge", "cmp", "of", "isa", "x", "xor", "not"];

/// A text is repeated up to this length.
const LONGEST: usize = 4096;

impl Machine<'_> {
    /// An expression without an assignment, and what could be assigned to if it is nothing more.
    pub(super) fn simple(&mut self, cursor: &mut Cursor<'_>) -> (Value, Target) {
        if self.depth >= DEEPEST {
            self.found.opaque();
            cursor.bump();
            return (Value::Unknown, Target::None);
        }
        self.depth += 1;
        let before = cursor.left();
        let (mut value, mut target) = self.operand(cursor);
        while cursor.left() < before
            && let Some(next) = self.operator(cursor, &value)
        {
            (value, target) = (next, Target::None);
        }
        self.depth -= 1;
        (value, target)
    }

    /// An operator and what stands behind it; none if the expression has ended.
    fn operator(&mut self, cursor: &mut Cursor<'_>, left: &Value) -> Option<Value> {
        match cursor.peek()? {
            Token::Op(operator) => self.symbol(cursor, operator, left),
            Token::Word(word) => self.word_operator(cursor, word, left),
            _ => None,
        }
    }

    fn right(&mut self, cursor: &mut Cursor<'_>) -> Value {
        cursor.bump();
        self.operand(cursor).0
    }

    fn symbol(&mut self, cursor: &mut Cursor<'_>, operator: &str, left: &Value) -> Option<Value> {
        let python = self.language == Language::Python;
        match operator {
            _ if operator == self.grammar.concat => Some(sum(left, &self.right(cursor))),
            "%" if self.is(&[Language::Python, Language::Ruby]) => {
                let right = self.right(cursor);
                Some(super::make::formatted(left, &right))
            }
            "*" if left.as_text().is_some() => Some(repeated(left, &self.right(cursor))),
            // Parts of a path in Python.
            "/" if python && matches!(left, Value::Text(_)) => {
                let right = self.right(cursor);
                Some(left.concat(&Value::text("/")).concat(&right))
            }
            "?" => Some(self.ternary(cursor, left)),
            "||" | "&&" | "??" => {
                self.branches = true;
                let right = self.right(cursor);
                Some(left.clone().or(&right))
            }
            "//" if !python => Some(left.clone().or(&self.right(cursor))),
            "|" if self.language == Language::Ruby && *left == Value::Unknown && !cursor.spaced() => None,
            _ if BETWEEN.contains(&operator) => {
                self.right(cursor);
                Some(Value::Unknown)
            }
            _ => None,
        }
    }

    /// `condition ? one : other`, at the question mark; without the first, the condition is it.
    fn ternary(&mut self, cursor: &mut Cursor<'_>, condition: &Value) -> Value {
        cursor.bump();
        self.branches = true;
        let one = if cursor.sees(":") { condition.clone() } else { self.expression(cursor) };
        let other = if cursor.eat(":") { self.expression(cursor) } else { Value::Unknown };
        one.or(&other)
    }

    fn word_operator(&mut self, cursor: &mut Cursor<'_>, word: &str, left: &Value) -> Option<Value> {
        let python = self.language == Language::Python;
        match word {
            "x" if self.language == Language::Perl => Some(repeated(left, &self.right(cursor))),
            "or" | "and" if self.is(&[Language::Python, Language::Lua]) => {
                self.branches = true;
                let right = self.right(cursor);
                Some(left.clone().or(&right))
            }
            // `one if condition else other`; without an `else` it is the next part of a comprehension.
            "if" if python => {
                cursor.bump();
                self.branch(word);
                self.expression(cursor);
                if !cursor.eat_word("else") {
                    return Some(Value::Unknown);
                }
                let other = self.expression(cursor);
                Some(left.clone().or(&other))
            }
            "x" => None,
            _ if BETWEEN_WORDS.contains(&word) && !self.names.contains_key(word) => {
                cursor.bump();
                if word == "not" || word == "is" {
                    let _ = cursor.eat_word("in") || cursor.eat_word("not");
                }
                self.operand(cursor);
                Some(Value::Unknown)
            }
            _ => None,
        }
    }
}

/// The sum of two values: of numbers, of texts, of lists.
fn sum(left: &Value, right: &Value) -> Value {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.checked_add(*right).map_or(Value::Unknown, Value::Number),
        _ => left.concat(right),
    }
}

fn repeated(text: &Value, times: &Value) -> Value {
    let (Some(text), Some(times)) = (text.as_text(), times.number()) else { return Value::Unknown };
    let times = usize::try_from(times).unwrap_or(0);
    if text.len().saturating_mul(times) > LONGEST { Value::Unknown } else { Value::made(text.repeat(times)) }
}
