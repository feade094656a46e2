//! `awk` and `sed`: languages of their own that stand in the arguments.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};

use crate::data::Data;
use crate::judge::Judge;
use crate::limits::MAX_ITEMS;
use crate::payload::Language;
use crate::report::Deed;
use crate::rules::{Parsed, Program};
use crate::word::Word;

fn taken_apart(takes: &[&str], args: &[Word]) -> Parsed {
    let takes = takes.iter().map(|option| (*option).to_owned()).collect();
    Parsed::new(&Program { takes, ..Program::default() }, args)
}

impl Judge<'_> {
    pub(crate) fn awk(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        // Options end at the program: what follows belongs to it.
        let takes = [
            "-F",
            "-v",
            "-f",
            "-e",
            "-i",
            "-l",
            "-E",
            "-W",
            "--assign",
            "--field-separator",
            "--file",
            "--source",
            "--include",
            "--load",
            "--exec",
        ];
        let takes = takes.iter().map(|option| (*option).to_owned()).collect();
        let parsed = Parsed::new(&Program { takes, wraps: true, ..Program::default() }, args);
        if parsed.has_any(&["--version", "--help"]) {
            return Data::unknown(Provenance::CommandOutput);
        }
        let mut operands: Vec<Word> = parsed.operands.iter().map(|(_, word)| word.clone()).collect();
        let mut has_program = false;
        for file in
            parsed.all("-f").chain(parsed.all("--file")).chain(parsed.all("-E")).filter_map(|given| given.value.clone())
        {
            has_program = true;
            self.code_file(&file, Language::Awk, stdin, span);
        }
        for code in parsed.all("-e").chain(parsed.all("--source")).filter_map(|given| given.value.clone()) {
            has_program = true;
            self.foreign(Language::Awk, &code, stdin, span);
        }
        for library in parsed.all("-l").chain(parsed.all("--load")).filter_map(|given| given.value.clone()) {
            self.unknown_file(&library, span);
        }
        if !has_program && !operands.is_empty() {
            let mut code = operands.remove(0);
            // Values that are set from outside stand in the program as if they were written there.
            for given in parsed.all("-v").chain(parsed.all("--assign")) {
                if let Some((name, value)) = given
                    .value
                    .as_ref()
                    .and_then(|value| value.split_once('=').map(|(name, value)| (name.to_owned(), value)))
                    && let Some(text) = value.known()
                {
                    code.text = format!(
                        "BEGIN{{{name}=\"{}\"}}\n{}",
                        text.replace('\\', "\\\\").replace('"', "\\\""),
                        code.text
                    );
                    code.holes.clear();
                }
            }
            self.foreign(Language::Awk, &code, stdin, span);
        }
        let inplace = parsed.value(&["-i", "--include"]).is_some_and(|value| value.is("inplace"));
        for file in operands.iter().filter(|word| !word.text.contains('=') || word.text.contains('/')) {
            self.touch(if inplace { EffectKind::Overwrite } else { EffectKind::Read }, file, false, file.span);
        }
        let out = self.filtered_files(&operands, stdin);
        // Without anything to read it prints what stands in its program.
        Data { hidden: out.hidden || operands.is_empty() && stdin.nothing, ..out }
    }

    pub(crate) fn sed(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let parsed = taken_apart(&["-e", "-f", "-l", "--expression", "--file", "--line-length"], args);
        if parsed.has_any(&["--version", "--help"]) {
            return Data::unknown(Provenance::CommandOutput);
        }
        let mut operands: Vec<Word> = parsed.words().cloned().collect();
        let mut scripts: Vec<Word> =
            parsed.all("-e").chain(parsed.all("--expression")).filter_map(|given| given.value.clone()).collect();
        let files: Vec<Word> =
            parsed.all("-f").chain(parsed.all("--file")).filter_map(|given| given.value.clone()).collect();
        if scripts.is_empty() && files.is_empty() && !operands.is_empty() {
            scripts.push(operands.remove(0));
        }
        for script in &scripts {
            self.foreign(Language::Sed, script, stdin, span);
        }
        for file in &files {
            self.code_file(file, Language::Sed, stdin, span);
        }
        let in_place = parsed.options.iter().any(|given| given.name == "-i" || given.name.starts_with("--in-place"));
        if in_place {
            for name in operands.iter().filter_map(|file| self.file_name(file)).collect::<Vec<_>>() {
                self.files.remove(&name);
            }
        }
        for file in &operands {
            self.touch(if in_place { EffectKind::Overwrite } else { EffectKind::Read }, file, false, file.span);
        }
        match (scripts.as_slice(), stdin.plain()) {
            ([script], Some(text)) if operands.is_empty() && !stdin.nothing => {
                match script.known().and_then(|script| substitute(script, text)) {
                    Some(text) => Data { source: Provenance::Decoded, ..Data::known(text, span) },
                    None => stdin.changed(),
                }
            }
            _ => self.filtered_files(&operands, stdin),
        }
    }

    /// Rules that stand in an option; data tells the rest of `make`.
    pub(crate) fn make(&mut self, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
        let parsed = taken_apart(
            &["-E", "--eval", "-f", "--file", "--makefile", "-C", "--directory", "-j", "-I", "-l", "-o", "-W"],
            args,
        );
        let codes: Vec<Word> =
            parsed.all("--eval").chain(parsed.all("-E")).filter_map(|given| given.value.clone()).collect();
        for code in codes {
            let recipes = recipes(&code.text);
            for recipe in self.first(recipes, MAX_ITEMS, span) {
                let word = Word { text: recipe, holes: Vec::new(), ..code.clone() };
                self.aside(|judge| judge.run_text(&word, stdin, span));
            }
        }
        let file = parsed.value(&["-f", "--file", "--makefile"]).cloned();
        let known = file.map(|file| if file.is("-") { stdin.clone() } else { self.read_file(&file, span) });
        let recipes = known.as_ref().and_then(Data::plain).into_iter().flat_map(recipes);
        for recipe in self.first(recipes, MAX_ITEMS, span) {
            self.aside(|judge| judge.run_text(&Word::literal(recipe, span), &Data::nothing(), span));
        }
        None
    }

    /// A program in a file of Java that everybody knows; data tells the rest of `java`.
    pub(crate) fn java(&mut self, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
        let at = args.iter().position(|word| word.is("-jar"))?;
        let file = args.get(at + 1)?;
        let name = file.text.rsplit('/').next().unwrap_or_default().to_owned();
        self.rules.program(&name).filter(|_| name.ends_with(".jar"))?;
        let rest = args.get(at + 2..).unwrap_or_default().to_vec();
        Some(self.program(&name, file, rest, stdin, span))
    }

    fn code_file(&mut self, file: &Word, language: Language, stdin: &Data, span: Span) {
        let stream = file.is("-") || file.is("/dev/stdin");
        let known = if stream {
            Some(stdin.clone())
        } else {
            self.file_name(file).and_then(|name| self.files.get(&name).cloned())
        };
        match known.and_then(|data| data.text) {
            Some(code) => {
                self.foreign(language, &code, &Data::nothing(), span);
            }
            None => {
                self.report.opaque(format!("what stands in {}", file.shown()), file.span);
                let place = self.standpoint.locate(file);
                let level = if place.class == TargetClass::Temporary { RiskLevel::High } else { RiskLevel::Low };
                let deed =
                    Deed::new(EffectKind::Unknown, span).on(place.class, file.shown()).from(Provenance::File).at(level);
                self.add(deed.because("changes text as a file says whose content is not known"));
            }
        }
    }

    /// What a program prints that changes the lines of files or of its input.
    fn filtered_files(&self, files: &[Word], stdin: &Data) -> Data {
        let secret = stdin.secret || files.iter().any(|file| self.is_secret(file));
        Data { secret, below: stdin.below.clone(), ..stdin.changed() }
    }
}

