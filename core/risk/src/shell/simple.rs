//! Follows a simple command: its assignments, its redirections, its words.

use ogent_protocol::verdict::{Provenance, Span};
use rable::{Node, NodeKind as K};

use crate::data::Data;
use crate::judge::Judge;
use crate::shell::scope::Value;
use crate::word::Word;
use crate::word::parts;

impl Judge<'_> {
    pub(super) fn simple(
        &mut self,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        span: Span,
        stdin: &Data,
    ) -> Data {
        if !self.step(span) {
            return Data::unknown(Provenance::Unknown);
        }
        if self.scope.alternatives > 0 && self.scope.alternative > 0 {
            return self.once(assignments, words, redirects, span, stdin);
        }
        // Where a variable may hold several things, the command is followed with each.
        self.scope.alternatives = 0;
        let mut data = self.once(assignments, words, redirects, span, stdin);
        let most = self.scope.alternatives;
        for alternative in 1..most {
            self.scope.alternative = alternative;
            data = data.then(self.once(assignments, words, redirects, span, stdin).changed());
        }
        self.scope.alternative = 0;
        self.scope.alternatives = 0;
        data
    }

    fn once(&mut self, assignments: &[Node], words: &[Node], redirects: &[Node], span: Span, stdin: &Data) -> Data {
        let found = self.redirects(redirects, span, stdin);
        let input = found.stdin.clone().unwrap_or_else(|| stdin.clone());
        let mut set = Vec::new();
        for node in assignments {
            if let K::Word { value, .. } = &node.kind {
                let place = self.span(node);
                set.extend(self.assignment(value, place, stdin));
            }
        }
        let mut all = Vec::new();
        let (mut declares, mut is_local) = (false, false);
        for (number, node) in words.iter().enumerate() {
            let K::Word { value, .. } = &node.kind else { continue };
            let place = self.span(node);
            if number == 0 && all.is_empty() {
                if let Some(alias) = self.scope.aliases.get(value.as_str()).cloned() {
                    // Some shells expand aliases in a script, others do not: what stands there counts as well.
                    self.aside(|judge| judge.alias(value, &alias, words, span, &input));
                }
                declares = ["export", "declare", "local", "readonly", "typeset"].contains(&value.as_str());
                is_local = ["declare", "local", "typeset"].contains(&value.as_str());
            }
            match split_assignment(value).filter(|_| declares) {
                Some(_) => {
                    if let Some((name, value)) = self.assignment(value, place, stdin) {
                        let refers = all.iter().any(|word: &Word| word.is("-n"));
                        let value = match value.scalar().known().filter(|_| refers) {
                            Some(other) => self.scope.get(other).unwrap_or(value),
                            None => value,
                        };
                        if is_local && !all.iter().any(|word: &Word| word.is("-g")) {
                            self.scope.make_local(&name, self.branch > 0);
                        }
                        all.push(Word::literal(format!("{name}={}", value.scalar().shown()), place));
                        self.assign(&name, value);
                    }
                }
                None => all.append(&mut self.expand(value, place, &input)),
            }
        }
        if all.is_empty() {
            for (name, value) in set {
                self.assign(&name, value);
            }
            return self.settle(found, Data::nothing(), span);
        }
        let whole = match (all.first(), all.last()) {
            (Some(first), Some(last)) if last.span.end > first.span.start => Span::new(first.span.start, last.span.end),
            _ => span,
        };
        let before = (self.connected, found.network || (found.duplicates && self.connected));
        self.connected |= found.network;
        let is_exec = all.first().is_some_and(|word| word.is("exec"));
        let data = self.with_variables(set, |judge| judge.connected_command(all, &input, whole, before.1));
        // What `exec` opens stays open; what a command opens for itself does not.
        if found.network && !is_exec {
            self.connected = before.0;
        }
        self.settle(found, data, span)
    }

    /// What reads from a connection reads from the network.
    fn connected_command(&mut self, words: Vec<Word>, input: &Data, span: Span, connected: bool) -> Data {
        let network = Data::unknown(Provenance::Network);
        let input = if connected && (input.text.is_none() || input.nothing) { &network } else { input };
        self.command(words, input, span)
    }

    /// Follows a command with variables of its own: `A=b cmd`.
    fn with_variables(&mut self, set: Vec<(String, Value)>, follow: impl FnOnce(&mut Self) -> Data) -> Data {
        if set.is_empty() {
            return follow(self);
        }
        let before: Vec<(String, Option<Value>)> =
            set.iter().map(|(name, _)| (name.clone(), self.scope.get(name))).collect();
        for (name, value) in set {
            self.guard_variable(&name, &value.scalar());
            self.scope.set(&name, value, false);
        }
        let data = follow(self);
        for (name, value) in before {
            match value {
                Some(value) => self.scope.set(&name, value, false),
                None => self.scope.unset(&name, false),
            }
        }
        data
    }

    fn assign(&mut self, name: &str, value: Value) {
        self.guard_variable(name, &value.scalar());
        self.scope.set(name, value, self.branch > 0);
    }

    fn assignment(&mut self, raw: &str, span: Span, stdin: &Data) -> Option<(String, Value)> {
        let (target, text, adds) = split_assignment(raw)?;
        let (name, index) = target.split_once('[').map_or((target, None), |(name, index)| (name, Some(index)));
        let before = self.scope.get(name);
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            let mut words = if adds { before.map(|value| value.words).unwrap_or_default() } else { Vec::new() };
            for raw in raw_words(inner) {
                let raw = match raw.strip_prefix('[').and_then(|rest| rest.split_once("]=")) {
                    Some((key, value)) => {
                        self.expand_one(key, span, stdin);
                        value
                    }
                    None => raw,
                };
                words.append(&mut self.expand(raw, span, stdin));
            }
            return Some((name.to_owned(), Value::array(words)));
        }
        let mut word = self.expand_one(text, span, stdin);
        if let Some(index) = index {
            let at = index.trim_end_matches(']').parse::<usize>().ok().filter(|at| *at < 256);
            let mut value = before.unwrap_or(Value::array(Vec::new()));
            let at = at.unwrap_or(value.words.len());
            value.words.resize_with((at + 1).max(value.words.len()).min(257), Word::default);
            if let Some(slot) = value.words.get_mut(at) {
                *slot = word;
            }
            return Some((name.to_owned(), Value { array: true, ..value }));
        }
        if adds && let Some(before) = before {
            let mut joined = before.scalar();
            joined.push(&word);
            word = joined;
        }
        Some((name.to_owned(), Value::one(word)))
    }

    fn alias(&mut self, name: &str, alias: &Word, words: &[Node], span: Span, stdin: &Data) -> Data {
        let mut line = alias.clone();
        for node in words.iter().skip(1) {
            if let K::Word { value, .. } = &node.kind {
                line.text.push(' ');
                line.text.push_str(value);
            }
        }
        // An alias is not looked up again in itself.
        let own = self.scope.aliases.remove(name);
        let data = self.code(&line, stdin, Provenance::Literal, span);
        if let Some(own) = own {
            self.scope.aliases.insert(name.to_owned(), own);
        }
        data
    }
}

