//! Which function a call is of.

use super::args::Args;
use super::{Machine, Target};
use crate::payload::Language;
use crate::payload::does::Does;
use crate::payload::value::Value;

/// Functions that change a variable which they are given.
const CHANGING: &[&str] = &[
    "push",
    "unshift",
    "splice",
    "chomp",
    "chop",
    "array_push",
    "array_unshift",
    "array_splice",
    "sort",
    "rsort",
    "shuffle",
    "preg_match",
    "preg_match_all",
    "sscanf",
    "settype",
    "table.insert",
    "read",
    "sysread",
];

/// Modules that are dangerous in hands which are not followed.
const MODULES: &[&str] = &[
    "os",
    "subprocess",
    "pty",
    "shutil",
    "posix",
    "builtins",
    "__builtins__",
    "ctypes",
    "importlib",
    "child_process",
    "fs",
    "vm",
    "process",
    "require",
    "globalThis",
    "module",
    "Deno",
    "Bun",
    "_G",
    "_ENV",
];

/// Methods that change what they are methods of.
const MUTATING: &[&str] = &[
    "append",
    "extend",
    "insert",
    "push",
    "unshift",
    "prepend",
    "concat",
    "replace",
    "add",
    "pop",
    "shift",
    "clear",
    "sort",
    "reverse",
    "splice",
    "fill",
    "remove",
    "delete",
    "delete_at",
];

impl Machine<'_> {
    /// A call of what a value stands for. Gives what it returns.
    pub(super) fn call(&mut self, callee: &Value, args: &Args) -> Value {
        match callee {
            Value::Name(path) => self.call_path(path, args),
            Value::Method(of, name) => self.call_method(of, name, args),
            Value::Function => {
                self.handed_on(args);
                Value::Unknown
            }
            // PHP and Perl call what a text names.
            Value::Text(_) if self.is(&[Language::Php, Language::Perl]) && callee.known().is_some() => {
                let name = callee.known().unwrap_or_default();
                self.call_path(&name, args)
            }
            Value::Any(choices) => {
                let results: Vec<Value> = choices.iter().map(|choice| self.call(choice, args)).collect();
                results.into_iter().reduce(|all, result| all.or(&result)).unwrap_or_default()
            }
            Value::Unknown | Value::Text(_) | Value::List(_) | Value::Number(_) | Value::Table => {
                self.handed_on(args);
                self.found.opaque();
                Value::Unknown
            }
        }
    }

    fn call_path(&mut self, path: &str, args: &Args) -> Value {
        let path = self.grammar.without_scope(path).to_owned();
        let table = &self.grammar.table;
        if self.defined.contains(&path) {
            self.handed_on(args);
            return Value::Unknown;
        }
        if let Some(does) = table.function(&path) {
            self.changed(&path, args);
            return self.perform(does, None, args);
        }
        if table.is_harmless(&path) {
            self.handed_on(args);
            return Value::Unknown;
        }
        match path.rsplit_once('.') {
            // What a module has beyond its table is not known, even if a method of texts has the same name.
            Some((of, name)) if !table.in_module(&path) => {
                let of = self.names.get(of).cloned().unwrap_or(Value::name(of));
                self.call_method(&of, name, args)
            }
            // In Perl, and behind `import *`, a module that only computes may have given the name.
            None if self.harmless_names && !self.other_names => {
                self.handed_on(args);
                Value::Unknown
            }
            _ => {
                self.handed_on(args);
                self.found.opaque();
                Value::Unknown
            }
        }
    }

    pub(super) fn call_method(&mut self, of: &Value, name: &str, args: &Args) -> Value {
        match self.grammar.table.method(name) {
            Some(does) => self.perform(does, Some(of), args),
            None => {
                self.handed_on(args);
                if !self.defined.contains(name) {
                    self.found.opaque();
                }
                Value::Unknown
            }
        }
    }

    /// A dangerous function that is handed on to another may be called there, with whatever.
    pub(super) fn handed_on(&mut self, args: &Args) {
        let values = args.values.iter().chain(args.named.iter().map(|(_, value)| value));
        for value in values.flat_map(parts) {
            self.let_go(value);
        }
    }

    /// A value that goes where it is not followed: to another function, or out of one.
    pub(super) fn let_go(&mut self, value: &Value) {
        if self.is_dangerous(value) {
            self.found.runs_unknown();
        }
        if matches!(value, Value::Name(path) if MODULES.contains(&&**path)) {
            self.found.opaque();
        }
    }

    /// Whether a dangerous function is among the arguments of one that does nothing with a module but show it.
    pub(super) fn shown(&mut self, args: &Args) {
        let dangerous = args.values.iter().chain(args.named.iter().map(|(_, value)| value));
        if dangerous.flat_map(parts).any(|value| self.is_dangerous(value)) {
            self.found.runs_unknown();
        }
    }

    /// Whether a value is a function that does harm.
    pub(super) fn is_dangerous(&self, value: &Value) -> bool {
        let does = match value {
            Value::Name(path) => {
                let path = self.grammar.without_scope(path);
                let own = self.defined.contains(path) || self.grammar.is_bare("*");
                if own { None } else { self.grammar.table.function(path) }
            }
            Value::Method(_, name) => self.grammar.table.method(name),
            _ => None,
        };
        does.is_some_and(Does::is_dangerous)
    }

    /// Some functions change the variables that they are given.
    fn changed(&mut self, path: &str, args: &Args) {
        if CHANGING.contains(&path) {
            if args.targets.first() == Some(&Target::Name("@ARGV".to_owned())) {
                self.argv_files(&Value::list(args.flat(1)));
            }
            for target in &args.targets {
                self.assign(target, &Value::Unknown);
            }
        }
    }

    /// Some methods change what they are methods of: `list.append(item)`.
    pub(super) fn mutated(&mut self, target: &Target, args: &Args) {
        let Target::Name(path) = target else { return };
        let Some((name, method)) = path.rsplit_once('.') else { return };
        let Some(before) = self.names.get(name).cloned() else { return };
        let changes =
            MUTATING.contains(&method) && (matches!(before, Value::List(_)) || self.language == Language::Ruby);
        if !changes && !method.ends_with('!') {
            return;
        }
        let after = match (method, &before) {
            ("append" | "push", Value::List(_)) => before.concat(&Value::list(args.values.clone())),
            ("extend", Value::List(_)) => before.concat(&args.first()),
            _ => Value::Unknown,
        };
        self.names.insert(name.to_owned(), if self.joins { before.or(&after) } else { after });
    }
}

/// A value, and what it is made of.
fn parts(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::List(items) | Value::Any(items) => Box::new(items.iter().flat_map(parts)),
        one => Box::new(std::iter::once(one)),
    }
}
