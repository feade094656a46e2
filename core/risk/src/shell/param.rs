//! Receives what stands between the braces of `${…}`, gives its value.

use ogent_protocol::verdict::{Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::shell::scope::Value;
use crate::word::{Word, glob};

/// What an expansion gives.
#[derive(Debug)]
pub(crate) struct Expanded {
    words: Vec<Word>,
    /// Whether each is a word of its own even in quotes: `"$@"`.
    pub(crate) separate: bool,
}

impl Expanded {
    fn one(word: Word) -> Self {
        Self { words: vec![word], separate: false }
    }

    pub(crate) fn into_words(self) -> Vec<Word> {
        self.words
    }
}

/// A name, perhaps with an index, and what stands behind it.
struct Reference<'a> {
    name: &'a str,
    index: Option<&'a str>,
    rest: &'a str,
}

impl Judge<'_> {
    /// The value of a parameter expansion.
    pub(crate) fn param(&mut self, body: &str, span: Span, stdin: &Data) -> Expanded {
        if let Some(name) = body.strip_prefix('#').filter(|name| !name.is_empty()) {
            let text = self.param(name, span, stdin).into_words().first().and_then(|word| word.known().map(str::len));
            return Expanded::one(match text {
                Some(len) => Word::literal(len.to_string(), span),
                None => Word::unknown(Provenance::Unknown, span),
            });
        }
        if let Some(name) = body.strip_prefix('!').filter(|name| !name.is_empty()) {
            return self.indirect(name, span, stdin);
        }
        let reference = Reference::parse(body);
        let (value, separate) = self.value(&reference, span, stdin);
        self.operate(&reference, value, separate, span, stdin)
    }

    fn indirect(&mut self, name: &str, span: Span, stdin: &Data) -> Expanded {
        let reference = Reference::parse(name);
        if reference.rest.starts_with(['@', '*']) || matches!(reference.index, Some("@" | "*")) {
            return Expanded::one(Word::unknown(Provenance::Unknown, span));
        }
        let (value, _) = self.value(&reference, span, stdin);
        match value.map(|value| value.scalar()) {
            Some(word) if self.depth < 32 => match word.known() {
                Some(other) if !other.is_empty() && other != name => {
                    let body = format!("{other}{}", reference.rest);
                    self.depth += 1;
                    let out = self.param(&body, span, stdin);
                    self.depth -= 1;
                    out
                }
                _ => Expanded::one(Word::unknown(Provenance::Unknown, span)),
            },
            _ => Expanded::one(Word::unknown(Provenance::Unknown, span)),
        }
    }

    fn value(&mut self, reference: &Reference<'_>, span: Span, stdin: &Data) -> (Option<Value>, bool) {
        let all = matches!(reference.index, Some("@" | "*"));
        match reference.name {
            "@" | "*" => return (Some(Value::array(self.scope.arguments.clone())), reference.name == "@"),
            "#" => return (Some(Value::one(Word::literal(self.scope.arguments.len().to_string(), span))), false),
            "?" => return (Some(Value::one(Word::literal("0", span))), false),
            "0" => {
                let name = self.scope.own_name.clone().unwrap_or_else(|| Word::literal("sh", span));
                return (Some(Value::one(name)), false);
            }
            "$" | "!" | "-" | "RANDOM" | "SECONDS" | "LINENO" | "UID" | "EUID" | "PPID" | "BASHPID" => {
                return (Some(Value::unknown(Provenance::Literal, span)), false);
            }
            "IFS" if self.scope.get("IFS").is_none() => return (Some(Value::one(Word::literal(" \t\n", span))), false),
            "PWD" => {
                let cwd = self.standpoint.cwd.clone().unwrap_or_else(|| ".".to_owned());
                return (Some(Value::one(Word::literal(cwd, span))), false);
            }
            digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                let at = digits.parse::<usize>().unwrap_or(usize::MAX).wrapping_sub(1);
                return (self.scope.arguments.get(at).cloned().map(Value::one), false);
            }
            _ => {}
        }
        let value = self
            .scope
            .get(reference.name)
            .map(|value| Value { words: value.words.into_iter().map(|w| Word { span, ..w }).collect(), ..value });
        match (value, reference.index) {
            (Some(value), _) if all => (Some(Value::array(value.words)), reference.index == Some("@")),
            (Some(value), Some(index)) => {
                let at = self.arithmetic(index, span, stdin).known().and_then(|text| text.parse::<i64>().ok());
                let len = i64::try_from(value.words.len()).unwrap_or(i64::MAX);
                let at = at.map(|at| if at < 0 { at + len } else { at }).and_then(|at| usize::try_from(at).ok());
                // By name, it is one of them.
                let word = at.map_or_else(|| value.words.last().cloned(), |at| value.words.get(at).cloned());
                (Some(Value::one(word.unwrap_or_else(|| Word::unknown(Provenance::Unknown, span)))), false)
            }
            (value, index) => {
                if let Some(index) = index.filter(|index| index.contains(['$', '`'])) {
                    self.arithmetic(index, span, stdin);
                }
                (value.map(|value| Value::one(value.scalar())), false)
            }
        }
    }

    fn operate(
        &mut self,
        reference: &Reference<'_>,
        value: Option<Value>,
        separate: bool,
        span: Span,
        stdin: &Data,
    ) -> Expanded {
        let rest = reference.rest;
        let with_colon = rest.strip_prefix(':').filter(|rest| rest.starts_with(['-', '=', '?', '+']));
        let tested = with_colon.unwrap_or(rest);
        let is_empty =
            value.as_ref().is_none_or(|value| value.words.iter().all(Word::is_blank) && with_colon.is_some());
        if let Some(other) = tested.strip_prefix(['-', '=']) {
            if !is_empty {
                return Expanded { words: value.map(|value| value.words).unwrap_or_default(), separate };
            }
            let word = self.expand_one(other, span, stdin);
            if tested.starts_with('=') {
                self.scope.set(reference.name, Value::one(word.clone()), self.branch > 0);
            }
            return Expanded::one(word);
        }
        if let Some(other) = tested.strip_prefix('?') {
            self.expand_one(other, span, stdin);
            return match value {
                Some(value) => Expanded { words: value.words, separate },
                // It stops where there is none, so that it is never empty.
                None => Expanded::one(Word::unknown(Provenance::Unknown, span)),
            };
        }
        if let Some(other) = tested.strip_prefix('+') {
            // Whether it is set is known only for what was set here.
            let word = self.expand_one(other, span, stdin);
            return if is_empty && value.is_some() {
                Expanded::one(Word::literal("", span))
            } else {
                Expanded::one(word)
            };
        }
        let Some(value) = value else {
            if !rest.is_empty() {
                self.expand_one(rest, span, stdin);
            }
            return Expanded::one(Word::unknown(Provenance::Unknown, span));
        };
        if rest.is_empty() {
            return Expanded { words: value.words, separate };
        }
        if let (Some(slice), true) = (rest.strip_prefix(':'), value.array) {
            return Expanded { words: self.slice_words(&value.words, slice, span, stdin), separate };
        }
        let words = value.words.iter().map(|word| self.transform(word, rest, span, stdin)).collect();
        Expanded { words, separate }
    }

    fn slice_words(&mut self, words: &[Word], slice: &str, span: Span, stdin: &Data) -> Vec<Word> {
        match self.bounds(slice, words.len() + 1, span, stdin) {
            // `${@:1}` begins with the first argument.
            Some((from, to)) => {
                words.get(from.saturating_sub(1)..to.saturating_sub(1).min(words.len())).unwrap_or_default().to_vec()
            }
            None => words.to_vec(),
        }
    }

    fn bounds(&mut self, slice: &str, len: usize, span: Span, stdin: &Data) -> Option<(usize, usize)> {
        let (from, count) = slice.split_once(':').map_or((slice, None), |(from, count)| (from, Some(count)));
        let len = i64::try_from(len).ok()?;
        let number = |judge: &mut Self, text: &str| {
            judge.arithmetic(text, span, stdin).known().and_then(|text| text.parse::<i64>().ok())
        };
        let from = number(self, from)?;
        let from = if from < 0 { (from + len).max(0) } else { from.min(len) };
        let to = match count {
            None => len,
            Some(count) => {
                let count = number(self, count)?;
                if count < 0 { len + count } else { from.saturating_add(count).min(len) }
            }
        };
        Some((usize::try_from(from).ok()?, usize::try_from(to.max(from)).ok()?))
    }

    fn transform(&mut self, word: &Word, rest: &str, span: Span, stdin: &Data) -> Word {
        let Some(text) = word.known().filter(|text| text.len() <= 1024).map(str::to_owned) else {
            self.expand_one(rest, span, stdin);
            // What is cut out of something unknown or long is not known.
            return Word::unknown(word.provenance().max(Provenance::Unknown), span);
        };
        let made = |text: String| Word { text, source: word.source.max(Provenance::Decoded), ..word.clone() };
        if let Some(slice) = rest.strip_prefix(':') {
            let chars: Vec<char> = text.chars().collect();
            return match self.bounds(slice, chars.len(), span, stdin) {
                Some((from, to)) => made(chars.get(from..to).unwrap_or_default().iter().collect()),
                None => Word::unknown(Provenance::Unknown, span),
            };
        }
        let pattern = |judge: &mut Self, raw: &str| judge.expand_one(raw, span, stdin).text;
        if let Some(cut) = rest.strip_prefix("##").or_else(|| rest.strip_prefix('#')) {
            let pattern = pattern(self, cut);
            return made(trim_start(&text, &pattern, rest.starts_with("##")).to_owned());
        }
        if let Some(cut) = rest.strip_prefix("%%").or_else(|| rest.strip_prefix('%')) {
            let pattern = pattern(self, cut);
            return made(trim_end(&text, &pattern, rest.starts_with("%%")).to_owned());
        }
        if let Some(replace) = rest.strip_prefix('/') {
            let (all, replace) = replace.strip_prefix('/').map_or((false, replace), |replace| (true, replace));
            let (from, to) = split_replacement(replace);
            let (from, to) = (pattern(self, &from), pattern(self, &to));
            return match replace_matches(&text, &from, &to, all) {
                Some(text) if self.grow(text.len(), span) => made(text),
                _ => Word::unknown(Provenance::Unknown, span),
            };
        }
        match rest {
            "^^" | "@U" => made(text.to_uppercase()),
            ",," | "@L" => made(text.to_lowercase()),
            "^" | "@u" | "," => {
                let mut chars = text.chars();
                let first = chars
                    .next()
                    .map(|c| if rest == "," { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() });
                made(format!("{}{}", first.unwrap_or_default(), chars.as_str()))
            }
            "@E" => made(crate::decode::ansi_c(&text)),
            "@Q" | "@A" | "@a" | "@K" => word.clone(),
            "@P" => {
                // A prompt may hold commands.
                self.code(&Word { text: format!(": \"{text}\""), ..word.clone() }, stdin, Provenance::Decoded, span);
                word.clone()
            }
            other => {
                self.expand_one(other, span, stdin);
                word.clone()
            }
        }
    }
}

