//! Receives the words of a command, finds out what they call, and follows it: a function, a builtin, a program.

mod code;
mod hits;
mod programs;

use std::rc::Rc;

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{EffectKind, Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::limits::MAX_NESTED_CALLS;
use crate::report::Deed;
use crate::word::{Word, glob};

/// Folders in which a machine's own programs lie.
const PROGRAM_FOLDERS: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/snap/bin",
    "/opt/homebrew/bin",
    "/usr/libexec",
];

impl Judge<'_> {
    /// Follows words that are a command; gives what it prints.
    pub(crate) fn command(&mut self, words: Vec<Word>, stdin: &Data, span: Span) -> Data {
        // An empty unquoted expansion leaves no word; what is left may begin with one of them.
        if words.is_empty() || !self.step(span) {
            return Data::nothing();
        }
        if self.nesting >= MAX_NESTED_CALLS {
            self.report.give_up("programs run programs too deeply to be looked at", span);
            return Data::unknown(Provenance::CommandOutput);
        }
        self.nesting += 1;
        let data = self.one_command(words, stdin, span);
        self.nesting -= 1;
        data
    }

    fn one_command(&mut self, mut words: Vec<Word>, stdin: &Data, span: Span) -> Data {
        let name = words.remove(0);
        let Some(text) = name.known().filter(|text| !text.is_empty()).map(str::to_owned) else {
            return self.unknown_name(&name, &words, stdin, span);
        };
        if name.glob && text.contains(['*', '?', '[']) && text != "[" && text != "[[" {
            return self.patterned(&text, &name, &words, stdin, span);
        }
        if let Some((body, frame)) = self.scope.functions.get(&text).cloned() {
            if !self.scope.doubtful.contains(&text) {
                return self.function(&body, frame, words, stdin, span);
            }
            let data = self.aside(|judge| judge.function(&body, frame, words.clone(), stdin, span));
            return data.then(self.named(&text, &name, words, stdin, span));
        }
        self.named(&text, &name, words, stdin, span)
    }

    fn named(&mut self, text: &str, name: &Word, words: Vec<Word>, stdin: &Data, span: Span) -> Data {
        if !text.contains('/') {
            if name.source == Provenance::Decoded {
                self.report.opaque("the name of a program is hidden in coded text", span);
            }
            if let Some(data) = self.builtin(text, &words, stdin, span) {
                self.report.program(text, true, Some(true), name.span);
                return data;
            }
            return self.program(text, name, words, stdin, span);
        }
        let (folder, base) = text.rsplit_once('/').unwrap_or(("", text));
        if PROGRAM_FOLDERS.contains(&folder) && !base.is_empty() {
            let base = base.to_owned();
            if ["echo", "printf", "test", "[", "pwd", "true", "false"].contains(&base.as_str()) {
                return self.builtin(&base, &words, stdin, span).unwrap_or_default();
            }
            return self.program(&base, name, words, stdin, span);
        }
        self.path(name, &words, stdin, span)
    }

    /// A program that is called by a path of its own: a script, something that was just downloaded.
    fn path(&mut self, name: &Word, words: &[Word], stdin: &Data, span: Span) -> Data {
        self.report.program(&name.text, false, None, name.span);
        let known = self.file_name(name).and_then(|file| self.files.get(&file).cloned());
        if let Some(data) = known {
            let before = std::mem::replace(&mut self.scope.arguments, words.to_vec());
            let out = self.run_data(&data, stdin, span);
            self.scope.arguments = before;
            return out;
        }
        // Under another name it may be a program that everybody knows.
        let base = name.text.rsplit('/').next().unwrap_or_default().to_owned();
        let place = self.standpoint.locate(name);
        let open = place.class == ogent_protocol::verdict::TargetClass::Temporary || base.starts_with('.');
        let level = if open { RiskLevel::High } else { RiskLevel::Medium };
        self.add(
            Deed::new(EffectKind::Unknown, span)
                .on(place.class, name.shown())
                .from(Provenance::File)
                .at(level)
                .because("runs a program whose content is not known"),
        );
        self.report.opaque(format!("what {} does", name.shown()), name.span);
        if self.is_known(&base) {
            let words = words.to_vec();
            return self.program(&base, name, words, stdin, span);
        }
        self.as_wrapper(words, stdin, span);
        Data::unknown(Provenance::CommandOutput)
    }

    fn unknown_name(&mut self, name: &Word, words: &[Word], stdin: &Data, span: Span) -> Data {
        if name.is_blank() {
            return Data::nothing();
        }
        if name.prefix().is_empty() || !name.text.contains('/') {
            let source = name.provenance().max(Provenance::Unknown);
            self.report.opaque("which program runs", span);
            self.add(
                Deed::new(EffectKind::Execute, span)
                    .from(source)
                    .because("runs a program whose name is known only then"),
            );
            if words.is_empty() && name.holes.iter().any(|hole| hole.source == Provenance::Network) {
                self.add(Deed::new(EffectKind::Execute, span).from(Provenance::Network));
            }
            self.as_wrapper(words, stdin, span);
            return Data::unknown(Provenance::CommandOutput);
        }
        // `$DIR/tool`: the last name may be known.
        let base = name.text.rsplit('/').next().unwrap_or_default().to_owned();
        self.report.opaque(format!("what {} is", name.shown()), name.span);
        let level = if name.source == Provenance::Network { RiskLevel::Critical } else { RiskLevel::Medium };
        self.add(
            Deed::new(EffectKind::Unknown, span)
                .from(name.provenance())
                .at(level)
                .because("runs a program whose place is not known"),
        );
        if self.is_known(&base) {
            let words = words.to_vec();
            return self.program(&base, name, words, stdin, span);
        }
        self.as_wrapper(words, stdin, span);
        Data::unknown(Provenance::CommandOutput)
    }

    /// A name that is a pattern, `/bin/r?`: what it could be is followed.
    fn patterned(&mut self, text: &str, name: &Word, words: &[Word], stdin: &Data, span: Span) -> Data {
        if !self.search(span) {
            return Data::unknown(Provenance::CommandOutput);
        }
        let pattern = text.rsplit('/').next().unwrap_or(text);
        let prefix = pattern.get(..pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len())).unwrap_or_default();
        let mut names: Vec<&str> = self.rules.names_with(prefix).filter(|name| glob::matches(pattern, name)).collect();
        // Those that can do harm first, and only some: a name that is all stars could be anything.
        let common = [
            "rm", "sh", "bash", "dd", "chmod", "chown", "find", "shred", "mv", "cp", "curl", "wget", "nc", "cat",
            "python3", "perl",
        ];
        names.sort_by_key(|name| common.iter().position(|known| known == name).unwrap_or(usize::MAX));
        names.truncate(12);
        self.report.opaque(format!("which program {text} is"), span);
        self.add(
            Deed::new(EffectKind::Execute, span)
                .from(Provenance::Unknown)
                .because("hides the name of its program in a pattern"),
        );
        for candidate in names {
            self.aside(|judge| judge.program(candidate, name, words.to_vec(), stdin, span));
        }
        Data::unknown(Provenance::CommandOutput)
    }

    fn function(
        &mut self,
        body: &Rc<rable::Node>,
        frame: crate::judge::Frame,
        words: Vec<Word>,
        stdin: &Data,
        span: Span,
    ) -> Data {
        if self.scope.calls.iter().any(|call| Rc::ptr_eq(call, body)) {
            // A function that calls itself, into the background or a pipe, is how a machine is filled with processes.
            let text = body.to_string();
            if text.contains("(background") || text.contains("(pipe") {
                let deed = Deed::new(EffectKind::ResourceExhaustion, span).at(RiskLevel::Critical);
                self.add(deed.because("starts copies of itself without end"));
            }
            return Data::unknown(Provenance::CommandOutput);
        }
        if self.scope.calls.len() >= 8 {
            self.report.give_up("functions call functions too deeply to be looked at", span);
            return Data::unknown(Provenance::CommandOutput);
        }
        self.scope.calls.push(Rc::clone(body));
        let arguments = std::mem::replace(&mut self.scope.arguments, words);
        let outer = std::mem::replace(&mut self.frame, frame);
        self.scope.enter();
        let data = self.node(body, stdin);
        self.scope.leave();
        self.frame = outer;
        self.scope.arguments = arguments;
        self.scope.calls.pop();
        data
    }

    pub(crate) fn is_known(&self, name: &str) -> bool {
        crate::special::NAMES.contains(&name) || crate::special::is_shell(name) || self.rules.program(name).is_some()
    }

    /// What an unknown program is given may be a command that it runs.
    pub(crate) fn as_wrapper(&mut self, words: &[Word], stdin: &Data, span: Span) {
        let dangerous = |word: &Word| {
            let text = word.prefix();
            let base = text.rsplit('/').next().unwrap_or(text);
            let is_name = base.len() > 1
                && (crate::special::is_shell(base) || HARMFUL.contains(&base) || base.starts_with("mkfs"));
            is_name && (text == base || text.starts_with("/bin/") || text.starts_with("/usr/"))
        };
        if let Some(at) = words.iter().position(dangerous) {
            let inner = words.get(at..).unwrap_or_default().to_vec();
            self.aside(|judge| judge.command(inner, stdin, span));
        }
        let lines = words.iter().filter(|word| {
            word.text.contains(' ') && word.text.split([' ', '/', ';', '&', '|']).any(|part| HARMFUL.contains(&part))
        });
        for line in lines.take(4).cloned().collect::<Vec<_>>() {
            self.report.muted += 1;
            let readable = crate::syntax::parse(&line.text).is_ok();
            self.report.muted -= 1;
            if readable {
                self.aside(|judge| judge.code(&line, stdin, Provenance::Literal, span));
            }
        }
    }
}

