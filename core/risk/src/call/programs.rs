//! Follows a program by what is known of it: code where it needs code, rules where data is enough.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span, TargetClass};

use super::hits::language_of;
use crate::data::Data;
use crate::judge::Judge;
use crate::payload::Language;
use crate::report::Deed;
use crate::rules::{self, Does, Parsed, Program};
use crate::shell_joined;
use crate::word::Word;

impl Judge<'_> {
    /// Follows a program with its arguments.
    pub(crate) fn program(&mut self, name: &str, word: &Word, args: Vec<Word>, stdin: &Data, span: Span) -> Data {
        // What a program starts does not see the functions of this shell.
        let functions = std::mem::take(&mut self.scope.functions);
        let data = self.one_program(name, word, args, stdin, span);
        self.scope.functions = functions;
        data
    }

    fn one_program(&mut self, name: &str, word: &Word, args: Vec<Word>, stdin: &Data, span: Span) -> Data {
        let installed = self.context.programs.as_ref().filter(|_| self.away == 0).map(|programs| programs.has(name));
        if installed == Some(false) {
            let deed = Deed::new(EffectKind::Unknown, word.span).at(RiskLevel::Medium);
            self.add(Deed {
                target: Some(name.to_owned()),
                ..deed.because("calls a program that the machine does not have")
            });
        }
        self.network_chooses(&args, span);
        if let Some(data) = self.special(name, &args, stdin, span) {
            self.report.program(name, true, installed, word.span);
            return data;
        }
        if SQL.contains(&name) && self.rules.program(name).is_none() {
            let mut words = vec![word.clone()];
            words.extend(args.iter().cloned());
            let statement = shell_joined(&words, span);
            self.report.program(name, false, installed, word.span);
            self.report.opaque("SQL is no command of a shell; a database would be asked for it", word.span);
            // A shell finds no such program; only what would destroy something is worth a question.
            let destroys = crate::payload::scan(Language::Sql, &statement.text)
                .effects
                .iter()
                .any(|(kind, ..)| *kind == EffectKind::DatabaseDrop);
            if destroys {
                return self.foreign(Language::Sql, &statement, stdin, span);
            }
            self.add(
                Deed::new(EffectKind::DatabaseChange, span).at(RiskLevel::Low).because("is SQL, which no shell runs"),
            );
            return Data::nothing();
        }
        let Some(program) = self.rules.program(name) else {
            return self.unknown(name, word, &args, stdin, installed, span);
        };
        self.report.program(name, true, installed, word.span);
        if stdin.nothing && asks_for_help(program, &args) {
            return Data::unknown(Provenance::CommandOutput);
        }
        self.by_rules(name, program, &args, stdin, span)
    }

    /// Arguments that the network chooses may be options as well.
    fn network_chooses(&mut self, args: &[Word], span: Span) {
        let chosen =
            |word: &Word| word.prefix().is_empty() && word.holes.iter().any(|hole| hole.source == Provenance::Network);
        if args.iter().any(chosen) {
            self.add(
                Deed::new(EffectKind::Unknown, span)
                    .from(Provenance::Network)
                    .at(RiskLevel::Medium)
                    .because("takes arguments that come from the network"),
            );
        }
    }

    fn unknown(
        &mut self,
        name: &str,
        word: &Word,
        args: &[Word],
        stdin: &Data,
        installed: Option<bool>,
        span: Span,
    ) -> Data {
        self.report.program(name, false, installed, word.span);
        self.report.opaque(format!("what {name} does"), word.span);
        if stdin.nothing
            && args.len() == 1
            && args.first().is_some_and(|word| word.is("--help") || word.is("--version"))
        {
            return Data::unknown(Provenance::CommandOutput);
        }
        let deed = Deed::new(EffectKind::Unknown, span).at(RiskLevel::Medium);
        self.add(Deed { target: Some(name.to_owned()), ..deed.because("calls a program that is not known") });
        self.by_verbs(args.iter(), args, Does::Print, span);
        self.as_wrapper(args, stdin, span);
        Data { secret: stdin.secret, ..Data::unknown(Provenance::CommandOutput) }
    }

    fn by_rules(&mut self, name: &str, program: &Program, args: &[Word], stdin: &Data, span: Span) -> Data {
        let parsed = Parsed::new(program, args);
        let hits = rules::apply(program, &parsed, args);
        let language = language_of(name);
        let mut printed = None;
        for hit in &hits {
            let data = self.hit(hit, language, args, stdin, span);
            printed = printed.or(data);
        }
        let holds_shell = |word: &Word| {
            ["/bin/sh ", "/bin/bash ", "/bin/dash ", "/bin/zsh "].iter().any(|shell| word.text.contains(shell))
        };
        if !QUOTES.contains(&name) && args.iter().any(holds_shell) {
            let deed = Deed::new(EffectKind::Execute, span).from(Provenance::Unknown).at(RiskLevel::High);
            self.add(deed.because("is given a line for a shell"));
            args.iter().filter(|word| holds_shell(word)).for_each(|word| self.embedded(word, span));
        }
        if hits.iter().any(|hit| hit.rule.effect == EffectKind::Execute) {
            // How the command stands in the option, each program says in its own way.
            args.iter().for_each(|word| self.embedded(word, span));
        }
        if hits.is_empty() {
            if program.verbs {
                let preview = parsed.options.iter().any(|given| self.rules.verbs().is_preview(given));
                if !preview {
                    let operands: Vec<Word> = parsed.words().cloned().collect();
                    self.by_verbs(operands.iter(), args, program.does, span);
                }
            } else {
                self.plainly(name, program.does, &parsed, span);
            }
        } else if program.does == Does::Read {
            self.reads(&parsed);
        }
        if let Some(text) = stdin.plain().filter(|_| !stdin.nothing) {
            // Many programs that take orders run what stands behind an exclamation mark.
            let orders: Vec<String> = text
                .lines()
                .filter_map(|line| line.trim_start_matches('\\').strip_prefix('!'))
                .map(str::to_owned)
                .collect();
            orders.into_iter().take(8).for_each(|order| self.embedded(&Word::literal(order, span), span));
        }
        let source = match stdin.source {
            Provenance::Literal => Provenance::CommandOutput,
            other => other.max(Provenance::CommandOutput),
        };
        let mut out = printed.unwrap_or_else(|| {
            crate::special::text::filtered(name, args, stdin)
                .unwrap_or_else(|| Data { hidden: stdin.changed().hidden, ..Data::unknown(source) })
        });
        out.secret |= stdin.secret || (program.does == Does::Read && parsed.words().any(|word| self.is_secret(word)));
        out.meant_to_run = is_meant_to_run(name, args);
        if out.text.is_none() {
            out.below = out.below.or_else(|| self.names_below(name, &parsed, stdin));
        }
        out
    }

    /// The folder that a program's output has the names of files of.
    fn names_below(&self, name: &str, parsed: &Parsed, stdin: &Data) -> Option<Word> {
        match name {
            "ls" | "dir" | "fd" | "fdfind" | "tree" | "locate" | "mlocate" | "plocate" => {
                let folder = if name.starts_with("fd") { parsed.words().nth(1) } else { parsed.words().next() };
                let everywhere = name.ends_with("locate");
                Some(match folder {
                    _ if everywhere => Word::literal("/", Span::default()),
                    Some(word) => word.clone(),
                    None => Word::literal(".", Span::default()),
                })
            }
            "grep" | "egrep" | "fgrep" | "sort" | "head" | "tail" | "uniq" | "shuf" | "tac" | "tee" | "rg" | "cat" => {
                stdin.below.clone()
            }
            _ => None,
        }
    }

    pub(crate) fn is_secret(&self, word: &Word) -> bool {
        matches!(self.standpoint.locate(word).class, TargetClass::Credentials)
    }

    fn reads(&mut self, parsed: &Parsed) {
        for word in parsed.words() {
            self.touch(EffectKind::Read, word, false, word.span);
        }
    }

    /// A call of which no rule says more than what the program does anyway.
    fn plainly(&mut self, name: &str, does: Does, parsed: &Parsed, span: Span) {
        match does {
            Does::Print => {}
            Does::Read => self.reads(parsed),
            Does::Write => {
                let places: Vec<Word> = parsed.words().filter(|word| looks_like_path(word)).cloned().collect();
                self.add(Deed::new(EffectKind::Write, span).at(RiskLevel::Low).because("makes or changes files"));
                for word in &places {
                    self.write_file(word, false, word.span);
                }
            }
            // Without a word, a program that does something to something says how it is called.
            Does::Unknown if parsed.is_empty() => {}
            Does::Unknown => {
                self.report.opaque(format!("what {name} does with these arguments"), span);
                let deed = Deed::new(EffectKind::Unknown, span).at(RiskLevel::Medium);
                self.add(Deed {
                    target: Some(name.to_owned()),
                    ..deed.because("calls a program in a way that is not known")
                });
            }
        }
    }

    pub(crate) fn by_verbs<'w>(
        &mut self,
        operands: impl Iterator<Item = &'w Word>,
        args: &[Word],
        does: Does,
        span: Span,
    ) {
        use crate::rules::Verb;
        let texts: Vec<&str> = operands
            .filter(|word| word.holes.is_empty() && !word.text.starts_with('-'))
            .map(|word| word.text.as_str())
            .collect();
        match self.rules.verbs().of(texts.iter().copied()) {
            Some(Verb::Delete) => {
                self.add(
                    Deed::new(EffectKind::RemoteDelete, span)
                        .on(TargetClass::Cloud, texts.join(" "))
                        .because("destroys or takes away something elsewhere"),
                );
            }
            Some(Verb::Change) => {
                self.add(
                    Deed::new(EffectKind::RemoteChange, span)
                        .on(TargetClass::Cloud, texts.join(" "))
                        .because("changes something elsewhere"),
                );
            }
            Some(Verb::Read) => {}
            None if does == Does::Unknown && !args.is_empty() => {
                self.report.opaque("what this call does", span);
                self.add(
                    Deed::new(EffectKind::Unknown, span)
                        .at(RiskLevel::Medium)
                        .because("calls a program in a way that is not known"),
                );
            }
            None => {}
        }
    }
}

