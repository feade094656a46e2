//! The state of following one command: what is known about its machine, what it has set, what it has done.

use std::collections::HashMap;
use std::rc::Rc;

use ogent_protocol::verdict::{EffectKind, Privilege, Provenance, Span, SyntaxError, Verdict};
use ogent_protocol::{Program, RiskLevel};
use rable::Node;

use crate::context::Context;
use crate::data::Data;
use crate::limits::{MAX_DEPTH, MAX_EXPANDED_BYTES, MAX_HISTORY, MAX_PATTERNS, MAX_STEPS};
use crate::place::Standpoint;
use crate::report::{Deed, Report};
use crate::rules::{self, Rules};
use crate::shell::scope::Scope;
use crate::syntax::{self, NoTree};
use crate::word::Word;

/// Follows a command.
pub(crate) struct Judge<'a> {
    pub(crate) context: &'a Context,
    pub(crate) rules: &'static Rules,
    pub(crate) report: Report,
    pub(crate) scope: Scope,
    pub(crate) standpoint: Standpoint,
    /// What is known to stand in files.
    pub(crate) files: HashMap<String, Data>,
    /// The file that the program at work has written with something known.
    pub(crate) copied: Option<String>,
    /// Where the text that is followed stands.
    pub(crate) frame: Frame,
    pub(crate) privilege: Privilege,
    /// Over zero on another machine or in a container.
    pub(crate) away: u32,
    /// Over zero where nobody knows whether this is reached.
    pub(crate) branch: u32,
    /// What the pipeline that is followed has seen.
    pub(crate) pipe: Pipe,
    /// Whether an open file of this shell is a connection.
    pub(crate) connected: bool,
    pub(crate) depth: u8,
    pub(crate) nesting: u8,
    steps: u32,
    bytes: usize,
    patterns: u32,
}

/// What stands where.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The text whose tree is followed.
    text: Rc<str>,
    /// Where it stands in the command; none where it stands there only in another form.
    offset: Option<usize>,
    /// The place of all of it.
    whole: Span,
    /// How it came to be run.
    pub(crate) source: Provenance,
}

/// What a pipeline has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pipe {
    /// A shell that runs what it reads.
    pub(crate) shell: bool,
    /// A program that talks to the network both ways.
    pub(crate) network: bool,
}

// === impl Judge ===

