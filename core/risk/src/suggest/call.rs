//! A simple command, as the rules about suggestions see it.

use std::ops::Range;

use rable::{Node, NodeKind};

use super::line::{Edit, Line};
use super::scan;

/// A word of a command.
#[derive(Debug, Clone)]
pub(super) struct Arg<'a> {
    /// Where it stands, in bytes.
    pub(super) range: Range<usize>,
    /// As it stands there.
    pub(super) raw: &'a str,
    /// What it means, where nothing in it is expanded.
    pub(super) text: Option<String>,
}

/// A simple command from its program on; what only wraps it, such as `sudo`, stands before.
pub(super) struct Call<'a> {
    /// The program's name, without its folder.
    pub(super) name: String,
    pub(super) program: Arg<'a>,
    pub(super) args: Vec<Arg<'a>>,
    /// What stands before the program: `sudo -n `.
    pub(super) prefix: &'a str,
    pub(super) redirects: &'a [Node],
    /// The whole command with what wraps it and its redirections.
    pub(super) range: Range<usize>,
    /// The node that it was made of.
    pub(super) node: &'a Node,
}

/// Programs that run another one, with their options that take a word, and how many words of their own they take.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("sudo", &["-u", "-g", "-p", "-C", "-h", "-r", "-t", "-U", "-D"], 0),
    ("doas", &["-u", "-C"], 0),
    ("nohup", &[], 0),
    ("nice", &["-n"], 0),
    ("ionice", &["-c", "-n"], 0),
    ("command", &[], 0),
    ("time", &[], 0),
    ("timeout", &["-s", "-k"], 1),
    ("env", &["-u", "-C"], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
];

impl<'a> Call<'a> {
    /// None of what is no simple command, or has no program that can be told.
    pub(super) fn new(line: &Line<'a>, node: &'a Node) -> Option<Self> {
        let NodeKind::Command { words, redirects, .. } = &node.kind else { return None };
        let mut words: Vec<Arg<'a>> = words.iter().map(|word| Arg::new(line, word)).collect();
        let at = program(&words);
        let args = words.split_off((at + 1).min(words.len()));
        let program = words.pop()?;
        let name = program.text.as_deref()?.rsplit('/').next()?.to_owned();
        let (start, end) = line.range(node);
        let first = words.first().map_or(program.range.start, |word| word.range.start);
        let prefix = line.slice(first, program.range.start);
        Some(Self { name, args, prefix, redirects, range: start..end, node, program })
    }

    pub(super) fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// The words that are no options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &Arg<'a>> {
        let end = self.args.iter().position(|arg| arg.raw == "--").unwrap_or(usize::MAX);
        self.args
            .iter()
            .enumerate()
            .filter(move |(index, arg)| *index > end || *index < end && !arg.is_option())
            .map(|(_, arg)| arg)
    }

    pub(super) fn options(&self) -> impl Iterator<Item = &Arg<'a>> {
        self.args.iter().take_while(|arg| arg.raw != "--").filter(|arg| arg.is_option())
    }

    /// The option with that letter, alone or with others, or with one of those long names.
    pub(super) fn option(&self, letter: char, names: &[&str]) -> Option<&Arg<'a>> {
        self.options().find(|arg| arg.has_letter(letter) || names.iter().any(|name| arg.is_long(name)))
    }

    pub(super) fn has(&self, letter: char, names: &[&str]) -> bool {
        self.option(letter, names).is_some()
    }

    /// The operands without what belongs to the options before them: `reset` in `git -C folder reset`.
    fn commands(&self, wanted: Option<&str>) -> impl Iterator<Item = &Arg<'a>> {
        let belongs = |arg: &Arg<'_>| {
            let at = self.args.iter().position(|other| other.range == arg.range);
            let before = at.and_then(|at| self.args.get(at.checked_sub(1)?));
            before.is_some_and(|before| before.is_option() && !before.raw.contains('='))
        };
        self.operands().skip_while(move |arg| wanted != Some(arg.raw) && belongs(arg))
    }

    /// The first operand, which is the command of the program: `git reset`.
    pub(super) fn sub(&self) -> Option<&str> {
        self.commands(None).next().and_then(|arg| arg.text.as_deref())
    }

    /// The operands begin with these words.
    pub(super) fn begins(&self, words: &[&str]) -> bool {
        let mut operands = self.commands(words.first().copied());
        words.iter().all(|word| operands.next().is_some_and(|arg| arg.raw == *word))
    }

    /// Inserts words behind the program.
    pub(super) fn with(&self, words: &str) -> Edit {
        Edit::insert(self.program.range.end, format!(" {words}"))
    }

    /// Inserts words behind the last word.
    pub(super) fn and(&self, words: &str) -> Edit {
        Edit::insert(self.last().range.end, format!(" {words}"))
    }

    pub(super) fn last(&self) -> &Arg<'a> {
        self.args.last().unwrap_or(&self.program)
    }

    /// Another program with other arguments; what wraps it and its redirections stay.
    pub(super) fn instead(&self, words: impl Into<String>) -> Edit {
        Edit::replace(self.program.range.start..self.last().range.end, words)
    }

    /// The operands from one on, as they stand there.
    pub(super) fn rest(&self, from: usize) -> String {
        self.operands().skip(from).map(|arg| arg.raw).collect::<Vec<_>>().join(" ")
    }
}

/// Which word is the program.
fn program(words: &[Arg<'_>]) -> usize {
    let mut at = 0;
    while let Some((_, takes, own)) =
        words.get(at).and_then(|word| WRAPPERS.iter().find(|(name, ..)| word.text.as_deref() == Some(name)))
    {
        let mut next = at + 1;
        while let Some(word) = words.get(next) {
            let assigns = word
                .raw
                .split_once('=')
                .is_some_and(|(name, _)| name.chars().all(|char| char.is_alphanumeric() || char == '_'));
            match word.is_option() {
                true => next += 1 + usize::from(takes.contains(&word.raw)),
                false if assigns => next += 1,
                false => break,
            }
        }
        next += own;
        if next >= words.len() {
            return at;
        }
        at = next;
    }
    at
}

// === impl Arg ===

impl<'a> Arg<'a> {
    pub(super) fn new(line: &Line<'a>, node: &Node) -> Self {
        let (start, end) = line.range(node);
        let raw = line.slice(start, end);
        Self { range: start..end, raw, text: scan::literal(raw) }
    }

    pub(super) fn is_option(&self) -> bool {
        self.raw.len() > 1 && self.raw.starts_with('-') && self.raw != "--"
    }

    /// An option of one letter, or several of them behind one dash.
    pub(super) fn has_letter(&self, letter: char) -> bool {
        let letters = self.raw.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
        letters.is_some_and(|letters| letters.chars().all(char::is_alphanumeric) && letters.contains(letter))
    }

    pub(super) fn is_long(&self, name: &str) -> bool {
        self.raw == name
            || self.raw.strip_prefix(name).is_some_and(|rest| name.starts_with("--") && rest.starts_with('='))
    }

    /// Whether it is a pattern for names of files.
    pub(super) fn has_glob(&self) -> bool {
        scan::has_glob(self.raw)
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text.as_deref() == Some(text)
    }

    pub(super) fn replace(&self, text: impl Into<String>) -> Edit {
        Edit::replace(self.range.clone(), text)
    }

    /// Takes the word away, with the space before it.
    pub(super) fn remove(&self) -> Edit {
        Edit::replace(self.range.start.saturating_sub(1)..self.range.end, "")
    }
}
