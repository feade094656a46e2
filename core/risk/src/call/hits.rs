//! Follows a rule that holds for a call: its effects, and the code that the rule says is run.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::payload::Language;
use crate::report::Deed;
use crate::rules::{Hit, Run, Selector};
use crate::shell_joined;
use crate::word::Word;

impl Judge<'_> {
    /// Follows a rule that holds; gives what it prints, where that is another program's output.
    pub(super) fn hit(
        &mut self,
        hit: &Hit<'_>,
        language: Option<Language>,
        args: &[Word],
        stdin: &Data,
        span: Span,
    ) -> Option<Data> {
        let rule = hit.rule;
        #[cfg(test)]
        self.report.fired.push(std::ptr::from_ref(rule) as usize);
        if rule.away {
            self.add(
                Deed::new(EffectKind::Remote, span)
                    .at(RiskLevel::Low)
                    .because("runs something on another machine or in a container"),
            );
        }
        if let Some(run) = rule.run {
            let floor = rule.level;
            if let Some(level) = floor {
                self.add(Deed {
                    attack: rule.attack.clone(),
                    ..Deed::new(rule.effect, span).at(level).because(rule.why.as_str())
                });
            }
            return if rule.away {
                self.elsewhere(|judge| judge.run_hit(run, hit, language, args, stdin, span))
            } else {
                self.run_hit(run, hit, language, args, stdin, span)
            };
        }
        if rule.effect == EffectKind::NetworkSend {
            self.sends_files(args, span);
        }
        if hit.targets.is_empty() {
            if rule.target == Selector::None || !is_about_files(rule.effect) || rule.level.is_some() {
                let class = rule.class.unwrap_or_default();
                let deed = Deed {
                    class,
                    level: rule.level,
                    recursive: hit.recursive,
                    attack: rule.attack.clone(),
                    ..Deed::new(rule.effect, span)
                };
                self.add(deed.because(rule.why.as_str()));
            }
            return None;
        }
        for word in &hit.targets {
            if matches!(rule.effect, EffectKind::Write | EffectKind::Overwrite | EffectKind::Delete)
                && let Some(name) = self.file_name(word)
                && self.copied.take().as_ref() != Some(&name)
            {
                // What stands in it now, nobody knows.
                self.files.remove(&name);
            }
            let mut deed = match rule.class {
                None if is_about_files(rule.effect) => self.deed(rule.effect, word, hit.recursive, span),
                class => Deed {
                    recursive: hit.recursive,
                    ..Deed::new(rule.effect, span).on(class.unwrap_or_default(), word.shown()).from(word.provenance())
                },
            };
            // For files the place tells how bad it is, and the rule how bad at least.
            deed.level = match (deed.level, rule.level) {
                (Some(place), Some(rule)) => Some(place.max(rule)),
                (place, rule) => rule.or(place),
            };
            deed.attack = rule.attack.clone().or(deed.attack);
            self.add(deed.because(rule.why.as_str()));
        }
        None
    }

    /// What is sent away may be worth more than the sending.
    fn sends_files(&mut self, args: &[Word], span: Span) {
        use ogent_protocol::verdict::TargetClass as T;
        for word in args.iter().filter(|word| !word.prefix().starts_with('-') && !word.prefix().contains(':')) {
            let place = self.standpoint.locate(word);
            let level = match place.class {
                T::Credentials | T::History => RiskLevel::Critical,
                T::Home | T::Root | T::System => RiskLevel::High,
                _ => continue,
            };
            let deed = Deed::new(EffectKind::NetworkSend, span).on(place.class, word.shown()).at(level);
            self.add(deed.because("sends secrets, or a whole folder that may hold some, away"));
        }
    }

    fn run_hit(
        &mut self,
        run: Run,
        hit: &Hit<'_>,
        language: Option<Language>,
        args: &[Word],
        stdin: &Data,
        span: Span,
    ) -> Option<Data> {
        let words = &hit.targets;
        if words.is_empty() {
            return None;
        }
        let each = |judge: &mut Self, language: Language| {
            let follow = |word: &Word| match word.is("-") {
                true => judge.foreign_stdin(language, stdin, span),
                false => judge.foreign(language, word, stdin, span),
            };
            words.iter().map(follow).fold(Data::nothing(), Data::then)
        };
        Some(match run {
            Run::Argv => {
                let mut words = words.clone();
                while words.first().is_some_and(assigns) {
                    words.remove(0);
                }
                // Where the first word is no program, an option may have swallowed the real one.
                if !words
                    .first()
                    .and_then(Word::known)
                    .is_some_and(|name| self.is_known(name.rsplit('/').next().unwrap_or(name)))
                {
                    self.as_wrapper(args, stdin, span);
                }
                self.aside(|judge| judge.command(words, stdin, span))
            }
            Run::Words => {
                let line = shell_joined(words, span);
                self.aside(|judge| judge.run_text(&line, stdin, span))
            }
            Run::Shell => words
                .iter()
                .map(|word| self.aside(|judge| judge.run_text(&bare(word), stdin, span)))
                .fold(Data::nothing(), Data::then),
            Run::File => {
                let stream = crate::data::is_stdin;
                for word in words {
                    if stream(word) {
                        self.foreign_data(language, stdin, span);
                    } else if let Some(data) = self.file_name(word).and_then(|name| self.files.get(&name).cloned()) {
                        self.foreign_data(language, &data, span);
                    } else {
                        self.unknown_file_as(word, hit.rule.level, span);
                    }
                }
                Data::unknown(Provenance::CommandOutput)
            }
            Run::Python => each(self, Language::Python),
            Run::Perl => each(self, Language::Perl),
            Run::Ruby => each(self, Language::Ruby),
            Run::Node => each(self, Language::Node),
            Run::Php => each(self, Language::Php),
            Run::Lua => each(self, Language::Lua),
            Run::Awk => each(self, Language::Awk),
            Run::Sed => each(self, Language::Sed),
            Run::Powershell => each(self, Language::PowerShell),
            Run::Sql => each(self, Language::Sql),
            Run::Code => {
                words.iter().for_each(|word| self.embedded(word, span));
                each(self, Language::Other)
            }
        })
    }

    /// Code that an interpreter reads from its standard input.
    fn foreign_stdin(&mut self, language: Language, stdin: &Data, span: Span) -> Data {
        match &stdin.text {
            Some(word) if !stdin.nothing => {
                let word = Word { source: stdin.source, ..word.clone() };
                self.foreign(language, &word, &Data::nothing(), span)
            }
            _ => {
                self.foreign_data(Some(language), stdin, span);
                Data::unknown(Provenance::CommandOutput)
            }
        }
    }

    /// Code of some language that comes from a pipe or a file that was just written.
    fn foreign_data(&mut self, language: Option<Language>, data: &Data, span: Span) {
        match &data.text {
            Some(word) if data.nothing && word.is_blank() => {}
            Some(word) => {
                let language = language.unwrap_or_else(|| payload_language(&word.text));
                let word = word.clone();
                self.foreign(language, &word, &Data::nothing(), span);
                if data.source == Provenance::Network {
                    self.add(Deed::new(EffectKind::Execute, span).from(Provenance::Network));
                }
            }
            None => {
                let level = if data.source == Provenance::Network { RiskLevel::Critical } else { RiskLevel::High };
                self.add(Deed::new(EffectKind::Execute, span).from(data.source).at(level));
            }
        }
    }
}