/// Names that hardly stand for anything but the program.
const HARMFUL: &[&str] = &[
    "rm",
    "dd",
    "mkfs",
    "shred",
    "wipefs",
    "chmod",
    "chown",
    "sudo",
    "su",
    "doas",
    "userdel",
    "useradd",
    "usermod",
    "fdisk",
    "sfdisk",
    "parted",
    "reboot",
    "shutdown",
    "poweroff",
    "halt",
    "iptables",
    "systemctl",
    "crontab",
    "curl",
    "wget",
    "nc",
    "ncat",
    "socat",
    "kill",
    "pkill",
    "killall",
    "git",
    "find",
    "unlink",
    "truncate",
    "insmod",
    "modprobe",
    "rmmod",
    "visudo",
    "passwd",
    "chattr",
    "xargs",
    "env",
    "busybox",
    "mv",
    "python",
    "python3",
    "perl",
    "ruby",
    "docker",
    "kubectl",
];

impl Judge<'_> {
    /// Follows what looks like a command in the middle of text that somehow runs one: `!rm -rf /`, `spawn rm -rf /`.
    pub(crate) fn embedded(&mut self, text: &Word, span: Span) {
        let boundary = |c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c);
        let starts = text.text.char_indices().filter(|(at, c)| *at == 0 || boundary(*c));
        let starts = starts.map(|(at, c)| if boundary(c) { at + c.len_utf8() } else { at }).take(64);
        for from in starts.collect::<Vec<_>>() {
            let rest = text.text.get(from..).unwrap_or_default();
            let name = rest.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
            let base = name.rsplit('/').next().unwrap_or_default();
            let shell_line = crate::special::is_shell(base) && rest.contains(" -c");
            if !(shell_line || HARMFUL.contains(&base) || base.starts_with("mkfs")) {
                continue;
            }
            let line = rest.split(['"', '\n', ';', ')', '}', ']']).next().unwrap_or_default();
            if !self.step(span) || crate::syntax::parse(line).is_err() {
                continue;
            }
            let word = Word { source: text.source, ..Word::literal(line, span) };
            self.aside(|judge| judge.code(&word, &Data::nothing(), Provenance::Literal, span));
            return;
        }
    }
}

/// Whether a text has a name in it that does harm, whatever it is.
pub(crate) fn names_harm(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .any(|part| HARMFUL.contains(&part) && !["find", "git", "env", "xargs"].contains(&part))
}