fn looks_like_path(word: &Word) -> bool {
    word.text.contains('/') || word.text.contains('.') || word.text.starts_with('~')
}

/// Programs that are given any text to look for or to write down.
const QUOTES: &[&str] = &[
    "grep",
    "egrep",
    "fgrep",
    "zgrep",
    "rg",
    "ag",
    "ack",
    "git",
    "logger",
    "wall",
    "jq",
    "yq",
    "cowsay",
    "figlet",
    "write",
    "notify-send",
    "gh",
    "glab",
];

/// Words with which only statements for databases begin.
const SQL: &[&str] = &[
    "SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "CREATE", "TRUNCATE", "GRANT", "REVOKE", "SHOW",
    "DESCRIBE", "EXPLAIN", "MERGE", "USE", "WITH",
];

/// `--help` and `--version` only print. Where another program may follow, they may be that one's.
fn asks_for_help(program: &Program, args: &[Word]) -> bool {
    let is = |word: &Word, options: &[&str]| options.iter().any(|option| word.is(option));
    let runs = program.wraps || program.rule.iter().any(|rule| rule.run.is_some());
    let first = args.first().is_some_and(|word| is(word, &["--help", "--version", "-version", "--usage"]));
    let alone = args.len() == 1 && args.iter().any(|word| is(word, &["-V", "-?", "-help"]));
    let harmless = program.does < Does::Write || program.verbs;
    let word =
        args.len() == 1 && !runs && harmless && args.iter().any(|word| is(word, &["-h", "-v", "help", "version"]));
    let anywhere = !runs && args.iter().take_while(|word| !word.is("--")).any(|word| word.is("--help"));
    first || alone || word || anywhere
}

/// Programs that print settings of the shell: `eval "$(ssh-agent -s)"` is what they are for.
fn is_meant_to_run(name: &str, args: &[Word]) -> bool {
    let known = [
        "ssh-agent",
        "dircolors",
        "lesspipe",
        "lesspipe.sh",
        "gpg-agent",
        "keychain",
        "tset",
        "resize",
        "register-python-argcomplete",
        "thefuck",
        "zoxide",
    ];
    let says = [
        "init",
        "hook",
        "shellenv",
        "env",
        "completion",
        "completions",
        "activate",
        "setup",
        "shell",
        "export",
        "docker-env",
        "podman-env",
        "--alias",
        "-",
        "shell.bash",
        "path",
        "bash",
        "zsh",
        "fish",
        "init-shell",
    ];
    known.contains(&name) || args.iter().take(3).any(|word| says.iter().any(|text| word.is(text)))
}
