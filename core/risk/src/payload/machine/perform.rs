//! What a call does, once it is known of what.

use ogent_protocol::verdict::EffectKind;

use super::args::Args;
use super::{Machine, make};
use crate::payload::Language;
use crate::payload::does::{Does, Makes};
use crate::payload::lex::closing;
use crate::payload::value::Value;

/// Names that mean a program's own input and output.
const OWN: &[&str] = &["-", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/null", "/dev/tty", "/dev/fd/0"];

/// What begins the address of something that is not a file of this machine.
const FETCHED: &[&str] = &["http://", "https://", "ftp://", "ftps://"];

impl Machine<'_> {
    /// Does what a function does with its arguments, or a method with what it is one of. Gives what is returned.
    pub(super) fn perform(&mut self, does: Does, of: Option<&Value>, args: &Args) -> Value {
        let hands_on =
            matches!(does, Does::Applies | Does::Maps | Does::Attribute | Does::Invokes | Does::CallsSelf(_));
        match does {
            Does::Plain => self.shown(args),
            _ if hands_on => {}
            _ => self.handed_on(args),
        }
        match does {
            Does::Plain => {}
            Does::Calls => self.named_functions(args),
            Does::Shell | Does::Command | Does::Argv | Does::Exec(_) => self.starts(does, args),
            Does::Eval => return self.evaluates(args),
            Does::Compiles => {
                self.evaluates(args);
                return Value::Function;
            }
            Does::Unseen => self.found.runs_unknown(),
            Does::Act(kind) => self.found.effect_on(kind, None, false),
            Does::To(..)
            | Does::ToAll(..)
            | Does::Tree(..)
            | Does::ToSelf(_)
            | Does::Moves
            | Does::Copies
            | Does::MovesSelf
            | Does::Load => self.touches(does, of, args),
            Does::Opens => self.opens(&args.first(), args.get(1, &["mode", "flags"])),
            Does::OpensSelf => self.opens(of.unwrap_or(&Value::Unknown), args.get(0, &["mode"])),
            Does::PerlOpens => self.perl_opens(args),
            Does::Fetches => self.found.effect(EffectKind::NetworkFetch, &args.first(), false),
            Does::Matches => self.matches(args),
            Does::Connects | Does::Listens | Does::Sends | Does::HandsOver | Does::Forks => self.connects(does, args),
            Does::Imports => return self.imported(&args.first()),
            Does::Attribute => return self.attribute(args),
            Does::Invokes => return self.invokes(of, args),
            Does::Applies => return self.applies(args),
            Does::Maps => return self.maps(args),
            Does::CallsSelf(from) => {
                let values = args.flat(from);
                return self.call(of.unwrap_or(&Value::Unknown), &Args::of(values));
            }
            Does::Sql => match args.first().known() {
                Some(statement) => super::super::sql::scan(&statement, self.found),
                None => self.found.opaque(),
            },
            Does::Same => {
                let receiver = of.filter(|of| !matches!(of, Value::Name(_))).cloned();
                return receiver.unwrap_or_else(|| args.first());
            }
            Does::Lists => return Value::list(args.values.clone()),
            Does::Makes(Makes::Codec) => return make::decoded_by_name(of, args),
            Does::Makes(how) => return make::made(how, of, args),
        }
        Value::Unknown
    }

    /// PHP: a text that is handed on may name a function.
    fn named_functions(&mut self, args: &Args) {
        let dangerous = |value: &Value| {
            value.known().and_then(|name| self.grammar.table.function(&name)).is_some_and(Does::is_dangerous)
        };
        if args.flat(0).iter().any(dangerous) {
            self.found.runs_unknown();
        }
    }

    /// Starts a program, or a shell.
    fn starts(&mut self, does: Does, args: &Args) {
        let feeds = args.named.iter().find(|(name, _)| name == "input").map(|(_, value)| value);
        let mut words = args.flat(if let Does::Exec(program) = does { program } else { 0 });
        // What the program is told to be called stands between its name and its arguments.
        if matches!(does, Does::Exec(_)) && words.len() > 1 {
            words.remove(1);
        }
        // Perl: `exec {program} list`.
        if self.language == Language::Perl && matches!(args.values.first(), Some(Value::Table)) {
            self.found.runs_unknown();
        }
        match (does, words.as_slice()) {
            (Does::Shell, _) => self.found.shell_with(&args.first(), feeds),
            (Does::Command, [line]) => self.found.shell_with(line, feeds),
            (_, []) => self.found.runs_unknown(),
            (_, words) => self.found.argv_with(words, feeds),
        }
    }

    /// PHP: a pattern with the flag `e` makes code of what replaces its matches.
    fn matches(&mut self, args: &Args) {
        let flags = args.first().known().and_then(|pattern| {
            let end = pattern.chars().next().map(closing)?;
            pattern.rsplit_once(end).map(|(_, flags)| flags.contains('e'))
        });
        if flags == Some(true) {
            self.found.runs_unknown();
        }
    }

    /// Executes text of the same language.
    fn evaluates(&mut self, args: &Args) -> Value {
        let code = args.first();
        // A block of Perl or Ruby was read where it stands.
        if matches!(code, Value::Table | Value::Function) {
            return Value::Unknown;
        }
        let mut value = None;
        for choice in code.choices() {
            let next = match choice.known() {
                Some(code) => self.code(&code),
                None => {
                    self.found.runs_unknown();
                    Value::Unknown
                }
            };
            value = Some(value.map_or(next.clone(), |before: Value| before.or(&next)));
        }
        value.unwrap_or_default()
    }

    /// Does something to files or other things that arguments name.
    fn touches(&mut self, does: Does, of: Option<&Value>, args: &Args) {
        let of = of.filter(|of| !matches!(of, Value::Name(_))).cloned().unwrap_or_default();
        let at = |index: usize| {
            let names: &[&str] =
                if index == 0 { &["path", "src", "source", "file"] } else { &["dst", "target", "dest"] };
            args.get(index, names).cloned().unwrap_or_default()
        };
        // Rights for everybody, or those of the owner of a program.
        let widens = |kind: EffectKind| kind == EffectKind::Permission && args.flat(0).iter().any(is_wide);
        let kind_of = |kind: EffectKind| if widens(kind) { EffectKind::PermissionWidened } else { kind };
        match does {
            Does::To(kind, index) if kind == EffectKind::Read && index == 0 => self.reads(&at(0)),
            Does::To(kind, index) => self.found.effect(kind_of(kind), &at(index), false),
            Does::Tree(kind, index) => self.found.effect(kind, &at(index), true),
            Does::ToSelf(EffectKind::Read) => self.reads(&of),
            Does::ToSelf(kind) => self.found.effect(kind_of(kind), &of, false),
            Does::Load => {
                // What is not named is often the program itself.
                self.found.forks |= at(0).known().is_none();
                self.found.effect(EffectKind::Execute, &at(0), false);
            }
            Does::Moves => {
                self.found.effect(EffectKind::Delete, &at(0), false);
                self.found.effect(EffectKind::Overwrite, &at(1), false);
            }
            Does::Copies => {
                self.found.effect(EffectKind::Read, &at(0), false);
                self.found.effect(EffectKind::Overwrite, &at(1), false);
            }
            Does::MovesSelf => {
                self.found.effect(EffectKind::Delete, &of, false);
                self.found.effect(EffectKind::Overwrite, &at(0), false);
            }
            Does::ToAll(kind, from) => {
                let targets = args.flat(from);
                let unknown = [Value::Unknown];
                let targets = if targets.is_empty() { &unknown } else { targets.as_slice() };
                targets.iter().for_each(|target| self.found.effect(kind_of(kind), target, false));
            }
            _ => {}
        }
    }

    fn connects(&mut self, does: Does, args: &Args) {
        let host = args.flat(0).iter().find_map(|value| match value {
            Value::Text(_) => {
                value.known().filter(|host| !matches!(&**host, "tcp" | "udp" | "tcp4")).map(|host| host.to_string())
            }
            _ => None,
        });
        match does {
            Does::Listens => {
                self.found.connected();
                self.found.effect_on(EffectKind::NetworkListen, None, false);
            }
            Does::Connects => {
                self.found.connected();
                self.found.effect_on(EffectKind::NetworkSend, host, false);
            }
            Does::Sends => self.found.effect_on(EffectKind::NetworkSend, host, false),
            Does::HandsOver => self.found.handed_over(),
            _ => self.found.forks = true,
        }
    }

    /// Reads a file, or an address.
    pub(super) fn reads(&mut self, path: &Value) {
        for choice in path.choices() {
            match choice.as_text() {
                Some(text) if OWN.contains(&&*text) || text.starts_with("php://") || text.starts_with("data:") => {}
                Some(text) if FETCHED.iter().any(|scheme| text.starts_with(scheme)) => {
                    self.found.effect(EffectKind::NetworkFetch, choice, false);
                }
                _ if matches!(choice, Value::Number(_) | Value::Table) => {}
                _ => self.found.effect(EffectKind::Read, choice, false),
            }
        }
    }

    /// Opens a file for what a mode says; without one, to read it.
    fn opens(&mut self, path: &Value, mode: Option<&Value>) {
        if self.language == Language::Ruby
            && let Some(command) = path.as_text().as_deref().and_then(|path| path.strip_prefix('|'))
        {
            return self.found.shell(&Value::text(command));
        }
        let mode = match mode {
            None => "r".into(),
            Some(mode) => mode.known().unwrap_or_else(|| "w".into()),
        };
        let own = path.known().is_some_and(|path| OWN.contains(&&*path) || path.starts_with("php://"));
        if mode.starts_with('r') && !mode.contains('+') {
            self.reads(path);
        } else if !own && !matches!(path, Value::Number(_)) {
            self.found.effect(EffectKind::Write, path, false);
        }
    }

    /// Perl's `open(handle, mode, path)` and `open(handle, "modepath")`, which may name a command.
    fn perl_opens(&mut self, args: &Args) {
        let rest = args.flat(1);
        let Some((mode, targets)) = rest.split_first() else { return self.found.opaque() };
        let Some(text) = mode.as_text() else { return self.found.runs_unknown() };
        let text = text.trim();
        if targets.is_empty() {
            return self.perl_opens_one(text);
        }
        match text.trim_start_matches('+').split(':').next().unwrap_or_default().trim() {
            "<" => targets.iter().for_each(|path| self.reads(path)),
            ">" | ">>" => targets.iter().for_each(|path| self.found.effect(EffectKind::Write, path, false)),
            "-|" | "|-" if targets.len() == 1 => targets.iter().for_each(|line| self.found.shell(line)),
            "-|" | "|-" => self.found.argv(targets),
            mode if mode.contains('&') => self.found.handed_over(),
            _ => self.found.opaque(),
        }
    }

    fn perl_opens_one(&mut self, text: &str) {
        if let Some(command) = text.strip_prefix('|').or_else(|| text.strip_suffix('|')) {
            return self.found.shell(&Value::text(command.trim()));
        }
        if text.starts_with(crate::payload::UNKNOWN) {
            return self.found.runs_unknown();
        }
        let path = text.trim_start_matches(['+', '<', '>', ' ']);
        if text.contains(">&") || text.contains("<&") {
            self.found.handed_over();
        } else if text.starts_with('>') || text.starts_with('+') {
            self.found.effect(EffectKind::Write, &Value::text(path), false);
        } else {
            self.reads(&Value::text(path));
        }
    }
}

/// Whether a number, or its text, is a mode that lets everybody write, or a program have the rights of its owner.
fn is_wide(mode: &Value) -> bool {
    let mode = match mode {
        Value::Number(mode) => Some(*mode),
        other => other.known().and_then(|text| i64::from_str_radix(&text, 8).ok()),
    };
    mode.is_some_and(|mode| mode & 0o6002 != 0)
}
