//! Follows code wherever it comes from: a word, a file, a pipe; in the language of the shell or another.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};

use crate::data::Data;
use crate::judge::Judge;
use crate::payload::{self, Language};
use crate::report::Deed;
use crate::word::Word;

impl Judge<'_> {
    /// Runs a word as a line of shell.
    pub(crate) fn run_text(&mut self, line: &Word, stdin: &Data, span: Span) -> Data {
        if line.text.trim().is_empty() && !line.holes.is_empty() {
            if line.holes.iter().all(|hole| hole.meant_to_run) {
                return self.meant(span);
            }
            let hidden = line.holes.iter().any(|hole| hole.hidden);
            self.runs_unknown(line.provenance().max(Provenance::Unknown), hidden, span);
            return Data::unknown(Provenance::CommandOutput);
        }
        self.code(line, stdin, Provenance::Literal, span)
    }

    /// Runs what comes through a pipe or stands in a file as lines of shell.
    pub(crate) fn run_data(&mut self, data: &Data, stdin: &Data, span: Span) -> Data {
        match &data.text {
            Some(word) if data.nothing && word.is_blank() => Data::nothing(),
            Some(word) => {
                let source = data.source;
                if word.text.trim().is_empty() && !word.holes.is_empty() && data.meant_to_run {
                    return self.meant(span);
                }
                if word.text.trim().is_empty() && !word.holes.is_empty() {
                    self.runs_unknown(source.max(word.provenance()), data.hidden, span);
                    return Data::unknown(Provenance::CommandOutput);
                }
                self.code(&word.clone(), stdin, source, span)
            }
            None if data.meant_to_run => self.meant(span),
            None => {
                self.runs_unknown(data.source, data.hidden, span);
                Data::unknown(Provenance::CommandOutput)
            }
        }
    }

    fn meant(&mut self, span: Span) -> Data {
        self.report.opaque("what a program prints to be run", span);
        self.add(Deed::new(EffectKind::Execute, span).from(Provenance::CommandOutput).at(RiskLevel::Low));
        Data::unknown(Provenance::CommandOutput)
    }

    fn runs_unknown(&mut self, source: Provenance, hidden: bool, span: Span) {
        self.report.opaque("code that is known only when it runs", span);
        if hidden {
            // Whoever writes down what is run, and hides it, has a reason.
            let deed = Deed::new(EffectKind::Execute, span).from(Provenance::Decoded).at(RiskLevel::Critical);
            self.add(deed.because("runs code that is hidden in the command"));
        }
        let level = if source == Provenance::Network { RiskLevel::Critical } else { RiskLevel::High };
        self.add(Deed::new(EffectKind::Execute, span).from(source).at(level));
    }

    /// Runs a file as a script of the shell.
    pub(crate) fn script(&mut self, file: &Word, span: Span) -> Data {
        if crate::data::is_stdin(file) {
            self.runs_unknown(Provenance::Unknown, false, span);
            return Data::unknown(Provenance::CommandOutput);
        }
        let known = self.file_name(file).and_then(|name| self.files.get(&name).cloned());
        match known {
            Some(data) => self.run_data(&data, &Data::nothing(), span),
            None => {
                self.unknown_file(file, span);
                Data::unknown(Provenance::CommandOutput)
            }
        }
    }

    /// Something runs that lies on the machine's disk.
    pub(crate) fn unknown_file(&mut self, file: &Word, span: Span) {
        self.unknown_file_as(file, None, span);
    }

    /// The same, where rules say how bad that usually is.
    pub(crate) fn unknown_file_as(&mut self, file: &Word, usual: Option<RiskLevel>, span: Span) {
        let place = self.standpoint.locate(file);
        self.report.opaque(format!("what stands in {}", file.shown()), file.span);
        if file.prefix().contains("://") {
            self.add(
                Deed::new(EffectKind::Execute, span).on(TargetClass::Network, file.shown()).from(Provenance::Network),
            );
            return;
        }
        let startup = place.class == TargetClass::Startup
            && ["rc", "profile", "login", "environment"].iter().any(|end| file.text.ends_with(end));
        let usual = usual.filter(|_| place.class != TargetClass::Temporary);
        let kind = if startup || usual.is_some_and(|level| level < RiskLevel::Medium) {
            EffectKind::Execute
        } else {
            EffectKind::Unknown
        };
        let level = match place.class {
            _ if startup => RiskLevel::Low,
            _ if usual.is_some() => usual.unwrap_or(RiskLevel::Medium),
            TargetClass::Temporary => RiskLevel::High,
            _ => RiskLevel::Medium,
        };
        self.add(
            Deed::new(kind, span)
                .on(place.class, file.shown())
                .from(Provenance::File)
                .at(level)
                .because("runs a file whose content is not known"),
        );
    }

    /// Runs code of another language.
    pub(crate) fn foreign(&mut self, language: Language, code: &Word, stdin: &Data, span: Span) -> Data {
        if code.text.trim().is_empty() && !code.holes.is_empty() {
            self.runs_unknown(code.provenance().max(Provenance::Unknown), false, span);
            return Data::unknown(Provenance::CommandOutput);
        }
        if code.text.len() > crate::limits::MAX_LINE_BYTES || !self.grow(code.text.len(), span) {
            return Data::unknown(Provenance::CommandOutput);
        }
        let found = payload::scan(language, &with_unknowns(code));
        let source = code.provenance();
        if found.remote_shell {
            self.add(Deed::new(EffectKind::RemoteShell, span));
        }
        if self.depth < 10 {
            self.depth += 1;
            for line in &found.shell {
                let word = Word { source, ..Word::literal(line.as_str(), span) };
                self.aside(|judge| judge.run_text(&word, stdin, span));
            }
            for argv in &found.argvs {
                let words = argv.iter().map(|text| Word { source, ..Word::literal(text.as_str(), span) }).collect();
                self.aside(|judge| judge.command(words, stdin, span));
            }
            self.depth -= 1;
        } else if !found.shell.is_empty() || !found.argvs.is_empty() {
            self.report.give_up("code stands in code too deeply to be looked at", span);
        }
        for (kind, target, recursive) in &found.effects {
            self.payload_effect(*kind, target.as_deref(), *recursive, span);
        }
        if let (Language::Sed, true, Some(text)) =
            (language, found.runs_unknown, stdin.plain().filter(|_| !stdin.nothing))
        {
            // `sed e` runs the lines that it reads.
            let lines = Word { source, ..Word::literal(text, span) };
            self.aside(|judge| judge.run_text(&lines, &Data::nothing(), span));
        }
        if found.runs_unknown {
            self.runs_unknown(source.max(Provenance::Unknown), false, span);
        }
        if !found.plain && found.opaque {
            self.report.opaque("what code in another language does", span);
            // Awk and sed do little but change text; whether these lines do is not proved.
            let filters = matches!(language, Language::Awk | Language::Sed);
            let level = if filters { RiskLevel::Low } else { RiskLevel::Medium };
            self.add(
                Deed::new(EffectKind::Unknown, span)
                    .at(level)
                    .because("runs code in another language that is not understood"),
            );
        }
        let filters = matches!(language, Language::Awk | Language::Sed);
        let out = stdin.changed();
        Data { hidden: out.hidden || !filters, ..out }
    }

    fn payload_effect(&mut self, kind: EffectKind, target: Option<&str>, recursive: bool, span: Span) {
        use EffectKind as E;
        let about_files = matches!(
            kind,
            E::Read
                | E::Write
                | E::Delete
                | E::Overwrite
                | E::PermissionWidened
                | E::Permission
                | E::Ownership
                | E::RawDevice
                | E::Format
        );
        match target {
            Some(path) if about_files => {
                let mut deed = self.deed(kind, &Word::literal(path, span), recursive, span);
                if recursive && kind == E::Delete {
                    // Whoever removes a tree from within a program has left the usual ways of saying what is removed.
                    deed.level = deed.level.max(Some(RiskLevel::High));
                }
                self.add(deed);
            }
            None if about_files && kind != E::Read => {
                self.touch(kind, &Word::unknown(Provenance::Unknown, span), recursive, span);
            }
            target if kind == E::Execute => {
                let deed = Deed::new(kind, span).from(Provenance::File).at(RiskLevel::High);
                self.add(Deed {
                    target: target.map(str::to_owned),
                    ..deed.because("loads code that is not in the command")
                });
            }
            Some(target) => self.add(Deed { target: Some(target.to_owned()), recursive, ..Deed::new(kind, span) }),
            None => self.add(Deed { recursive, ..Deed::new(kind, span) }),
        }
    }
}

/// Code with what the reader of other languages takes for unknown where its holes are.
fn with_unknowns(code: &Word) -> std::borrow::Cow<'_, str> {
    if code.holes.is_empty() {
        return code.text.as_str().into();
    }
    let (mut text, mut from) = (String::with_capacity(code.text.len() + 16), 0);
    for hole in &code.holes {
        text.push_str(code.text.get(from..hole.at).unwrap_or_default());
        text.push(payload::UNKNOWN);
        from = hole.at.max(from);
    }
    text.push_str(code.text.get(from..).unwrap_or_default());
    text.into()
}
