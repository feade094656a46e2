//! Where awk reads from and writes to.

use ogent_protocol::verdict::EffectKind;

use super::{Awk, Token};
use crate::payload::value::Value;

/// Files that are no files: where a program's own input and output go.
const OWN: &[&str] = &["-", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/null"];

pub(super) fn is_output(name: &str) -> bool {
    matches!(name, "print" | "printf")
}

impl Awk<'_> {
    /// `print` or `printf`, with where it goes to. Says whether there was one.
    pub(super) fn output_statement(&mut self) -> bool {
        if !matches!(self.peek(), Some(Token::Name(name) | Token::Call(name)) if is_output(name)) {
            return false;
        }
        self.at += 1;
        let mut printed: Option<Value> = None;
        loop {
            let value = self.expression(true);
            printed = Some(printed.map_or(value.clone(), |before| before.concat(&Value::text(" ")).concat(&value)));
            if !self.eat(",") {
                break;
            }
        }
        if self.eat(">") || self.eat(">>") {
            let file = self.expression(true);
            self.writes_to(&file);
        }
        if self.sees("|") || self.sees("|&") {
            let both_ways = self.eat("|&");
            self.eat("|");
            let command = self.expression(true);
            for choice in command.choices() {
                if both_ways && self.network(choice, EffectKind::NetworkSend) {
                    continue;
                }
                self.found.shell_with(choice, printed.as_ref());
            }
        }
        true
    }

    /// `getline`, `getline variable`, `getline < file`.
    pub(super) fn getline(&mut self) {
        self.getline_variable();
        if !self.eat("<") {
            return;
        }
        let (file, _) = self.operand();
        for choice in file.choices() {
            if !is_own(choice) && !self.network(choice, EffectKind::NetworkFetch) {
                self.found.effect(EffectKind::Read, choice, false);
            }
        }
    }

    /// The variable that a line is read into; none may be there.
    pub(super) fn getline_variable(&mut self) {
        if matches!(self.peek(), Some(Token::Name(_) | Token::Op("$"))) {
            let (_, name) = self.operand();
            self.assign(name, &Value::Unknown);
        }
    }

    /// `command | getline`.
    pub(super) fn reads_from(&mut self, command: &Value, both_ways: bool) {
        for choice in command.choices() {
            if both_ways && self.network(choice, EffectKind::NetworkFetch) {
                continue;
            }
            self.found.shell(choice);
        }
    }

    fn writes_to(&mut self, file: &Value) {
        for choice in file.choices() {
            if !is_own(choice) && !self.network(choice, EffectKind::NetworkSend) {
                self.found.effect(EffectKind::Write, choice, false);
            }
        }
    }

    /// gawk: `/inet/tcp/LOCAL PORT/HOST/PORT` is a connection. Says whether it was one.
    fn network(&mut self, file: &Value, kind: EffectKind) -> bool {
        let Some(name) = file.as_text().filter(|name| name.starts_with("/inet")) else { return false };
        let mut parts = name.split('/').skip(3);
        let local = parts.next().unwrap_or_default();
        let host = parts.next().filter(|host| !host.is_empty() && *host != "0");
        self.found.connected();
        match host {
            None if local != "0" => self.found.effect_on(EffectKind::NetworkListen, None, false),
            host => self.found.effect_on(kind, host.map(str::to_owned), false),
        }
        true
    }
}

fn is_own(file: &Value) -> bool {
    file.as_text().is_some_and(|name| OWN.contains(&&*name) || name.starts_with("/dev/fd/"))
}