pub(super) fn is_usual_folder(folder: &str) -> bool {
    let usual = [
        "/bin",
        "/sbin",
        "/usr/",
        "/opt/",
        "/snap/",
        "/home/",
        "/root/",
        "/nix/",
        "/Library/",
        "/System/",
        "/var/lib/",
    ];
    usual.iter().any(|known| folder.starts_with(known))
}

/// `a=b`, `a+=b`, `a[1]=b`: the left side, the right one, and whether it adds.
pub(super) fn split_assignment(raw: &str) -> Option<(&str, &str, bool)> {
    let name = raw.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
    if name == 0 || raw.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let mut end = name;
    if raw.as_bytes().get(end) == Some(&b'[') {
        end += raw.get(end..)?.find(']')? + 1;
    }
    let target = raw.get(..end)?;
    let rest = raw.get(end..)?;
    match (rest.strip_prefix("+="), rest.strip_prefix('=')) {
        (Some(text), _) => Some((target, text, true)),
        (None, Some(text)) => Some((target, text, false)),
        (None, None) => None,
    }
}

/// The raw words between the brackets of an array.
pub(crate) fn raw_words(text: &str) -> Vec<&str> {
    let (mut words, mut from, mut at) = (Vec::new(), None, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        if byte.is_ascii_whitespace() {
            words.extend(from.take().and_then(|from: usize| text.get(from..at)));
            at += 1;
        } else {
            from.get_or_insert(at);
            at = parts::skip_quoted(text, at);
        }
    }
    words.extend(from.and_then(|from| text.get(from..)));
    words
}
