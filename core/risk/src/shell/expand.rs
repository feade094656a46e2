//! Receives a raw word, gives the words that the shell makes of it.

use ogent_protocol::verdict::{Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::limits::MAX_FIELDS;
use crate::word::Word;
use crate::word::braces;
use crate::word::parts::{self, Part};

/// Words while they are made.
struct Fields {
    span: Span,
    done: Vec<Word>,
    open: Option<Word>,
}

impl Judge<'_> {
    /// All words that a raw word becomes.
    pub(crate) fn expand(&mut self, raw: &str, span: Span, stdin: &Data) -> Vec<Word> {
        if is_plain(raw) {
            return vec![Word::literal(raw, span)];
        }
        let mut out = Vec::new();
        let all = braces::expand(raw);
        if all.len() >= MAX_FIELDS {
            self.report.give_up("it makes more words than are looked at", span);
        }
        for raw in all {
            if !self.grow(raw.len(), span) || out.len() >= MAX_FIELDS {
                break;
            }
            out.append(&mut self.fields(&raw, span, stdin));
        }
        out
    }

    /// One word, as in an assignment: neither braces nor splitting.
    pub(crate) fn expand_one(&mut self, raw: &str, span: Span, stdin: &Data) -> Word {
        if is_plain(raw) {
            return Word::literal(raw, span);
        }
        self.joined(parts::split(raw), span, stdin)
    }

    /// The text of a here-document.
    pub(crate) fn expand_document(&mut self, raw: &str, span: Span, stdin: &Data) -> Word {
        if !raw.contains(['$', '`', '\\']) {
            return Word::literal(raw, span);
        }
        self.joined(parts::split_quoted(raw), span, stdin)
    }

    fn joined(&mut self, parts: Vec<Part>, span: Span, stdin: &Data) -> Word {
        let mut word = Word::literal("", span);
        for (number, part) in parts.into_iter().enumerate() {
            word.source = word.source.max(part.source());
            match part {
                Part::Text { text, quoted, .. } => {
                    let text = if number == 0 && !quoted { self.tilde(text) } else { text };
                    word.glob |= !quoted && text.contains(['*', '?', '[']);
                    word.text.push_str(&text);
                }
                Part::Param { body, .. } => {
                    let values = self.param(&body, span, stdin).into_words();
                    for (at, value) in values.iter().enumerate() {
                        if at > 0 {
                            word.text.push(' ');
                        }
                        word.push(value);
                    }
                }
                part => word.push(&self.substitute(&part, span, stdin)),
            }
            if !self.grow(word.text.len() / 8 + 1, span) {
                break;
            }
        }
        word
    }

    fn fields(&mut self, raw: &str, span: Span, stdin: &Data) -> Vec<Word> {
        let mut fields = Fields { span, done: Vec::new(), open: None };
        for (number, part) in parts::split(raw).into_iter().enumerate() {
            let source = part.source();
            match part {
                Part::Text { text, quoted: true, .. } => fields.text(&text, source),
                Part::Text { text, quoted: false, .. } => {
                    let text = if number == 0 { self.tilde(text) } else { text };
                    let glob = text.contains(['*', '?', '[']);
                    fields.text(&text, source);
                    fields.open.iter_mut().for_each(|word| word.glob |= glob);
                }
                Part::Param { body, quoted } => {
                    let value = self.param(&body, span, stdin);
                    let separate = value.separate;
                    let separators = if quoted { None } else { Some(self.separators()) };
                    fields.values(&value.into_words(), separators.as_deref(), separate);
                }
                Part::Command { quoted, .. } => {
                    let word = self.substitute(&part, span, stdin);
                    let separators = if quoted { None } else { Some(self.separators()) };
                    fields.values(&[word], separators.as_deref(), false);
                }
                part => {
                    let word = self.substitute(&part, span, stdin);
                    fields.push(&word);
                }
            }
        }
        fields.finish()
    }

    fn substitute(&mut self, part: &Part, span: Span, stdin: &Data) -> Word {
        match part {
            Part::Command { code, at, .. } => {
                let at = self.frame.inner(span, *at, code);
                self.output_of(code, at, span, stdin).to_word(span)
            }
            Part::Process { code, at, writes } => {
                let at = self.frame.inner(span, Some(*at), code);
                // Both kinds share the input of the command.
                let _ = writes;
                let input = stdin.clone();
                let data = self.output_of(code, at, span, &input);
                // Later readers of this name find what the commands print.
                let name = format!("/dev/fd/{}", 60 + self.files.len());
                self.files.insert(name.clone(), data);
                Word::literal(name, span)
            }
            Part::Arithmetic(text) => self.arithmetic(text, span, stdin),
            Part::Text { .. } | Part::Param { .. } => Word::default(),
        }
    }

    fn output_of(&mut self, code: &str, at: Option<usize>, span: Span, stdin: &Data) -> Data {
        // `$(<file)` reads a file.
        if let Some(file) = code.trim_start().strip_prefix('<').filter(|rest| !rest.starts_with(['<', '('])) {
            let word = self.expand_one(file.trim(), span, stdin);
            return self.read_file(&word, span);
        }
        let source = self.frame.source;
        self.aside(|judge| judge.nested(code, at, stdin, source, span))
    }

    fn separators(&mut self) -> String {
        match self.scope.get("IFS").map(|value| value.scalar()) {
            Some(word) => word.known().unwrap_or(" \t\n").to_owned(),
            None => " \t\n".to_owned(),
        }
    }

    fn tilde(&self, text: String) -> String {
        let Some(rest) = text.strip_prefix('~') else { return text };
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let home = match name {
            "" => self.standpoint.home.clone(),
            "root" => "/root".to_owned(),
            "+" | "-" => return text,
            name if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') => {
                format!("/home/{name}")
            }
            _ => return text,
        };
        format!("{home}{path}")
    }
}

