//! Modules, and what is taken from them.

use super::{Machine, Target};
use crate::payload::token::{Cursor, Token};
use crate::payload::value::Value;

impl Machine<'_> {
    /// Names may come from a module without being named here.
    fn names_of(&mut self, path: &str) {
        let harmless = self.grammar.table.is_harmless(path);
        self.harmless_names |= harmless;
        self.other_names |= !harmless;
    }

    fn module(&mut self, path: &str) {
        if !self.grammar.table.in_module(path) && !self.grammar.table.is_harmless(path) {
            self.found.opaque();
        }
    }

    /// `import a.b as c, d`.
    pub(super) fn python_import(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        loop {
            let path = dotted(cursor);
            self.module(&path);
            if cursor.eat_word("as")
                && let Some(alias) = cursor.word()
            {
                self.assign(&Target::Name(alias.to_owned()), &Value::name(path));
                cursor.bump();
            }
            if !cursor.eat(",") {
                return true;
            }
        }
    }

    /// `from a.b import c as d, e`.
    pub(super) fn python_from(&mut self, cursor: &mut Cursor<'_>) -> bool {
        cursor.bump();
        let module = dotted(cursor);
        if !cursor.eat_word("import") {
            // `yield from`.
            return true;
        }
        self.module(&module);
        if cursor.eat("*") {
            self.names_of(&module);
            for (name, path) in self.grammar.table.members(&module) {
                self.assign(&Target::Name(name.to_owned()), &Value::name(path));
            }
            return true;
        }
        let _ = cursor.eat("(");
        while let Some(name) = cursor.word() {
            cursor.bump();
            let alias = if cursor.eat_word("as") { cursor.word().inspect(|_| cursor.bump()) } else { None };
            self.assign(&Target::Name(alias.unwrap_or(name).to_owned()), &Value::name(format!("{module}.{name}")));
            if !cursor.eat(",") {
                break;
            }
        }
        cursor.eat(")");
        true
    }

    /// `const {a, b: c} = module`.
    pub(super) fn destructured(&mut self, cursor: &mut Cursor<'_>) -> bool {
        let mut ahead = *cursor;
        ahead.bump();
        if !ahead.eat("{") {
            return false;
        }
        let names = pairs(&mut ahead, ":");
        if !ahead.eat("=") {
            return false;
        }
        let module = self.expression(&mut ahead);
        self.bind(&names, &module);
        *cursor = ahead;
        true
    }

    fn bind(&mut self, names: &[(String, String)], module: &Value) {
        for (name, alias) in names {
            let value = match module {
                Value::Name(path) => Value::name(format!("{path}.{name}")),
                other => Value::Method(other.clone().into(), name.as_str().into()),
            };
            self.assign(&Target::Name(alias.clone()), &value);
        }
    }

    /// `import a, {b as c} from "module"`; `import("module")` is a call.
    pub(super) fn node_import(&mut self, cursor: &mut Cursor<'_>) -> bool {
        if cursor.second() == Some(&Token::Op("(")) || cursor.second() == Some(&Token::Op(".")) {
            return false;
        }
        cursor.bump();
        let mut whole = Vec::new();
        let mut names = Vec::new();
        while cursor.left() > 0 && !matches!(cursor.peek(), Some(Token::Text(_) | Token::End)) {
            if cursor.eat("{") {
                names = pairs(cursor, "as");
                continue;
            }
            whole.extend(cursor.word().filter(|word| !matches!(*word, "from" | "as" | "type")));
            cursor.bump();
        }
        let Some(Token::Text(pieces)) = cursor.peek() else { return true };
        cursor.bump();
        let name = self.string(pieces);
        let module = self.imported(&name);
        for alias in whole {
            self.assign(&Target::Name(alias.to_owned()), &module);
        }
        self.bind(&names, &module);
        true
    }

    /// `use Module qw(names)`, `use 5.010`.
    pub(super) fn perl_use(&mut self, cursor: &mut Cursor<'_>) -> bool {
        if !matches!(cursor.second(), Some(Token::Word(name)) if !name.starts_with('$')) {
            return false;
        }
        cursor.bump();
        let path = cursor.word().unwrap_or_default().to_owned();
        cursor.bump();
        let version = path.strip_prefix('v').is_some_and(|rest| rest.chars().all(|char| char.is_ascii_digit()));
        if !version {
            self.module(&path);
            self.names_of(&path);
        }
        self.bare_arguments(cursor);
        true
    }
}

/// `a.b.c`.
fn dotted(cursor: &mut Cursor<'_>) -> String {
    let mut path = String::new();
    while let Some(Token::Word(_) | Token::Op("." | ".." | "...")) = cursor.peek() {
        match cursor.word() {
            Some("import" | "as") => break,
            Some(name) => path.push_str(name),
            None => path.push('.'),
        }
        cursor.bump();
        if !cursor.sees(".") && !path.ends_with('.') {
            break;
        }
    }
    path
}

/// `a, b: c}`: names, and what they are called from then on.
fn pairs(cursor: &mut Cursor<'_>, mark: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while cursor.left() > 0 && !cursor.eat("}") {
        let Some(name) = cursor.word() else {
            cursor.bump();
            continue;
        };
        cursor.bump();
        let renamed = cursor.eat(mark) || cursor.eat_word(mark);
        let alias = if renamed { cursor.word().inspect(|_| cursor.bump()) } else { None };
        pairs.push((name.to_owned(), alias.unwrap_or(name).to_owned()));
    }
    pairs
}
