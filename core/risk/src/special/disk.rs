//! `dd`, `tee`, `mkfifo`: programs that write where their words say in a way of their own.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};

use crate::data::Data;
use crate::judge::Judge;
use crate::report::Deed;
use crate::word::Word;

impl Judge<'_> {
    pub(crate) fn dd(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let value = |key: &str| {
            args.iter()
                .rev()
                .filter_map(|word| word.split_once('='))
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        };
        let data = match value("if") {
            Some(file) => {
                self.touch(EffectKind::Read, &file, false, span);
                self.read_file(&file, span)
            }
            None => stdin.clone(),
        };
        let Some(out) = value("of") else { return data };
        let keeps = value("conv").is_some_and(|conv| conv.text.contains("notrunc"));
        self.write_file(&out, true, span);
        let limited = value("count").is_some();
        let endless = value("if")
            .is_some_and(|file| ["/dev/zero", "/dev/urandom", "/dev/random"].iter().any(|name| file.is(name)));
        let place = self.standpoint.locate(&out);
        if endless && !limited && !matches!(place.class, TargetClass::Sink | TargetClass::Device) {
            self.add(Deed::new(EffectKind::ResourceExhaustion, span).because("writes until the disk is full"));
        }
        if endless && !keeps && limited && place.class == TargetClass::Log {
            let level = RiskLevel::Critical;
            self.add(
                Deed::new(EffectKind::LogTampering, span)
                    .on(place.class, out.shown())
                    .at(level)
                    .because("overwrites logs so that they cannot be restored"),
            );
        }
        if let Some(name) = self.file_name(&out) {
            self.keep_file(name, data);
        }
        Data::nothing()
    }

    pub(crate) fn tee(&mut self, args: &[Word], stdin: &Data, _span: Span) -> Data {
        let appends = args.iter().any(|word| {
            word.is("-a")
                || word.is("--append")
                || (word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('a'))
        });
        for word in args.iter().filter(|word| !word.text.starts_with('-') || word.text.len() == 1) {
            self.write_file(word, !appends, word.span);
            if let Some(name) = self.file_name(word) {
                self.keep_file(name, stdin.clone());
            }
        }
        stdin.clone()
    }

    pub(crate) fn fifo(&mut self, args: &[Word], span: Span) -> Data {
        self.add(Deed::new(EffectKind::Write, span).at(RiskLevel::Low).because("makes a pipe"));
        for word in args.iter().filter(|word| !word.text.starts_with('-')) {
            self.write_file(word, false, word.span);
            if let Some(name) = self.file_name(word) {
                // Whatever somebody writes into it later.
                self.keep_file(name, Data::unknown(Provenance::Unknown));
            }
        }
        Data::nothing()
    }

    /// Copies and moves carry what is known of a file along.
    pub(crate) fn copies(&mut self, name: &str, args: &[Word], span: Span) -> Option<Data> {
        if name == "mv" {
            // What is moved away is gone from where it was.
            for word in args.iter().filter(|word| !word.text.starts_with('-')) {
                let deed = self.deed(EffectKind::Delete, word, true, span);
                if matches!(deed.class, TargetClass::Root | TargetClass::System | TargetClass::Home) {
                    self.add(deed.because("moves away"));
                }
            }
        }
        let files: Vec<&Word> = args.iter().filter(|word| !word.text.starts_with('-')).collect();
        if let [from, to] = files.as_slice()
            && name != "install"
            && let (Some(from), Some(to)) = (self.file_name(from), self.file_name(to))
            && let Some(data) = self.files.get(&from).cloned()
        {
            self.copied = Some(to.clone());
            self.keep_file(to, data);
        }
        // The rules tell the rest.
        None
    }
}
