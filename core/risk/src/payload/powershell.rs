//! Reads PowerShell: its commands with their arguments, and the methods of .NET that do more than compute.

mod command;
mod lex;

use std::collections::HashMap;

use super::findings::Findings;
use super::value::Value;
use lex::Word;

/// Text in text is read up to this depth.
const DEEPEST: usize = 4;

/// Says what a script does.
pub(super) fn scan(code: &str, found: &mut Findings) {
    let mut script = Script { names: HashMap::new(), depth: 0, found };
    script.follow(code);
}

struct Script<'f> {
    names: HashMap<String, Value>,
    depth: usize,
    found: &'f mut Findings,
}

impl Script<'_> {
    fn follow(&mut self, code: &str) {
        if self.depth >= DEEPEST {
            return self.found.opaque();
        }
        self.depth += 1;
        let (commands, complete) = lex::commands(code);
        if !complete {
            self.found.opaque();
        }
        let mut piped = Value::Unknown;
        for command in &commands {
            piped = self.command(command, &piped);
        }
        self.depth -= 1;
    }

    /// One command; gives what it hands to the next one, where that is known.
    fn command(&mut self, words: &[Word], piped: &Value) -> Value {
        if let [Word::Bare(name), Word::Bare(equals), rest @ ..] = words
            && name.starts_with('$')
            && equals == "="
        {
            let value = self.command(rest, &Value::Unknown);
            let before = self.names.get(name).cloned();
            self.names.insert(name.clone(), before.map_or(value.clone(), |before| before.or(&value)));
            return Value::Unknown;
        }
        match words {
            [] => Value::Unknown,
            [Word::Bare(mark), rest @ ..] if mark == "&" || mark == "." => {
                if !rest.is_empty() {
                    self.called(rest);
                }
                Value::Unknown
            }
            [Word::Text(text)] => Value::text(text.as_str()),
            [first, arguments @ ..] => self.run(first, arguments, piped),
        }
    }

    fn value(&self, word: &Word) -> Value {
        match word {
            Word::Text(text) => Value::text(text.as_str()),
            Word::Bare(name) if name.starts_with('$') => self.names.get(name).cloned().unwrap_or_default(),
            Word::Bare(text) => Value::text(text.as_str()),
        }
    }
}
