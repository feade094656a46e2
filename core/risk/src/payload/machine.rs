//! Follows a program of most languages, token by token, and keeps the values of its names.
//!
//! It is no interpreter: every token is read once, in the order in which it stands there, whether it would be reached or not.
//! A name that gets several values in a program with branches has any of them.

mod args;
mod call;
mod declare;
mod import;
mod make;
mod operand;
mod operator;
mod perform;
mod postfix;
mod reflect;

use std::collections::{HashMap, HashSet};

use ogent_protocol::verdict::EffectKind;

use super::Language;
use super::findings::Findings;
use super::grammar::Grammar;
use super::lex;
use super::token::{Cursor, Lexeme, Token};
use super::value::Value;

/// Deeper brackets, and deeper code in code, are not followed.
const DEEPEST: usize = 40;
const DEEPEST_CODE: usize = 6;

/// More names, and more texts that are code, are not followed.
const MOST_NAMES: usize = 512;
const MOST_CODE: usize = 256;

/// Says what a program does.
pub(super) fn follow(language: Language, grammar: &'static Grammar, code: &str, found: &mut Findings) {
    let mut first = Findings::default();
    let mut machine = Machine::new(language, grammar, &mut first);
    machine.code(code);
    let (names, branches) = (machine.names, machine.branches);
    if !branches {
        return found.add(first);
    }
    // What is done above may be done with what is assigned below, so everything is read again with all values.
    let mut again = Machine { names, joins: true, ..Machine::new(language, grammar, found) };
    again.code(code);
}

/// Something that can get a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    None,
    Name(String),
    Names(Vec<Target>),
}

struct Machine<'f> {
    language: Language,
    grammar: &'static Grammar,
    names: HashMap<String, Value>,
    /// The functions and classes that the code defines.
    defined: HashSet<String>,
    /// A name keeps the values that it had.
    joins: bool,
    /// There are branches, loops or functions.
    branches: bool,
    /// Names were taken from modules that only compute; from others.
    harmless_names: bool,
    other_names: bool,
    depth: usize,
    code_depth: usize,
    codes: usize,
    found: &'f mut Findings,
}

impl<'f> Machine<'f> {
    fn new(language: Language, grammar: &'static Grammar, found: &'f mut Findings) -> Self {
        Self {
            language,
            grammar,
            names: HashMap::new(),
            defined: HashSet::new(),
            joins: false,
            branches: false,
            harmless_names: false,
            other_names: false,
            depth: 0,
            code_depth: 0,
            codes: 0,
            found,
        }
    }

    fn is(&self, languages: &[Language]) -> bool {
        languages.contains(&self.language)
    }

    /// Follows code, which may stand in a string of other code. Gives the value of its first expression.
    fn code(&mut self, code: &str) -> Value {
        self.codes += 1;
        if self.code_depth >= DEEPEST_CODE || self.codes > MOST_CODE {
            self.found.opaque();
            return Value::Unknown;
        }
        let tokens = lex::tokens(self.language, code);
        if !tokens.complete {
            self.found.opaque();
        }
        self.note_definitions(&tokens.lexemes);
        let depth = std::mem::replace(&mut self.depth, 0);
        self.code_depth += 1;
        let mut cursor = Cursor::new(&tokens.lexemes);
        let value = self.statement(&mut cursor);
        self.statements(&mut cursor, None);
        self.code_depth -= 1;
        self.depth = depth;
        value
    }

    fn note_definitions(&mut self, lexemes: &[Lexeme]) {
        for pair in lexemes.windows(2) {
            if let [Lexeme { token: Token::Word(word), .. }, Lexeme { token: Token::Word(name), .. }] = pair
                && matches!(word.as_str(), "def" | "function" | "sub" | "class" | "func" | "fn" | "module")
                && self.defined.len() < MOST_NAMES
            {
                self.defined.insert(name.clone());
            }
        }
    }

    /// Statements, up to a bracket that closes or to the end.
    fn statements(&mut self, cursor: &mut Cursor<'_>, end: Option<&str>) {
        while cursor.left() > 0 {
            if end.is_some_and(|end| cursor.eat(end)) {
                return;
            }
            self.statement(cursor);
        }
    }

    /// A statement, or a part of one. Always moves on.
    fn statement(&mut self, cursor: &mut Cursor<'_>) -> Value {
        let before = cursor.left();
        let mut targets = Vec::new();
        let mut first = None;
        loop {
            let (value, target) = self.simple(cursor);
            first.get_or_insert(value);
            targets.push(target);
            if !cursor.eat(",") || cursor.left() == 0 {
                break;
            }
        }
        let first = first.unwrap_or_default();
        if let Some(operator) = assignment(cursor) {
            return self.assignments(cursor, operator, &targets, &first);
        }
        if cursor.left() == before {
            cursor.bump();
        }
        // What is returned, say, is called somewhere else.
        self.let_go(&first);
        first
    }

