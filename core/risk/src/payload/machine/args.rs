//! What stands in brackets: arguments, lists, parameters.

use super::{Machine, Target};
use crate::payload::Language;
use crate::payload::token::{Cursor, Token};
use crate::payload::value::Value;

/// The arguments of a call, or the items of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Args {
    pub(super) values: Vec<Value>,
    pub(super) named: Vec<(String, Value)>,
    /// What the items could be if something is assigned to them.
    pub(super) targets: Vec<Target>,
    /// There was more in it than items with commas between them.
    loose: bool,
    /// It ended in a comma.
    trailing: bool,
}

impl Args {
    pub(super) fn of(values: Vec<Value>) -> Self {
        Self { values, ..Self::default() }
    }

    /// An argument by its place, or by one of its names.
    pub(super) fn get(&self, index: usize, names: &[&str]) -> Option<&Value> {
        let named = || self.named.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value);
        self.values.get(index).or_else(named)
    }

    pub(super) fn first(&self) -> Value {
        let main = ["args", "cmd", "command", "path", "file", "name", "code", "source", "src", "url", "s"];
        self.get(0, &main).cloned().unwrap_or_default()
    }

    /// All of them from one on, with what lists in them hold, without tables of options.
    pub(super) fn flat(&self, from: usize) -> Vec<Value> {
        let mut flat = Vec::new();
        for value in self.values.iter().skip(from) {
            match value {
                Value::List(items) => flat.extend(items.iter().cloned()),
                Value::Table | Value::Function => {}
                other => flat.push(other.clone()),
            }
        }
        flat
    }

    pub(super) fn into_list(self) -> Value {
        let named = self.named.into_iter().map(|(_, value)| value);
        if self.loose { Value::Unknown } else { Value::list(self.values.into_iter().chain(named).collect()) }
    }

    /// What a parenthesis is worth: what is in it, or a list of it.
    pub(super) fn into_parenthesis(mut self) -> Value {
        match self.values.len() {
            _ if self.loose => Value::Unknown,
            1 if !self.trailing => self.values.pop().unwrap_or_default(),
            _ => Value::list(self.values),
        }
    }
}

impl Machine<'_> {
    /// Everything up to the bracket `end`, which is read too.
    pub(super) fn arguments(&mut self, cursor: &mut Cursor<'_>, end: &str) -> Args {
        let mut args = Args::default();
        let mut comma = true;
        while cursor.left() > 0 && !cursor.eat(end) {
            if cursor.eat(",") {
                comma = true;
                args.trailing = true;
                continue;
            }
            let before = cursor.left();
            // In Perl and Ruby a handle or a block stands before what it belongs to, without a comma.
            args.loose |= !comma && !self.grammar.is_bare("*");
            self.argument(cursor, &mut args);
            args.trailing = false;
            comma = false;
            if cursor.left() == before {
                // A bracket that closes something else closes this too.
                if matches!(cursor.peek(), Some(Token::Op("}" | ")" | "]"))) {
                    return args;
                }
                cursor.bump();
            }
        }
        args
    }

    /// Arguments without parentheses, up to the end of the statement.
    pub(super) fn bare_arguments(&mut self, cursor: &mut Cursor<'_>) -> Args {
        let mut args = Args::default();
        while begins_operand(cursor) && !self.ends_bare(cursor) {
            let before = cursor.left();
            self.argument(cursor, &mut args);
            if cursor.left() == before {
                break;
            }
            cursor.eat(",");
        }
        args
    }

    fn ends_bare(&self, cursor: &Cursor<'_>) -> bool {
        cursor.word().is_some_and(|word| self.grammar.is_word(word))
    }

    fn argument(&mut self, cursor: &mut Cursor<'_>, args: &mut Args) {
        if let Some(name) = self.argument_name(cursor) {
            let value = self.expression(cursor);
            args.named.push((name, value));
            return;
        }
        let (value, target) = self.assigning(cursor);
        if cursor.eat("=>") {
            let inner = self.expression(cursor);
            match value.known() {
                Some(key) if self.language != Language::Perl => args.named.push((key.to_string(), inner)),
                _ => args.values.extend([value, inner]),
            }
            return;
        }
        args.values.push(value);
        args.targets.push(target);
    }

    /// `name=` in Python, `name:` in Ruby and PHP.
    fn argument_name(&self, cursor: &mut Cursor<'_>) -> Option<String> {
        let Some(Token::Word(name)) = cursor.peek() else { return None };
        let mark = match self.language {
            Language::Python => "=",
            Language::Ruby | Language::Php => ":",
            _ => return None,
        };
        if cursor.second() != Some(&Token::Op(mark)) {
            return None;
        }
        cursor.bump();
        cursor.bump();
        Some(name.clone())
    }
}

/// Whether a value begins here, so that a name before it is that of a function.
pub(super) fn begins_operand(cursor: &Cursor<'_>) -> bool {
    match cursor.peek() {
        Some(Token::Op(operator)) => match *operator {
            "[" | "{" | "\\" | "@" | "!" => true,
            "(" => true,
            "-" | "+" | "*" | "&" | "::" | "**" | "->" => cursor.spaced() && !cursor.spaced_after(),
            _ => false,
        },
        Some(Token::End) | None => false,
        Some(_) => true,
    }
}
