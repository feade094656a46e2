//! The values of awk: variables, fields, calls.

use ogent_protocol::verdict::EffectKind;

use super::{Awk, DEEPEST, Token};
use crate::payload::text;
use crate::payload::value::Value;

/// Functions of gawk, mawk and the one true awk that only compute.
const FUNCTIONS: &str = "length substr index split gsub sub gensub match sprintf tolower toupper sin cos atan2 \
         exp log sqrt int rand srand strftime systime mktime gmtime and or xor lshift rshift compl asort asorti \
         patsplit typeof isarray close fflush strtonum dcgettext dcngettext bindtextdomain mkbool ord chr";

/// Functions that change a variable which they are given.
const CHANGING: &[&str] = &["sub", "gsub", "split", "patsplit", "match", "asort", "asorti"];

impl Awk<'_> {
    pub(super) fn assign(&mut self, name: Option<String>, value: &Value) {
        let Some(name) = name else { return };
        // What awk reads after the program has begun.
        if name == "ARGV[]" && value.as_text().is_some_and(|file| !file.is_empty()) {
            self.found.effect(EffectKind::Read, value, false);
        }
        let before = self.names.remove(&name);
        self.names.insert(name, before.map_or(value.clone(), |before| before.or(value)));
    }

    /// A value, and the name of the variable that it is.
    pub(super) fn operand(&mut self) -> (Value, Option<String>) {
        let Some(token) = self.peek().cloned() else { return (Value::Unknown, None) };
        self.at += 1;
        match token {
            Token::Text(text) => (Value::text(text), None),
            Token::Number(number) => (Value::text(number), None),
            Token::Regex | Token::Unknown => (Value::Unknown, None),
            Token::Op("$" | "-" | "+" | "!") => {
                self.nested_operand();
                (Value::Unknown, None)
            }
            Token::Op("++" | "--") => {
                let (_, name) = self.nested_operand();
                self.assign(name, &Value::Unknown);
                (Value::Unknown, None)
            }
            Token::Op("(") => (self.group(")"), None),
            Token::Op("@") => {
                self.found.opaque();
                (Value::Unknown, None)
            }
            Token::Call(name) => (self.call(&name), None),
            Token::Name(name) if name == "getline" => {
                self.getline();
                (Value::Unknown, None)
            }
            Token::Name(name) => self.variable(name),
            Token::Op(_) | Token::End => {
                self.at -= 1;
                (Value::Unknown, None)
            }
        }
    }

    /// The operand of an operator before it. A row of a thousand such operators is nothing that awk runs either.
    fn nested_operand(&mut self) -> (Value, Option<String>) {
        if self.depth >= DEEPEST {
            self.found.opaque();
            return (Value::Unknown, None);
        }
        self.depth += 1;
        let operand = self.operand();
        self.depth -= 1;
        operand
    }

    fn variable(&mut self, name: String) -> (Value, Option<String>) {
        let name = if self.eat("[") {
            self.group("]");
            while self.eat("[") {
                self.group("]");
            }
            name + "[]"
        } else {
            name
        };
        (self.names.get(&name).cloned().unwrap_or_default(), Some(name))
    }

    /// What stands in brackets; several values are none that is known.
    fn group(&mut self, end: &str) -> Value {
        let values = self.values(end);
        match values.as_slice() {
            [one] => one.clone(),
            _ => Value::Unknown,
        }
    }

    pub(super) fn values(&mut self, end: &str) -> Vec<Value> {
        let mut values = Vec::new();
        while self.peek().is_some() && !self.eat(end) {
            let before = self.at;
            if !self.output_statement() {
                values.push(self.expression(false));
            }
            // The parts of `for (;;)` and a stray bracket.
            if self.at == before && matches!(self.peek(), Some(Token::Op("{" | "}"))) {
                break;
            }
            if !self.eat(",") && self.at == before {
                self.at += 1;
            }
        }
        values
    }

    fn call(&mut self, name: &str) -> Value {
        self.at += 1;
        let start = self.at;
        let values = self.values(")");
        if CHANGING.contains(&name) || self.functions.contains(name) {
            self.forget(start);
        }
        match name {
            "system" => {
                self.found.shell(values.first().unwrap_or(&Value::Unknown));
                Value::Unknown
            }
            "sprintf" => match values.split_first() {
                Some((Value::Text(format), values)) => Value::made(text::format(format, values)),
                _ => Value::Unknown,
            },
            name if FUNCTIONS.split_whitespace().any(|known| known == name) => Value::Unknown,
            name if self.functions.contains(name) => Value::Unknown,
            _ => {
                self.found.opaque();
                Value::Unknown
            }
        }
    }

    /// The variables between `start` and here may have been changed.
    fn forget(&mut self, start: usize) {
        for token in self.tokens.get(start..self.at).unwrap_or_default() {
            let Token::Name(name) = token else { continue };
            for name in [name.clone(), format!("{name}[]")] {
                if self.names.contains_key(&name) {
                    self.assign(Some(name), &Value::Unknown);
                }
            }
        }
    }
}