    /// `a, b = 1, 2`.
    fn assignments(&mut self, cursor: &mut Cursor<'_>, operator: &str, targets: &[Target], first: &Value) -> Value {
        cursor.bump();
        let value = self.expression(cursor);
        if let [target] = targets {
            let value = combined(operator, first, value);
            self.assign(target, &value);
            return value;
        }
        let mut values = vec![value];
        while cursor.eat(",") {
            values.push(self.expression(cursor));
        }
        let values = match values.as_slice() {
            [Value::List(items)] => items.to_vec(),
            _ => values,
        };
        let fits = values.len() == targets.len();
        for (index, target) in targets.iter().enumerate() {
            self.assign(target, values.get(index).filter(|_| fits).unwrap_or(&Value::Unknown));
        }
        Value::Unknown
    }

    /// An expression with all that belongs to it, up to a comma or a bracket.
    fn expression(&mut self, cursor: &mut Cursor<'_>) -> Value {
        self.assigning(cursor).0
    }

    /// The same, with what could be assigned to if it is nothing more.
    fn assigning(&mut self, cursor: &mut Cursor<'_>) -> (Value, Target) {
        let (value, target) = self.simple(cursor);
        let Some(operator) = assignment(cursor) else { return (value, target) };
        if self.depth >= DEEPEST {
            self.found.opaque();
            cursor.bump();
            return (Value::Unknown, Target::None);
        }
        cursor.bump();
        self.depth += 1;
        let right = self.expression(cursor);
        self.depth -= 1;
        let value = combined(operator, &value, right);
        self.assign(&target, &value);
        (value, target)
    }

    fn assign(&mut self, target: &Target, value: &Value) {
        match target {
            Target::None => {}
            Target::Name(name) => {
                // Perl changes its user by an assignment.
                if matches!(name.as_str(), "$<" | "$>" | "$(" | "$)") {
                    self.found.effect_on(EffectKind::PrivilegeRaised, None, false);
                }
                if name == "@ARGV" {
                    self.argv_files(value);
                }
                let known = self.names.get(name);
                if known.is_none() && self.names.len() >= MOST_NAMES {
                    return self.found.opaque();
                }
                let value = match known {
                    Some(before) if self.joins || name.ends_with(']') || name.ends_with('}') => {
                        before.clone().or(value)
                    }
                    _ => value.clone(),
                };
                self.names.insert(name.clone(), value);
            }
            Target::Names(targets) => {
                let items = match value {
                    Value::List(items) if items.len() == targets.len() => items.to_vec(),
                    _ => Vec::new(),
                };
                for (index, target) in targets.iter().enumerate() {
                    self.assign(target, items.get(index).unwrap_or(&Value::Unknown));
                }
            }
        }
    }

    /// Perl reads the files that its arguments name, and runs those that are commands.
    fn argv_files(&mut self, value: &Value) {
        let files = if let Value::List(files) = value { files } else { value.choices() };
        for file in files.iter().filter_map(Value::as_text) {
            match file.trim().strip_suffix('|').or_else(|| file.trim().strip_prefix('|')) {
                Some(command) => self.found.shell(&Value::text(command.trim())),
                None => self.found.effect(EffectKind::Read, &Value::Text(file), false),
            }
        }
    }

    /// Nobody knows what a name stands for from here on: a parameter, say.
    fn forget(&mut self, name: &str) {
        self.assign(&Target::Name(name.to_owned()), &Value::Unknown);
    }

    fn branch(&mut self, word: &str) {
        self.branches = true;
        self.found.loops |= matches!(word, "while" | "for" | "foreach" | "until" | "loop");
    }
}

/// The operator of an assignment, if one comes next.
fn assignment<'t>(cursor: &Cursor<'t>) -> Option<&'t str> {
    match cursor.peek() {
        Some(Token::Op(
            operator @ ("=" | ":=" | "+=" | ".=" | "-=" | "*=" | "/=" | "%=" | "||=" | "&&=" | "??=" | "//=" | "|="
            | "&=" | "^=" | "**=" | "..="),
        )) => Some(operator),
        _ => None,
    }
}

/// What a name has after an assignment.
fn combined(operator: &str, before: &Value, value: Value) -> Value {
    match operator {
        "=" | ":=" => value,
        "+=" | ".=" | "..=" => before.concat(&value),
        "||=" | "&&=" | "??=" | "//=" => value.or(before),
        _ => Value::Unknown,
    }
}