/// The language of an interpreter, where it has one.
pub(super) fn language_of(name: &str) -> Option<Language> {
    let known = [
        ("python", Language::Python),
        ("pypy", Language::Python),
        ("ipython", Language::Python),
        ("node", Language::Node),
        ("deno", Language::Node),
        ("bun", Language::Node),
        ("perl", Language::Perl),
        ("ruby", Language::Ruby),
        ("php", Language::Php),
        ("lua", Language::Lua),
        ("pwsh", Language::PowerShell),
    ];
    known.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, language)| language)
}

/// A guess by a few words that only one language has.
fn payload_language(code: &str) -> Language {
    let has = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if has(&["import os", "import sys", "import sub", "import socket", "def ", "__import__"]) {
        Language::Python
    } else if has(&["require('", "require(\"", "console.log", "=> {"]) {
        Language::Node
    } else if has(&["use strict", "my $", "use Socket"]) {
        Language::Perl
    } else if has(&["<?php"]) {
        Language::Php
    } else if has(&["puts ", "require '"]) {
        Language::Ruby
    } else {
        Language::Other
    }
}

/// Some options name what kind of thing follows before the command: `exec=…`.
fn bare(word: &Word) -> Word {
    match word.split_once('=') {
        Some(("exec" | "cmd" | "command", command)) => command,
        _ => word.clone(),
    }
}

fn assigns(word: &Word) -> bool {
    let name = word.text.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
    name > 0 && word.text.as_bytes().get(name) == Some(&b'=')
}

fn is_about_files(kind: EffectKind) -> bool {
    use EffectKind as E;
    matches!(
        kind,
        E::Read
            | E::Write
            | E::Delete
            | E::Overwrite
            | E::RawDevice
            | E::Format
            | E::SecretRead
            | E::PermissionWidened
            | E::Permission
            | E::Ownership
    )
}
