//! Programs that run the words behind them: sudo, env, xargs, parallel, ssh; and those that run their input later.

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::limits::{MAX_CALLS, MAX_ITEMS};
use crate::report::Deed;
use crate::rules::{Parsed, Program};
use crate::shell_joined;
use crate::word::Word;

/// Takes the words of a wrapper apart; options that take a value are given.
fn wrapper(takes: &[&str], args: &[Word]) -> Parsed {
    let takes = takes.iter().map(|option| (*option).to_owned()).collect();
    Parsed::new(&Program { takes, wraps: true, ..Program::default() }, args)
}

/// The words behind the options.
fn rest(parsed: &Parsed, args: &[Word]) -> Vec<Word> {
    parsed.operands.first().map_or_else(Vec::new, |(at, _)| args.get(*at..).unwrap_or_default().to_vec())
}

/// The number of leading words that set variables.
fn settings(words: &[Word]) -> usize {
    words.iter().take_while(|word| is_setting(word)).count()
}

fn is_setting(word: &Word) -> bool {
    word.prefix()
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()))
}

impl Judge<'_> {
    pub(crate) fn sudo(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = [
            "-u",
            "-g",
            "-h",
            "-p",
            "-C",
            "-r",
            "-t",
            "-T",
            "-U",
            "-D",
            "-R",
            "--user",
            "--group",
            "--host",
            "--prompt",
            "--close-from",
            "--role",
            "--type",
            "--command-timeout",
            "--other-user",
            "--chdir",
            "--chroot",
        ];
        let parsed = wrapper(&takes, args);
        let mut words = rest(&parsed, args);
        words.drain(..settings(&words));
        self.add(
            Deed::new(EffectKind::PrivilegeRaised, span).because("takes the rights of root or of another account"),
        );
        if parsed.has_any(&[
            "-l",
            "--list",
            "-k",
            "-K",
            "-v",
            "-V",
            "--validate",
            "--version",
            "--help",
            "--reset-timestamp",
        ]) && words.is_empty()
        {
            return Data::unknown(Provenance::CommandOutput);
        }
        if parsed.has_any(&["-l", "--list"]) {
            return Data::unknown(Provenance::CommandOutput);
        }
        self.elevated(|judge| {
            if parsed.has_any(&["-e", "--edit"]) {
                words.iter().for_each(|word| judge.write_file(word, true, word.span));
                return Data::nothing();
            }
            if parsed.has_any(&["-s", "-i", "--shell", "--login"]) {
                let shell = Word::literal("sh", span);
                return match words.is_empty() {
                    true => judge.command(vec![shell], stdin, span),
                    false => {
                        let line = shell_joined(&words, span);
                        judge.run_text(&line, stdin, span)
                    }
                };
            }
            judge.command(words, stdin, span)
        })
    }

    pub(crate) fn env(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = ["-u", "--unset", "-C", "--chdir", "-S", "--split-string", "-P"];
        let parsed = wrapper(&takes, args);
        let mut words = rest(&parsed, args);
        if words.first().is_some_and(|word| word.is("-")) {
            words.remove(0);
        }
        for word in words.drain(..settings(&words)) {
            if let Some((name, value)) = word.split_once('=') {
                self.guard_variable(name, &value);
            }
        }
        if let Some(text) = parsed.value(&["-S", "--split-string"]).cloned() {
            let mut line = text;
            for word in &words {
                line.text.push(' ');
                line.push(word);
            }
            // It splits at blanks, and then takes the words as it takes its own.
            let raw: Vec<String> = crate::shell::raw_words(&line.text).into_iter().map(str::to_owned).collect();
            let inner: Vec<Word> = raw.iter().flat_map(|raw| self.expand(raw, line.span, stdin)).collect();
            return self.env(&inner, stdin, span);
        }
        if words.is_empty() {
            return Data { secret: true, ..Data::unknown(Provenance::CommandOutput) };
        }
        self.aside(|judge| judge.command(words, stdin, span))
    }

    pub(crate) fn xargs(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = [
            "-I",
            "-i-",
            "-n",
            "-P",
            "-L",
            "-d",
            "-E",
            "-s",
            "-a",
            "-J",
            "-R",
            "--replace",
            "--max-args",
            "--max-procs",
            "--max-lines",
            "--delimiter",
            "--eof",
            "--max-chars",
            "--arg-file",
            "--process-slot-var",
        ];
        let parsed = wrapper(&takes, args);
        let mut words = rest(&parsed, args);
        if words.is_empty() {
            return stdin.clone();
        }
        let input = match parsed.value(&["-a", "--arg-file"]).cloned() {
            Some(file) => self.read_file(&file, span),
            None => stdin.clone(),
        };
        let placeholder = parsed
            .find("-I")
            .or_else(|| parsed.find("--replace"))
            .map(|given| given.value.as_ref().map_or("{}".to_owned(), |v| v.text.clone()));
        let placeholder = placeholder
            .or_else(|| parsed.has("-i").then(|| "{}".to_owned()))
            .or_else(|| parsed.value(&["-J"]).map(|v| v.text.clone()));
        let quiet = Data::nothing();
        match (input.plain().filter(|_| !input.nothing).map(str::to_owned), placeholder) {
            (Some(text), Some(mark)) => {
                let mut data = Data::nothing();
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                for line in self.first(lines, MAX_CALLS, span) {
                    let item = Word { source: input.source, ..Word::literal(line.trim(), span) };
                    let call = words.iter().map(|word| replace(word, &mark, &item)).collect();
                    data = data.then(self.aside(|judge| judge.command(call, &quiet, span)));
                }
                data
            }
            (Some(text), None) => {
                let items = text.split(|c: char| c.is_whitespace() || c == '\0').filter(|item| !item.is_empty());
                words.extend(
                    self.first(items, MAX_ITEMS, span).into_iter().map(|item| Word {
                        source: input.source,
                        ..Word::literal(item.trim_matches(['"', '\'']), span)
                    }),
                );
                self.aside(|judge| judge.command(words, &quiet, span))
            }
            (None, mark) => {
                let item = input.to_word(span);
                let item = if item.holes.is_empty() {
                    Word::unknown(input.source.max(Provenance::CommandOutput), span)
                } else {
                    item
                };
                let call = match mark {
                    Some(mark) => words.iter().map(|word| replace(word, &mark, &item)).collect(),
                    None => {
                        words.push(item);
                        words
                    }
                };
                self.aside(|judge| judge.command(call, &quiet, span))
            }
        }
    }

    pub(crate) fn parallel(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = [
            "-j",
            "--jobs",
            "-S",
            "--sshlogin",
            "-a",
            "--arg-file",
            "-I",
            "--colsep",
            "-C",
            "-n",
            "-N",
            "--delay",
            "--timeout",
            "--joblog",
            "--results",
            "--tmpdir",
            "--workdir",
            "-d",
            "--delimiter",
            "--retries",
            "--load",
            "--memfree",
            "--nice",
        ];
        let parsed = wrapper(&takes, args);
        let words = rest(&parsed, args);
        let is_mark = |word: &Word| [":::", "::::", ":::+"].iter().any(|mark| word.is(mark));
        let cut = words.iter().position(is_mark).unwrap_or(words.len());
        let (call, items) = words.split_at(cut);
        let from_files = items.first().is_some_and(|word| word.is("::::"));
        let mut inputs: Vec<Word> =
            if from_files { Vec::new() } else { items.iter().filter(|word| !is_mark(word)).cloned().collect() };
        if items.is_empty() {
            match stdin.plain().filter(|_| !stdin.nothing) {
                Some(text) => inputs.extend(text.lines().map(|line| Word::literal(line, span))),
                None => inputs.push(stdin.to_word(span)),
            }
        }
        if inputs.is_empty() {
            inputs.push(Word::unknown(Provenance::File, span));
        }
        for item in self.first(inputs.iter(), MAX_CALLS, span) {
            let quoted = quoted(item);
            let item = if call.is_empty() { item } else { &quoted };
            let mut line: Vec<Word> =
                call.iter().map(|word| replace(&replace(word, "{}", item), "{.}", item)).collect();
            if line == call {
                line.push(item.clone());
            }
            let text = shell_joined(&line, span);
            self.aside(|judge| judge.run_text(&text, &Data::nothing(), span));
        }
        Data::unknown(Provenance::CommandOutput)
    }

    pub(crate) fn ssh(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let takes = [
            "-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-P", "-Q",
            "-R", "-S", "-W", "-w",
        ];
        let parsed = wrapper(&takes, args);
        for given in parsed.all("-o") {
            let Some(value) = given.value.clone() else { continue };
            let split = value
                .text
                .find(['=', ' '])
                .map(|at| (value.text.get(..at).unwrap_or_default().to_ascii_lowercase(), value.tail(at + 1)));
            if let Some((key, code)) = split
                && ["proxycommand", "localcommand", "knownhostscommand", "proxyusefdpass"].contains(&key.as_str())
                && !code.is("none")
            {
                self.aside(|judge| judge.run_text(&code, stdin, span));
            }
        }
        if parsed.has_any(&["-V", "-Q", "-G"]) {
            return Data::unknown(Provenance::CommandOutput);
        }
        let words = rest(&parsed, args);
        // Options may stand behind the host, too.
        let behind = wrapper(&takes, words.get(1..).unwrap_or_default());
        let inner = rest(&behind, words.get(1..).unwrap_or_default());
        let host = words.first().map(Word::shown).unwrap_or_default();
        self.add(Deed {
            target: Some(host.clone()),
            ..Deed::new(EffectKind::Remote, span).at(RiskLevel::Low).because("runs something on another machine")
        });
        if parsed.has_any(&["-R", "-L", "-D", "-w"]) {
            self.add(
                Deed::new(EffectKind::NetworkListen, span)
                    .at(RiskLevel::Medium)
                    .because("opens a way through the network"),
            );
        }
        if inner.is_empty() {
            if !stdin.nothing {
                let data = stdin.clone();
                return self.elsewhere(|judge| judge.aside(|judge| judge.run_data(&data, &Data::nothing(), span)));
            }
            if !parsed.has_any(&["-N", "-f", "-T", "-O"]) {
                self.report.opaque(format!("what is typed on {host}"), span);
            }
            return Data::unknown(Provenance::Network);
        }
        let line = shell_joined(&inner, span);
        let out = self.elsewhere(|judge| judge.aside(|judge| judge.run_text(&line, stdin, span)));
        Data { source: out.source.max(Provenance::CommandOutput), ..out }
    }

    pub(crate) fn crontab(&mut self, args: &[Word], stdin: &Data, span: Span) -> Data {
        let parsed = wrapper(&["-u"], args);
        if parsed.has("-l") {
            return Data::unknown(Provenance::CommandOutput);
        }
        if parsed.has("-r") {
            self.add(Deed::new(EffectKind::Delete, span).at(RiskLevel::High).because("removes all jobs of an account"));
            return Data::nothing();
        }
        let file = rest(&parsed, args).first().cloned();
        let data = match &file {
            Some(file) if !file.is("-") => self.read_file(file, span),
            _ => stdin.clone(),
        };
        if parsed.has("-e") || !data.nothing {
            self.add(Deed::new(EffectKind::Persistence, span).because("changes which jobs start by themselves"));
        }
        self.jobs(&data, span);
        Data::nothing()
    }

    /// Runs the jobs of a crontab. Those of the system name an account before the command.
    pub(crate) fn jobs(&mut self, data: &Data, span: Span) {
        let lines = data.text.iter().flat_map(|word| word.text.lines()).filter_map(job);
        for line in self.first(lines, MAX_ITEMS, span) {
            let rest = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
            let with_account = Some(rest).filter(|rest| crate::call::names_harm(rest));
            for text in [Some(line.as_str()), with_account].into_iter().flatten() {
                let word = Word { source: data.source, ..Word::literal(text, span) };
                self.aside(|judge| judge.run_text(&word, &Data::nothing(), span));
            }
        }
    }

    pub(crate) fn at(&mut self, args: &[Word], stdin: &Data, span: Span) -> Option<Data> {
        let parsed = wrapper(&["-f", "-q", "-t"], args);
        if parsed.has_any(&["-l", "-c", "-r", "-d", "-V"]) {
            return None;
        }
        self.add(Deed::new(EffectKind::Persistence, span).at(RiskLevel::Medium).because("runs something later"));
        match parsed.value(&["-f"]).cloned() {
            Some(file) => {
                self.aside(|judge| judge.script(&file, span));
            }
            None => {
                let data = stdin.clone();
                self.aside(|judge| judge.run_data(&data, &Data::nothing(), span));
            }
        }
        Some(Data::nothing())
    }
}

