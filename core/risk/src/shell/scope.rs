//! What a command has set: variables, functions, aliases, its arguments.

use std::collections::HashMap;
use std::rc::Rc;

use ogent_protocol::verdict::{Provenance, Span};
use rable::Node;

use crate::context::Context;
use crate::word::Word;

/// What a variable may hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    /// One word, or those of an array.
    pub(crate) words: Vec<Word>,
    /// Whether it is an array.
    pub(crate) array: bool,
}

/// What a command has set. Cheap to copy as long as little is set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// Each variable with everything that it may hold.
    vars: HashMap<String, Vec<Value>>,
    pub(crate) functions: HashMap<String, (Rc<Node>, crate::judge::Frame)>,
    /// Functions of which nobody knows whether they are defined.
    pub(crate) doubtful: Vec<String>,
    pub(crate) aliases: HashMap<String, Word>,
    /// `$1` and on; none where nobody knows.
    pub(crate) arguments: Vec<Word>,
    /// `$0`.
    pub(crate) own_name: Option<Word>,
    /// Which of several values is looked at now.
    pub(crate) alternative: usize,
    /// How many values the variable had that had the most.
    pub(crate) alternatives: usize,
    /// Functions that are being followed.
    pub(crate) calls: Vec<Rc<Node>>,
    /// For each of them the variables that are its own.
    locals: Vec<Vec<Local>>,
}

/// A variable of a function, which hides one of the same name.
#[derive(Debug, Clone)]
struct Local {
    name: String,
    /// What the hidden one may hold.
    hidden: Option<Vec<Value>>,
    /// Whether nobody knows that it hides anything.
    maybe: bool,
}

/// Most values that are kept for one variable.
const MAX_VALUES: usize = 8;
/// Most variables of its own that a function may have; more are taken for those of everybody.
const MAX_LOCALS: usize = 256;

// === impl Scope ===

impl Scope {
    pub(crate) fn new(context: &Context, home: &str) -> Self {
        let mut scope = Self::default();
        let span = Span::default();
        let mut preset = |name: &str, text: &str| scope.set(name, Value::one(Word::literal(text, span)), false);
        preset("HOME", home);
        preset("TMPDIR", "/tmp");
        preset("HISTFILE", &format!("{home}/.bash_history"));
        preset("OSTYPE", "linux-gnu");
        preset("SHELL", "/bin/bash");
        preset("BASH", "/bin/bash");
        if let Some(user) = &context.user {
            preset("USER", user);
            preset("LOGNAME", user);
        }
        for (name, value) in &context.env {
            preset(name, value);
        }
        scope
    }

    /// Sets a variable. Where nobody knows whether this is reached, what it held before stays possible.
    pub(crate) fn set(&mut self, name: &str, value: Value, maybe: bool) {
        match self.vars.get_mut(name) {
            Some(values) if maybe => {
                if !values.contains(&value) && values.len() < MAX_VALUES {
                    values.push(value);
                } else if !values.contains(&value)
                    && let Some(last) = values.last_mut()
                {
                    // More than are kept: the last one is any.
                    *last = Value::one(Word::unknown(Provenance::Unknown, value.scalar().span));
                }
            }
            Some(values) => *values = vec![value],
            None => {
                if self.vars.len() < 4096 {
                    self.vars.insert(name.to_owned(), vec![value]);
                }
            }
        }
    }

    /// A function begins.
    pub(crate) fn enter(&mut self) {
        self.locals.push(Vec::new());
    }

    /// The variable is the function's own from now on.
    pub(crate) fn make_local(&mut self, name: &str, maybe: bool) {
        let Some(locals) = self.locals.last_mut() else { return };
        if locals.len() < MAX_LOCALS && !locals.iter().any(|local| local.name == name) {
            locals.push(Local { name: name.to_owned(), hidden: self.vars.get(name).cloned(), maybe });
        }
    }

    /// The function ends: what its own variables have hidden shows again.
    pub(crate) fn leave(&mut self) {
        for Local { name, hidden, maybe } in self.locals.pop().unwrap_or_default() {
            match hidden {
                Some(values) if maybe => values.into_iter().for_each(|value| self.set(&name, value, true)),
                Some(values) => {
                    self.vars.insert(name, values);
                }
                None if maybe => {}
                None => {
                    self.vars.remove(&name);
                }
            }
        }
    }

    pub(crate) fn unset(&mut self, name: &str, maybe: bool) {
        if !maybe {
            self.vars.remove(name);
        }
        self.functions.remove(name);
    }

    /// What a variable holds, as far as the command itself has set it.
    pub(crate) fn get(&mut self, name: &str) -> Option<Value> {
        let values = self.vars.get(name)?;
        self.alternatives = self.alternatives.max(values.len());
        values.get(self.alternative.min(values.len().saturating_sub(1))).cloned()
    }

    /// Names for the holes of a text.
    pub(crate) fn fill(&mut self, holes: &[(String, Word)]) {
        for (name, word) in holes {
            self.set(name, Value::one(word.clone()), false);
        }
    }
}

// === impl Value ===

impl Value {
    pub(crate) fn one(word: Word) -> Self {
        Self { words: vec![word], array: false }
    }

    pub(crate) fn array(words: Vec<Word>) -> Self {
        Self { words, array: true }
    }

    /// As one word: what `$x` stands for.
    pub(crate) fn scalar(&self) -> Word {
        self.words.first().cloned().unwrap_or_default()
    }

    pub(crate) fn unknown(source: Provenance, span: Span) -> Self {
        Self::one(Word::unknown(source, span))
    }
}