impl<'a> Reference<'a> {
    fn parse(body: &'a str) -> Self {
        let special = body.starts_with(['@', '*', '#', '?', '$', '!', '-']);
        let len =
            if special { 1 } else { body.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count() };
        let (name, rest) = body.split_at_checked(len).unwrap_or((body, ""));
        match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((index, rest)) => Self { name, index: Some(index), rest },
            None => Self { name, index: None, rest },
        }
    }
}

fn trim_start<'a>(text: &'a str, pattern: &str, longest: bool) -> &'a str {
    let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    if longest {
        ends.reverse();
    }
    let hit = ends.into_iter().take(512).find(|end| text.get(..*end).is_some_and(|head| glob::matches(pattern, head)));
    hit.and_then(|end| text.get(end..)).unwrap_or(text)
}

fn trim_end<'a>(text: &'a str, pattern: &str, longest: bool) -> &'a str {
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    if !longest {
        starts.reverse();
    }
    let hit =
        starts.into_iter().take(512).find(|start| text.get(*start..).is_some_and(|tail| glob::matches(pattern, tail)));
    hit.and_then(|start| text.get(..start)).unwrap_or(text)
}

/// The two sides of `pattern/text`; `\/` is no border.
fn split_replacement(text: &str) -> (String, String) {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '/' if !escaped => {
                let (from, to) = text.split_at(at);
                return (from.replace("\\/", "/"), to.get(1..).unwrap_or_default().replace("\\/", "/"));
            }
            _ => escaped = c == '\\' && !escaped,
        }
    }
    (text.replace("\\/", "/"), String::new())
}

/// None where it is not followed.
fn replace_matches(text: &str, from: &str, to: &str, all: bool) -> Option<String> {
    let (from, anchored) = from.strip_prefix(['#', '%']).map_or((from, false), |rest| (rest, true));
    if from.is_empty() {
        return Some(text.to_owned());
    }
    if anchored {
        return (from.contains(['*', '?', '[']) && glob::matches(from, text)).then(|| to.to_owned());
    }
    if !from.contains(['*', '?', '[', '\\']) {
        return Some(if all { text.replace(from, to) } else { text.replacen(from, to, 1) });
    }
    let single = from == "?" || from.starts_with('[') && from.find(']') == Some(from.len() - 1);
    if !single {
        return None;
    }
    let mut done = false;
    let replace = |c: char| {
        if (all || !done) && glob::matches(from, &c.to_string()) {
            done = true;
            to.to_owned()
        } else {
            c.to_string()
        }
    };
    Some(text.chars().map(replace).collect())
}