/// Most words mean themselves.
fn is_plain(raw: &str) -> bool {
    !raw.is_empty()
        && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=:,@%+^#".contains(&b) || !b.is_ascii())
        && !raw.starts_with('#')
}

// === impl Fields ===

impl Fields {
    fn open(&mut self) -> &mut Word {
        let span = self.span;
        self.open.get_or_insert_with(|| Word::literal("", span))
    }

    fn text(&mut self, text: &str, source: Provenance) {
        let open = self.open();
        open.text.push_str(text);
        open.source = open.source.max(source);
    }

    fn push(&mut self, word: &Word) {
        self.open().push(word);
    }

    fn close(&mut self) {
        if self.done.len() < MAX_FIELDS {
            self.done.extend(self.open.take());
        }
    }

    /// Adds values; `separators` says where an unquoted one falls apart, `separate` that each is a word of its own.
    fn values(&mut self, values: &[Word], separators: Option<&str>, separate: bool) {
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                if separate || separators.is_some() {
                    self.close();
                } else {
                    self.text(" ", Provenance::Literal);
                }
            }
            match separators {
                None => self.push(value),
                Some(separators) => self.split(value, separators),
            }
        }
    }

    fn split(&mut self, value: &Word, separators: &str) {
        let mut piece = Word { span: self.span, source: value.source, ..Word::default() };
        let mut holes = value.holes.iter().peekable();
        let mut started = false;
        for (at, c) in value.text.char_indices() {
            while let Some(hole) = holes.next_if(|hole| hole.at <= at) {
                piece.holes.push(crate::word::Hole { at: piece.text.len(), ..*hole });
                started = true;
            }
            if separators.contains(c) {
                if started {
                    let next = Word { span: self.span, source: value.source, ..Word::default() };
                    let whole = std::mem::replace(&mut piece, next);
                    self.push(&whole);
                    started = false;
                }
                self.close();
            } else {
                piece.text.push(c);
                piece.glob |= matches!(c, '*' | '?' | '[');
                started = true;
            }
        }
        for hole in holes {
            piece.holes.push(crate::word::Hole { at: piece.text.len(), ..*hole });
            started = true;
        }
        if started {
            self.push(&piece);
        }
    }

    fn finish(mut self) -> Vec<Word> {
        self.close();
        self.done
    }
}