/// The command of a line of a crontab.
fn job(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with('#') || line.is_empty() {
        return None;
    }
    let fields = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    for _ in 0..fields {
        rest = rest.split_once(char::is_whitespace).map(|(_, rest)| rest.trim_start())?;
    }
    // A percent sign ends the command; what follows is its input.
    Some(rest.split('%').next().unwrap_or(rest).to_owned())
}

/// A word with another in the place of a mark.
pub(crate) fn replace(word: &Word, mark: &str, item: &Word) -> Word {
    if mark.is_empty() || !word.text.contains(mark) {
        return word.clone();
    }
    let mut out = Word { text: String::new(), holes: Vec::new(), ..word.clone() };
    let mut rest = word.clone();
    for _ in 0..16 {
        let Some(at) = rest.text.find(mark) else { break };
        let head = Word {
            text: rest.text.get(..at).unwrap_or_default().to_owned(),
            holes: rest.holes.iter().filter(|hole| hole.at <= at).copied().collect(),
            ..rest.clone()
        };
        out.push(&head);
        out.push(item);
        rest = rest.tail(at + mark.len());
    }
    out.push(&rest);
    out
}

/// A word as it stands in a line where it is one word.
fn quoted(word: &Word) -> Word {
    if word.holes.is_empty() {
        Word { text: format!("'{}'", word.text.replace('\'', "'\\''")), ..word.clone() }
    } else {
        word.clone()
    }
}
