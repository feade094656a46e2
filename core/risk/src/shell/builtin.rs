//! Follows the shell's own commands.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::limits::MAX_ITEMS;
use crate::report::Deed;
use crate::shell::scope::Value;
use crate::word::Word;

fn is_name(word: &Word) -> bool {
    word.known().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()))
}

impl Judge<'_> {
    /// What one of the shell's own commands prints; none where the name is not one.
    pub(crate) fn builtin(&mut self, name: &str, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
        if matches!(
            name,
            "let"
                | "test"
                | "["
                | "printf"
                | "read"
                | "declare"
                | "typeset"
                | "local"
                | "export"
                | "unset"
                | "readonly"
                | "getopts"
        ) {
            self.subscripts(args, stdin, span);
        }
        Some(match name {
            ":" | "true" | "false" | "wait" | "return" | "exit" | "break" | "continue" | "jobs" | "fg" | "bg"
            | "times" | "umask" | "getopts" | "shopt" | "disown" | "suspend" | "logout" | "compopt" | "caller"
            | "[" | "test" | "dirs" | "let" | "ulimit" | "bindkey" | "setopt" | "unsetopt" | "autoload" | "zle"
            | "rehash" => Data::nothing(),
            "bind" => self.bind(args, stdin, span),
            "complete" | "compgen" => {
                self.callbacks(&["-C", "-F"], args, span);
                for word in args.iter().filter(|word| word.text.contains("$(") || word.text.contains('`')) {
                    self.expand_document(&word.text.clone(), span, stdin);
                }
                Data::nothing()
            }
            "hash" => {
                if args.iter().any(|word| word.text.starts_with("-p")) {
                    let deed = Deed::new(EffectKind::Execute, span).from(Provenance::Unknown).at(RiskLevel::High);
                    self.add(deed.because("lets the name of a program stand for another one"));
                }
                Data::nothing()
            }
            "enable" => self.enable(args, span),
            "echo" => crate::special::text::echo(args, span),
            "printf" => self.printf(args, span),
            "pwd" => match &self.standpoint.cwd {
                Some(cwd) => Data::known(cwd.as_str(), span),
                None => Data::known(".", span),
            },
            "type" | "whence" | "where" | "help" => Data::unknown(Provenance::CommandOutput),
            "cd" | "pushd" | "popd" => self.change_folder(name, args),
            "eval" => {
                let line = joined(args, span);
                self.run_text(&line, stdin, span)
            }
            "exec" => match exec_words(args) {
                [] => Data::nothing(),
                rest => {
                    let functions = std::mem::take(&mut self.scope.functions);
                    let data = self.command(rest.to_vec(), stdin, span);
                    self.scope.functions = functions;
                    data
                }
            },
            "command" | "builtin" => {
                let rest =
                    args.iter().position(|word| !word.text.starts_with('-') || word.is("--")).unwrap_or(args.len());
                let looks = args.get(..rest).unwrap_or_default().iter().any(|word| word.text.contains(['v', 'V']));
                let rest = args.get(rest..).unwrap_or_default();
                let rest = rest.strip_prefix(&[Word::literal("--", Span::default())][..]).unwrap_or(rest);
                match rest {
                    [found, ..] if looks => Data::word(found.clone()),
                    [] => Data::nothing(),
                    rest => {
                        let functions = std::mem::take(&mut self.scope.functions);
                        let data = self.command(rest.to_vec(), stdin, span);
                        self.scope.functions = functions;
                        data
                    }
                }
            }
            "source" | "." => self.source(args, stdin, span),
            "trap" => self.trap(args, span),
            "alias" => {
                for word in args {
                    if let Some((name, value)) = word.split_once('=') {
                        self.scope.aliases.insert(name.to_owned(), value);
                    }
                }
                Data::nothing()
            }
            "unalias" => Data::nothing(),
            "local" => {
                // Those with a value have been made before the value was set.
                for word in args.iter().filter(|word| is_name(word)) {
                    self.scope.make_local(&word.text, self.branch > 0);
                    self.scope.unset(&word.text, self.branch > 0);
                }
                Data::nothing()
            }
            "export" | "declare" | "readonly" | "typeset" => Data::nothing(),
            "unset" => {
                for word in args.iter().filter(|word| !word.text.starts_with('-')) {
                    if word.text.starts_with("HIST") {
                        self.add(
                            Deed::new(EffectKind::HistoryTampering, span)
                                .because("keeps commands out of the shell's history"),
                        );
                    }
                    self.scope.unset(&word.text, self.branch > 0);
                }
                Data::nothing()
            }
            "set" => self.set(args),
            "shift" => {
                let count = args.first().and_then(|word| word.text.parse().ok()).unwrap_or(1);
                self.scope.arguments.drain(..usize::min(count, self.scope.arguments.len()));
                Data::nothing()
            }
            "read" => self.read(args, stdin, span),
            "mapfile" | "readarray" => {
                self.callbacks(&["-C"], args, span);
                self.mapfile(args, stdin, span)
            }
            "history" | "fc" => self.history(args, span),
            _ => return None,
        })
    }

    /// Commands that stand as values of options.
    fn callbacks(&mut self, options: &[&str], args: &[Word], span: Span) {
        for (at, word) in args.iter().enumerate() {
            let value = match options.iter().find(|option| word.text.starts_with(**option)) {
                Some(option) if word.is(option) => args.get(at + 1).cloned(),
                Some(option) => Some(word.tail(option.len())),
                None => None,
            };
            if let Some(code) = value {
                self.aside(|judge| judge.run_text(&code, &Data::nothing(), span));
            }
        }
    }

    /// An index of an array is evaluated, with all commands in it, even where only a name is expected.
    fn subscripts(&mut self, args: &[Word], stdin: &Data, span: Span) {
        for word in
            args.iter().filter(|word| word.text.contains('[') && (word.text.contains("$(") || word.text.contains('`')))
        {
            self.expand_document(&word.text.clone(), span, stdin);
        }
    }

    fn change_folder(&mut self, name: &str, args: &[Word]) -> Data {
        let target = args.iter().find(|word| !(word.text.len() == 2 && word.text.starts_with('-')));
        // It may fail, and then the commands behind a `;` run where they are.
        if self.standpoint.others.len() < 8 && !self.standpoint.others.contains(&self.standpoint.cwd) {
            let here = self.standpoint.cwd.clone();
            self.standpoint.others.push(here);
        }
        self.standpoint.cwd = match target {
            Some(word) if word.known().is_some_and(|text| !text.is_empty() && text != "-" && !word.glob) => {
                let place = self.standpoint.locate(word);
                // Below a folder that nobody knows it stays unknown.
                if place.path.starts_with('/') { Some(place.path) } else { self.standpoint.cwd.clone() }
            }
            None if name == "cd" => Some(self.standpoint.home.clone()),
            _ => None,
        };
        Data::nothing()
    }

    fn source(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let Some(file) = args.iter().find(|word| !word.is("--")) else { return Data::nothing() };
        if crate::data::is_stdin(file) {
            return self.run_data(stdin, &Data::nothing(), span);
        }
        self.script(file, span)
    }

    fn trap(&mut self, args: &[Word], span: Span) -> Data {
        let mut args = args.iter().filter(|word| !word.is("--"));
        if let (Some(action), Some(_)) = (args.next(), args.next())
            && !action.text.starts_with('-')
            && !(action.holes.is_empty() && action.text.is_empty())
        {
            self.aside(|judge| judge.run_text(action, &Data::nothing(), span));
        }
        Data::nothing()
    }

    fn set(&mut self, args: &[Word]) -> Data {
        if let Some(word) =
            args.iter().find(|word| word.is("+o")).and_then(|_| args.last()).filter(|word| word.is("history"))
        {
            self.add(
                Deed::new(EffectKind::HistoryTampering, word.span).because("keeps commands out of the shell's history"),
            );
        }
        if let Some(at) = args.iter().position(|word| word.is("--")) {
            self.scope.arguments = args.get(at + 1..).unwrap_or_default().to_vec();
        } else if let Some(at) = args.iter().position(|word| !word.text.starts_with(['-', '+'])) {
            self.scope.arguments = args.get(at..).unwrap_or_default().to_vec();
        }
        Data::nothing()
    }

    fn read(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let mut names = Vec::new();
        let (mut at, mut array) = (0, false);
        while let Some(word) = args.get(at) {
            match word.text.as_str() {
                "-a" | "-A" => array = true,
                "-d" | "-i" | "-n" | "-N" | "-p" | "-t" | "-u" => at += 1,
                text if text.starts_with('-') => array |= text.contains('a'),
                text => names.push(text.to_owned()),
            }
            at += 1;
        }
        if names.is_empty() {
            names.push("REPLY".to_owned());
        }
        let maybe = self.branch > 0;
        let Some(line) =
            stdin.plain().filter(|_| !stdin.nothing).and_then(|text| text.lines().next()).map(str::to_owned)
        else {
            let word = stdin.to_word(span);
            let word = if word.holes.is_empty() { Word::unknown(Provenance::Unknown, span) } else { word };
            for name in names {
                self.scope.set(&name, Value::one(word.clone()), maybe);
            }
            return Data::nothing();
        };
        let made = |text: &str| Word { source: stdin.source, ..Word::literal(text, span) };
        if array {
            let words = line.split_whitespace().map(made).collect();
            self.scope.set(names.first().map_or("REPLY", String::as_str), Value::array(words), maybe);
            return Data::nothing();
        }
        let more: Vec<String> = stdin.plain().unwrap_or_default().lines().skip(1).take(16).map(str::to_owned).collect();
        let mut rest = line.trim();
        let last = names.len() - 1;
        for (number, name) in names.iter().enumerate() {
            let (word, others) =
                if number == last { (rest, "") } else { rest.split_once(char::is_whitespace).unwrap_or((rest, "")) };
            self.scope.set(name, Value::one(made(word)), maybe);
            rest = others.trim_start();
        }
        // In a loop, or after another `read`, it is one of the other lines.
        for line in more {
            if let Some(name) = names.last() {
                self.scope.set(name, Value::one(made(line.trim())), true);
            }
        }
        Data::nothing()
    }

    fn mapfile(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let name = args
            .last()
            .filter(|word| !word.text.starts_with('-'))
            .map_or("MAPFILE", |word| word.text.as_str())
            .to_owned();
        let words = match stdin.plain() {
            Some(text) => {
                let lines = self.first(text.lines(), MAX_ITEMS, span);
                lines.into_iter().map(|line| Word { source: stdin.source, ..Word::literal(line, span) }).collect()
            }
            None => vec![stdin.to_word(span)],
        };
        self.scope.set(&name, Value::array(words), self.branch > 0);
        Data::nothing()
    }

    fn history(&mut self, args: &[Word], span: Span) -> Data {
        let letters = |word: &Word| word.text.starts_with('-') && word.text.contains(['c', 'd', 'w', 'r', 'a']);
        if args.iter().any(letters) && args.iter().any(|word| word.text.contains(['c', 'd', 'w'])) {
            self.add(Deed::new(EffectKind::HistoryTampering, span).because("removes from the shell's history"));
        }
        Data { secret: true, ..Data::unknown(Provenance::CommandOutput) }
    }

    fn bind(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        if let Some(code) = args
            .iter()
            .find(|word| word.text.contains("\":"))
            .and_then(|word| word.text.rsplit_once(':').map(|(_, code)| (word, code.trim().trim_matches('"'))))
        {
            let word = Word { text: code.1.to_owned(), ..code.0.clone() };
            self.run_text(&word, stdin, span);
        }
        Data::nothing()
    }

    fn enable(&mut self, args: &[Word], span: Span) -> Data {
        if args.iter().any(|word| word.text.starts_with("-f")) {
            let deed = Deed::new(EffectKind::Execute, span).from(Provenance::File).at(RiskLevel::High);
            self.add(deed.because("loads a library into the shell"));
        }
        Data::nothing()
    }

    fn printf(&mut self, args: &[Word], span: Span) -> Data {
        match args {
            [flag, name, rest @ ..] if flag.is("-v") => {
                let word = crate::special::text::printf(rest, span).to_word(span);
                let maybe = self.branch > 0;
                self.scope.set(&name.text, Value::one(word), maybe);
                Data::nothing()
            }
            rest => crate::special::text::printf(rest, span),
        }
    }
}

/// Words with spaces between, as `eval` joins them.
pub(crate) fn joined(words: &[Word], span: Span) -> Word {
    let mut line = Word::literal("", span);
    for (number, word) in words.iter().filter(|word| !word.is("--")).enumerate() {
        if number > 0 {
            line.text.push(' ');
        }
        line.push(word);
    }
    line
}

fn exec_words(args: &[Word]) -> &[Word] {
    let mut at = 0;
    while let Some(word) = args.get(at).filter(|word| word.text.starts_with('-') && word.holes.is_empty()) {
        at += if word.is("-a") { 2 } else { 1 };
    }
    args.get(at..).unwrap_or_default()
}
