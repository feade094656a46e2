//! What stands behind a value and belongs to it: members, calls, indexes.

use super::args::{Args, begins_operand};
use super::{Machine, Target};
use crate::payload::Language;
use crate::payload::token::{Cursor, Token};
use crate::payload::value::Value;

/// A path of members is not followed further.
const LONGEST_PATH: usize = 200;

impl Machine<'_> {
    pub(super) fn postfix(&mut self, cursor: &mut Cursor<'_>, value: Value, target: Target) -> (Value, Target) {
        let (mut value, mut target) = (value, target);
        loop {
            let left = cursor.left();
            if let Some(name) = self.member(cursor) {
                (value, target) = self.access(cursor, &value, &target, &name);
            } else if cursor.sees("(") && self.is_callable(cursor, &value) {
                cursor.bump();
                let args = self.arguments(cursor, ")");
                value = self.call(&value, &args);
                self.mutated(&target, &args);
                target = Target::None;
            } else if cursor.sees("[") && !cursor.spaced() {
                cursor.bump();
                let index = self.arguments(cursor, "]");
                (value, target) = self.index(cursor, &value, &target, &index);
            } else if cursor.sees("{") && value == Value::name("&") {
                cursor.bump();
                value = self.arguments(cursor, "}").into_parenthesis();
                target = Target::None;
            } else if cursor.sees("{") && self.is_perl_key(cursor, &target) {
                cursor.bump();
                self.key(cursor);
                target = part(&target, "{}");
                value = target_value(self, &target);
            } else if let Some(args) = self.argument_behind(cursor, &value) {
                value = self.call(&value, &args);
                target = Target::None;
            } else if cursor.sees("++") || cursor.sees("--") {
                cursor.bump();
                self.assign(&target, &Value::Unknown);
                (value, target) = (Value::Unknown, Target::None);
            } else {
                value = self.call_alone(cursor, value, &target);
                return (value, target);
            }
            if cursor.left() == left {
                return (value, target);
            }
        }
    }

    /// The name of a member, with the operator before it.
    fn member(&self, cursor: &mut Cursor<'_>) -> Option<String> {
        let Some(Token::Op(operator)) = cursor.peek() else { return None };
        let method = self.language == Language::Lua && *operator == ":";
        if !method && !self.grammar.members.contains(operator) {
            return None;
        }
        match cursor.second() {
            Some(Token::Word(name)) => {
                let name = match name.strip_prefix('$') {
                    Some(_) => self.lookup(name).known()?.to_string(),
                    None => name.clone(),
                };
                cursor.bump();
                cursor.bump();
                Some(name)
            }
            // `->[0]`, `->{key}`, `->(…)`, `?.[0]`.
            Some(Token::Op("[" | "{" | "(")) => {
                cursor.bump();
                None
            }
            _ => None,
        }
    }

    fn access(&mut self, cursor: &mut Cursor<'_>, value: &Value, target: &Target, name: &str) -> (Value, Target) {
        let member = match value {
            Value::Name(path) if path.len() + name.len() < LONGEST_PATH => {
                let path = format!("{path}.{name}");
                self.names.get(&path).cloned().unwrap_or(Value::name(path))
            }
            Value::Name(_) => Value::Unknown,
            other => Value::Method(other.clone().into(), name.into()),
        };
        let target = part(target, &format!(".{name}"));
        let known = target_name(&target).and_then(|name| self.names.get(name)).cloned();
        let constant = name.starts_with(|char: char| char.is_uppercase());
        let called = cursor.sees("(") && (self.language != Language::Ruby || !cursor.spaced());
        if !self.grammar.calls_members || called || known.is_some() || super::assignment(cursor).is_some() || constant {
            return (known.unwrap_or(member), target);
        }
        let bare = self.language == Language::Ruby && cursor.spaced() && begins_operand(cursor) && !cursor.sees("{");
        let args = if bare && !self.is_operator_next(cursor) { self.bare_arguments(cursor) } else { Args::default() };
        (self.call(&member, &args), Target::None)
    }

    fn is_operator_next(&self, cursor: &Cursor<'_>) -> bool {
        match cursor.peek() {
            Some(Token::Op(operator)) => !matches!(*operator, "[" | "(" | "&" | "*" | "::" | "->" | "-" | "!"),
            Some(Token::Word(word)) => self.grammar.is_word(word),
            _ => false,
        }
    }

    fn is_callable(&self, cursor: &Cursor<'_>, value: &Value) -> bool {
        match value {
            Value::Name(_) | Value::Method(..) | Value::Function | Value::Any(_) => true,
            Value::Text(_) | Value::Unknown => !cursor.spaced(),
            Value::Table | Value::Number(_) | Value::List(_) => false,
        }
    }

    fn index(&mut self, cursor: &Cursor<'_>, value: &Value, target: &Target, index: &Args) -> (Value, Target) {
        let target = part(target, "[]");
        if let Some(known) = target_name(&target).and_then(|name| self.names.get(name)) {
            return (known.clone(), target);
        }
        let place = index.first();
        let item = match (value, &place) {
            // `process["exit"]` is `process.exit`.
            (Value::Name(path), Value::Text(name)) if self.is(&[Language::Node, Language::Lua]) => {
                Value::name(format!("{path}.{name}"))
            }
            (Value::Name(path), Value::Text(name)) if &**path == "sys.modules" => Value::Name(name.clone()),
            (Value::Name(path), Value::Text(name)) if path.ends_with(".__dict__") => {
                Value::name(path.replace("__dict__", name))
            }
            (other, Value::Text(name)) if self.language == Language::Node => {
                Value::Method(other.clone().into(), name.clone())
            }
            (Value::List(items), Value::Number(place)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let place = if *place < 0 { place.saturating_add(length) } else { *place };
                usize::try_from(place).ok().and_then(|place| items.get(place)).cloned().unwrap_or_default()
            }
            _ => self.unseen_item(cursor, value),
        };
        (item, target)
    }

    /// What is taken from the globals by a name that is not known could be anything.
    fn unseen_item(&mut self, cursor: &Cursor<'_>, value: &Value) -> Value {
        let called = cursor.sees("(") || self.language == Language::Python && cursor.sees(".");
        if called && matches!(value, Value::Name(path) if self.grammar.table.in_module(path)) {
            self.found.runs_unknown();
        }
        Value::Unknown
    }

    fn is_perl_key(&self, cursor: &Cursor<'_>, target: &Target) -> bool {
        let variable = match target {
            Target::Name(name) => name.starts_with(['$', '@', '%']),
            _ => false,
        };
        self.language == Language::Perl && !cursor.spaced() && variable
    }

    /// `{key}`, behind the bracket: a word alone is only a text.
    fn key(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.second() == Some(&Token::Op("}")) && cursor.word().is_some_and(|word| !word.starts_with('$')) {
            cursor.bump();
        }
        self.block(cursor);
    }

    /// Arguments without parentheses.
    fn argument_behind(&mut self, cursor: &mut Cursor<'_>, value: &Value) -> Option<Args> {
        let lua = self.language == Language::Lua && matches!(value, Value::Name(_) | Value::Method(..));
        let tagged = self.language == Language::Node && matches!(value, Value::Name(_)) && !cursor.spaced();
        if let Some(Token::Text(pieces)) = cursor.peek()
            && (lua || tagged)
        {
            cursor.bump();
            return Some(Args::of(vec![self.string(pieces)]));
        }
        let Value::Name(name) = value else { return None };
        let name = self.grammar.without_scope(name);
        let function = self.grammar.table.function(name).is_some() || self.defined.contains(name);
        // What is written like `name value` is a call, of whatever that is.
        let unknown = self.grammar.is_bare("*") && matches!(cursor.peek(), Some(Token::Text(_))) && !is_handle(name);
        let bare = self.grammar.is_bare(name) && function || unknown;
        let begins = begins_operand(cursor) && (cursor.spaced() || matches!(cursor.peek(), Some(Token::Text(_))));
        if !bare
            || !begins
            || cursor.sees("(")
            || self.is_operator_next(cursor) && !cursor.sees("{") && !cursor.sees("\\")
        {
            return None;
        }
        Some(self.bare_arguments(cursor))
    }

    /// In Perl and Ruby a name alone is a call, if it is that of a function.
    fn call_alone(&mut self, cursor: &Cursor<'_>, value: Value, target: &Target) -> Value {
        let Value::Name(name) = &value else { return value };
        let alone = self.grammar.is_bare("*") && matches!(target, Target::Name(_)) && !cursor.sees("=>");
        if !alone || super::assignment(cursor).is_some() || self.grammar.table.function(name).is_none() {
            return value;
        }
        self.call(&value, &Args::default())
    }
}

/// A handle of a file in Perl: `STDERR`.
fn is_handle(name: &str) -> bool {
    name.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

fn target_name(target: &Target) -> Option<&str> {
    match target {
        Target::Name(name) => Some(name),
        _ => None,
    }
}

fn target_value(machine: &Machine<'_>, target: &Target) -> Value {
    target_name(target).and_then(|name| machine.names.get(name)).cloned().unwrap_or_default()
}

/// A part of what could be assigned to.
fn part(target: &Target, part: &str) -> Target {
    match target {
        Target::Name(name) if name.len() + part.len() < LONGEST_PATH => Target::Name(format!("{name}{part}")),
        _ => Target::None,
    }
}