impl<'a> Judge<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        let root = context.user.as_deref() == Some("root");
        let home = context.home.clone().unwrap_or_else(|| match context.user.as_deref() {
            None => "/home/user".to_owned(),
            Some("root") => "/root".to_owned(),
            Some(user) => format!("/home/{user}"),
        });
        let home = if home.len() > 1 { home.trim_end_matches('/').to_owned() } else { home };
        Self {
            context,
            rules: rules::shipped(),
            report: Report::default(),
            scope: Scope::new(context, &home),
            standpoint: Standpoint { cwd: context.cwd.clone(), others: Vec::new(), home },
            files: HashMap::new(),
            copied: None,
            frame: Frame::of("", Some(0), Span::default(), Provenance::Literal),
            privilege: if root { Privilege::Elevated } else { Privilege::Ordinary },
            away: 0,
            branch: 0,
            pipe: Pipe::default(),
            connected: false,
            depth: 0,
            nesting: 0,
            steps: 0,
            bytes: 0,
            patterns: 0,
        }
    }

    /// Follows the commands before this one, for what they leave behind: files, mostly.
    pub(crate) fn remember(&mut self) {
        self.report.muted += 1;
        let history = &self.context.history;
        let recent = history.iter().skip(history.len().saturating_sub(MAX_HISTORY));
        for line in recent.filter(|line| leaves_files(line)) {
            let (scope, standpoint) = (self.scope.clone(), self.standpoint.clone());
            self.line(line, &Data::nothing());
            (self.scope, self.standpoint) = (scope, standpoint);
            (self.steps, self.bytes, self.connected) = (0, 0, false);
        }
        self.report.muted -= 1;
    }

    /// Follows a command to its verdict.
    pub(crate) fn judge(mut self, program: &Program) -> Verdict {
        let stdin = match &self.context.stdin {
            Some(text) => Data::known(text.as_str(), Span::default()),
            None => Data::nothing(),
        };
        self.foreign_shell(program);
        self.given_variables();
        let error = match program {
            Program::Shell(line) => self.line(line, &stdin),
            Program::Argv(argv) => {
                self.argv(argv, &stdin);
                None
            }
        };
        self.report.verdict(error)
    }

    /// The rules know the shells of Unix. What another one makes of the line, nobody knows.
    fn foreign_shell(&mut self, program: &Program) {
        let shell = self.context.shell.rsplit('/').next().unwrap_or_default();
        let known = ["", "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"].contains(&shell);
        let is_windows = self.context.system.to_ascii_lowercase().starts_with("win");
        if is_windows || !known && matches!(program, Program::Shell(_)) {
            let span = Span::new(0, program.to_string().len());
            let what = if is_windows { self.context.system.as_str() } else { shell };
            self.report.opaque(format!("what {what} makes of it"), span);
            let deed = Deed::new(EffectKind::Unknown, span).at(RiskLevel::Medium);
            self.add(deed.because("is for a shell or a system that the rules do not know"));
        }
    }

    /// Variables that come with the command are as good as written before it.
    fn given_variables(&mut self) {
        let context = self.context;
        for (name, value) in &context.env {
            let word = Word::literal(value.as_str(), Span::default());
            self.guard_variable(name, &word);
            let odd = name.starts_with("BASH_FUNC_") || !name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
            if odd || ["PATH", "IFS", "SHELLOPTS", "BASHOPTS"].contains(&name.as_str()) {
                let deed =
                    Deed::new(EffectKind::Execute, Span::default()).from(Provenance::Unknown).at(RiskLevel::High);
                self.add(Deed {
                    target: Some(name.clone()),
                    ..deed.because("is given a variable that changes what names of programs mean")
                });
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn follow(&mut self, line: &str) {
        self.line(line, &Data::nothing());
    }

    fn line(&mut self, line: &str, stdin: &Data) -> Option<SyntaxError> {
        let whole = Span::new(0, line.len());
        self.frame = Frame::of(line, Some(0), whole, Provenance::Literal);
        match syntax::parse(line) {
            Ok(nodes) => {
                self.list(&nodes, stdin);
                None
            }
            Err(NoTree::TooMuch(why)) => {
                self.report.give_up(why, whole);
                None
            }
            Err(NoTree::Invalid(error)) => {
                self.broken(line, &error, stdin);
                Some(error)
            }
        }
    }

    /// A text that is no shell. A shell reads whole lines before it runs anything, so that of one broken line nothing runs;
    /// but it runs the lines before it.
    fn broken(&mut self, text: &str, error: &SyntaxError, stdin: &Data) {
        let before = text.get(..error.span.start).and_then(|head| head.rfind('\n')).and_then(|at| text.get(..at));
        let mut level = if crate::call::names_harm(text) { RiskLevel::High } else { RiskLevel::Low };
        if let Some(before) = before.filter(|before| !before.trim().is_empty()) {
            level = RiskLevel::High;
            if let Ok(nodes) = syntax::parse(before) {
                self.list(&nodes, stdin);
            }
        }
        let deed = Deed::new(EffectKind::Unknown, error.span).at(level);
        self.add(deed.because(format!("is not a line of shell: {}", error.message)));
    }

    fn argv(&mut self, argv: &[String], stdin: &Data) {
        let mut at = 0;
        // The places are those of the line as it is shown.
        let words = argv.iter().map(|text| {
            let shown = Program::Argv(vec![text.clone()]).to_string().len();
            let span = Span::new(at, at + shown);
            at += shown + 1;
            Word::literal(text.as_str(), span)
        });
        let words = words.collect();
        self.command(words, stdin, Span::new(0, at.saturating_sub(1)));
    }

    /// Follows code that stands in a word, in a file, or comes through a pipe.
    pub(crate) fn code(&mut self, code: &Word, stdin: &Data, source: Provenance, span: Span) -> Data {
        let (text, holes) = fill_holes(code);
        if text.trim().is_empty() {
            return Data::nothing();
        }
        let source = source.max(code.source).max(self.frame.source);
        self.scope.fill(&holes);
        let offset = None;
        self.nested(&text, offset, stdin, source, span)
    }

    /// Follows commands that stand in the text at a known place, or only in another form.
    pub(crate) fn nested(
        &mut self,
        text: &str,
        at: Option<usize>,
        stdin: &Data,
        source: Provenance,
        span: Span,
    ) -> Data {
        if self.depth >= MAX_DEPTH {
            self.report.give_up("code stands in code too deeply to be looked at", span);
            return Data::unknown(Provenance::CommandOutput);
        }
        let nodes = match syntax::parse(text) {
            Ok(nodes) => nodes,
            Err(NoTree::TooMuch(why)) => {
                self.report.give_up(why, span);
                return Data::unknown(Provenance::CommandOutput);
            }
            Err(NoTree::Invalid(_)) => {
                let deed = Deed::new(EffectKind::Unknown, span).at(RiskLevel::High);
                self.add(deed.because("runs something that is not a line of shell"));
                return Data::unknown(Provenance::CommandOutput);
            }
        };
        let frame = Frame::of(text, at, span, source);
        let outer = std::mem::replace(&mut self.frame, frame);
        self.depth += 1;
        let data = self.list(&nodes, stdin);
        self.depth -= 1;
        self.frame = outer;
        data
    }

    /// Where a node stands in the command.
    pub(crate) fn span(&self, node: &Node) -> Span {
        self.frame.span(node.span.start, node.span.end)
    }

    /// Counts one step; false when there have been too many.
    pub(crate) fn step(&mut self, span: Span) -> bool {
        self.steps += 1;
        if self.steps == MAX_STEPS {
            self.report.give_up("it has more steps than are looked at", span);
        }
        self.steps < MAX_STEPS
    }

    /// The first items of a list; when there are more, that is said, and the command is asked for.
    pub(crate) fn first<T>(&mut self, items: impl Iterator<Item = T>, most: usize, span: Span) -> Vec<T> {
        let mut items: Vec<T> = items.take(most + 1).collect();
        if items.len() > most {
            items.truncate(most);
            self.report.give_up("it has a longer list than is looked at", span);
        }
        items
    }

    /// Counts one search for the names that a pattern may stand for; false when there have been too many.
    pub(crate) fn search(&mut self, span: Span) -> bool {
        self.patterns += 1;
        if self.patterns == MAX_PATTERNS + 1 {
            self.report.give_up("it has more patterns for names of programs than are looked at", span);
        }
        self.patterns <= MAX_PATTERNS
    }

    /// Counts bytes that expansions have made; false when there have been too many.
    pub(crate) fn grow(&mut self, bytes: usize, span: Span) -> bool {
        let before = self.bytes;
        self.bytes = self.bytes.saturating_add(bytes);
        if before <= MAX_EXPANDED_BYTES && self.bytes > MAX_EXPANDED_BYTES {
            self.report.give_up("it makes more text than is looked at", span);
        }
        self.bytes <= MAX_EXPANDED_BYTES
    }

    pub(crate) fn add(&mut self, deed: Deed) {
        self.report.add(deed, self.privilege);
    }

    /// Follows something with other rights than before.
    pub(crate) fn elevated<T>(&mut self, follow: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.privilege, Privilege::Elevated);
        let out = follow(self);
        self.privilege = before;
        out
    }

    /// Follows something on another machine or in a container: what is set here means nothing there.
    pub(crate) fn elsewhere<T>(&mut self, follow: impl FnOnce(&mut Self) -> T) -> T {
        self.away += 1;
        let (cwd, others) = (self.standpoint.cwd.take(), std::mem::take(&mut self.standpoint.others));
        // Files there are other files.
        let files = std::mem::take(&mut self.files);
        let out = follow(self);
        self.files = files;
        (self.standpoint.cwd, self.standpoint.others) = (cwd, others);
        self.away -= 1;
        out
    }

    /// Follows something that changes variables only for itself.
    pub(crate) fn aside<T>(&mut self, follow: impl FnOnce(&mut Self) -> T) -> T {
        let (scope, standpoint) = (self.scope.clone(), self.standpoint.clone());
        let out = follow(self);
        (self.scope, self.standpoint) = (scope, standpoint);
        out
    }
}

// === impl Frame ===

impl Frame {
    fn of(text: &str, offset: Option<usize>, whole: Span, source: Provenance) -> Self {
        Self { text: text.into(), offset, whole, source }
    }

    /// Where characters of the text stand in the command.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let Some(offset) = self.offset else { return self.whole };
        let span = syntax::byte_span(&self.text, start, end);
        Span::new(span.start + offset, span.end + offset)
    }

    /// Where code stands in the command that is a part of a word: `at` its place, or some other where it stands as it is.
    pub(crate) fn inner(&self, word: Span, at: Option<usize>, code: &str) -> Option<usize> {
        let offset = self.offset?;
        let (start, end) = (word.start.checked_sub(offset)?, word.end.checked_sub(offset)?);
        let guess = start + at?;
        let text = self.text.get(start..end)?;
        let place = if self.text.get(guess..).is_some_and(|rest| rest.starts_with(code)) {
            guess
        } else {
            start + text.find(code)?
        };
        Some(offset + place)
    }
}

/// Whether a command may leave something in a file that a later one could run. Most do not, and need not be followed again.
fn leaves_files(line: &str) -> bool {
    ['>', '<'].iter().any(|c| line.contains(*c))
        || ["curl", "wget", "tee", "cp ", "mv ", "dd ", "scp", "rsync", "install", "ln ", "mkfifo"]
            .iter()
            .any(|word| line.contains(word))
}

/// Code with names of unknown variables where its holes are.
fn fill_holes(code: &Word) -> (String, Vec<(String, Word)>) {
    if code.holes.is_empty() {
        return (code.text.clone(), Vec::new());
    }
    let (mut text, mut from, mut names) = (String::new(), 0, Vec::new());
    for (number, hole) in code.holes.iter().enumerate() {
        text.push_str(code.text.get(from..hole.at).unwrap_or_default());
        let name = format!("__hole_{number}");
        text.push_str(&format!("${{{name}}}"));
        names.push((name, Word::unknown(hole.source, code.span)));
        from = hole.at.max(from);
    }
    text.push_str(code.text.get(from..).unwrap_or_default());
    (text, names)
}