/// What `s/a/b/g` makes of text, where both sides are plain.
fn substitute(script: &str, text: &str) -> Option<String> {
    let rest = script.strip_prefix('s')?;
    let mark = rest.chars().next()?;
    let mut parts = rest.get(mark.len_utf8()..)?.split(mark);
    let (from, to, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |side: &str| !side.contains(['\\', '.', '*', '[', '^', '$', '&', '+', '?']);
    if !plain(from) || !plain(to) || from.is_empty() || !flags.chars().all(|c| c == 'g') {
        return None;
    }
    Some(if flags.contains('g') { text.replace(from, to) } else { text.replacen(from, to, 1) })
}

/// The commands of a makefile: what stands behind a tab, behind the `;` of a rule, and in `$(shell …)`.
fn recipes(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter_map(|line| match line.strip_prefix('\t') {
        Some(recipe) => Some(recipe),
        None => line.split_once(':').and_then(|(_, rest)| rest.split_once(';')).map(|(_, recipe)| recipe),
    });
    let plain = |recipe: &str| recipe.trim_start_matches(['@', '-', '+', ' ']).replace("$$", "$");
    let calls = text.split("$(shell ").skip(1).filter_map(|rest| rest.split(')').next());
    lines.map(plain).chain(calls.map(str::to_owned))
}
