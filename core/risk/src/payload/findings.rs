//! What a reader has found so far.

use ogent_protocol::verdict::EffectKind;

use super::value::Value;
use super::{Payload, UNKNOWN};

/// What more is found than this is not told one by one; the result is opaque then.
const MOST: usize = 64;

/// Programs that read lines and run them.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ash",
    "ksh",
    "ksh93",
    "mksh",
    "csh",
    "tcsh",
    "fish",
    "rbash",
    "busybox",
    "pwsh",
    "powershell",
    "powershell.exe",
    "cmd",
    "cmd.exe",
];

/// Collects what a reader finds.
#[derive(Debug, Default)]
pub(super) struct Findings {
    payload: Payload,
    /// There is a connection to another machine, or something waits for one.
    connected: bool,
    /// There is a shell, or its input and output are moved to somewhere.
    shell: bool,
    /// It makes processes like itself; it does so for ever.
    pub(super) forks: bool,
    pub(super) loops: bool,
}

impl Findings {
    /// Something was not understood.
    pub(super) fn opaque(&mut self) {
        self.payload.opaque = true;
    }

    /// Something is executed that is not known.
    pub(super) fn runs_unknown(&mut self) {
        self.payload.runs_unknown = true;
    }

    /// A connection is made or waited for.
    pub(super) fn connected(&mut self) {
        self.connected = true;
    }

    /// Input and output of a shell are moved to somewhere.
    pub(super) fn handed_over(&mut self) {
        self.shell = true;
    }

    /// A value is a line for a shell; a list is a program and its arguments.
    pub(super) fn shell(&mut self, line: &Value) {
        for choice in line.choices() {
            match choice {
                Value::Text(text) => self.shell_line(text),
                Value::List(words) => self.argv(words),
                _ => self.runs_unknown(),
            }
        }
    }

    /// The same, with what it reads on its standard input.
    pub(super) fn shell_with(&mut self, line: &Value, input: Option<&Value>) {
        if let Value::List(words) = line {
            return self.argv_with(words, input);
        }
        match (input, line.as_text()) {
            (None, _) => self.shell(line),
            (Some(input), Some(line)) => self.shell(&Value::text(format!("echo {} | {line}", quoted(input)))),
            (Some(_), None) => self.shell(line),
        }
    }

    /// Words are a program and its arguments, with what it reads on its standard input.
    pub(super) fn argv_with(&mut self, words: &[Value], input: Option<&Value>) {
        match input {
            None => self.argv(words),
            Some(_) => {
                if words.first().and_then(Value::known).is_none() {
                    self.runs_unknown();
                }
                let line: Vec<String> = words.iter().map(quoted).collect();
                self.shell_with(&Value::text(line.join(" ")), input);
            }
        }
    }

    fn shell_line(&mut self, line: &str) {
        if line.contains(UNKNOWN) {
            self.runs_unknown();
            if line.trim_start().starts_with(UNKNOWN) {
                return;
            }
        }
        self.note_shell(line.split_whitespace().next().unwrap_or_default());
        if line.contains("<&") || line.contains(">&") && line.contains(" -i") || line.contains("/dev/tcp/") {
            self.shell = true;
        }
        if self.payload.shell.len() >= MOST {
            return self.opaque();
        }
        self.payload.shell.push(line.replace(UNKNOWN, "${UNKNOWN}"));
    }

    /// Words are a program and its arguments.
    pub(super) fn argv(&mut self, words: &[Value]) {
        let Some(program) = words.first() else { return };
        let Some(name) = program.known() else {
            return if let Value::List(inner) = program { self.argv(inner) } else { self.runs_unknown() };
        };
        if words.len() == 1 && name.trim().contains(char::is_whitespace) {
            return self.shell_line(&name);
        }
        self.note_shell(&name);
        if self.payload.argvs.len() >= MOST || self.payload.shell.len() >= MOST {
            return self.opaque();
        }
        match words.iter().map(Value::known).collect::<Option<Vec<_>>>() {
            Some(argv) => self.payload.argvs.push(argv.iter().map(ToString::to_string).collect()),
            None => self.payload.shell.push(words.iter().map(quoted).collect::<Vec<_>>().join(" ")),
        }
    }

    fn note_shell(&mut self, program: &str) {
        let name = program.rsplit('/').next().unwrap_or_default();
        self.shell |= SHELLS.contains(&name);
    }

    /// Something is done to a value; a list is several targets.
    pub(super) fn effect(&mut self, kind: EffectKind, target: &Value, recursive: bool) {
        match target {
            Value::List(targets) | Value::Any(targets) if !targets.is_empty() => {
                targets.iter().for_each(|target| self.effect(kind, target, recursive));
            }
            one => self.effect_on(kind, one.as_text().map(|text| text.replace(UNKNOWN, "*")), recursive),
        }
    }

    /// Something is done, to something that may be known.
    pub(super) fn effect_on(&mut self, kind: EffectKind, target: Option<String>, recursive: bool) {
        let effect = (kind, target, recursive);
        if self.payload.effects.contains(&effect) {
            return;
        }
        if self.payload.effects.len() >= MOST {
            return self.opaque();
        }
        self.payload.effects.push(effect);
    }

    /// Everything that has been found elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        let Payload { shell, argvs, effects, runs_unknown, opaque, .. } = other.payload;
        for (kind, target, recursive) in effects {
            self.effect_on(kind, target, recursive);
        }
        self.payload.opaque |= opaque || self.payload.shell.len() + shell.len() + argvs.len() > 2 * MOST;
        self.payload.runs_unknown |= runs_unknown;
        self.payload.shell.extend(shell);
        self.payload.argvs.extend(argvs);
        self.connected |= other.connected;
        self.shell |= other.shell;
        self.forks |= other.forks;
        self.loops |= other.loops;
    }

    /// What has been found, in the end.
    pub(super) fn finish(mut self) -> Payload {
        if self.forks && self.loops {
            self.effect_on(EffectKind::ResourceExhaustion, None, false);
        }
        let mut payload = self.payload;
        payload.remote_shell |= self.connected && (self.shell || payload.runs_unknown);
        let reads_only = payload.effects.iter().all(|(kind, ..)| *kind == EffectKind::Read);
        let starts = !payload.shell.is_empty() || !payload.argvs.is_empty();
        payload.plain = reads_only && !starts && !payload.opaque && !payload.runs_unknown && !payload.remote_shell;
        payload
    }
}

/// A word as a shell reads it. What nobody knows stands in double quotes, so that it stays one word.
pub(super) fn quoted(word: &Value) -> String {
    let mut line = String::new();
    for (index, part) in word.piece().split(UNKNOWN).enumerate() {
        if index > 0 {
            line.push_str("\"${UNKNOWN}\"");
        }
        if !part.is_empty() {
            line.push_str(&format!("'{}'", part.replace('\'', "'\\''")));
        }
    }
    if line.is_empty() { "''".to_owned() } else { line }
}
