//! Reads sed scripts, command by command, as GNU sed does; what other dialects lack, they refuse.

mod skip;

use ogent_protocol::verdict::EffectKind;

use super::findings::Findings;
use super::reader::Reader;
use super::value::Value;

/// Names that mean sed's own input and output.
const OWN: &[&str] = &["-", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/null"];

/// Says what a sed script does.
pub(super) fn scan(code: &str, found: &mut Findings) {
    let mut sed = Sed { reader: Reader::new(code), found };
    sed.reader.eat("#n\n");
    while !sed.reader.is_empty() {
        if sed.command().is_none() {
            return sed.found.opaque();
        }
    }
}

/// Follows a script. What is none was not understood.
struct Sed<'a, 'f> {
    reader: Reader<'a>,
    found: &'f mut Findings,
}

impl Sed<'_, '_> {
    fn command(&mut self) -> Option<()> {
        self.reader.take_while(|char| char.is_whitespace() || char == ';');
        skip::addresses(&mut self.reader)?;
        let Some(command) = self.reader.bump() else { return Some(()) };
        match command {
            '{' => return Some(()),
            '}' | '=' | 'd' | 'D' | 'g' | 'G' | 'h' | 'H' | 'n' | 'N' | 'p' | 'P' | 'x' | 'z' | 'F' => {}
            'q' | 'Q' | 'l' | 'L' => drop(self.reader.take_while(|char| char.is_ascii_digit() || char == ' ')),
            '#' => drop(self.reader.line()),
            ':' | 'b' | 't' | 'T' | 'v' => drop(self.reader.take_while(|char| !matches!(char, '\n' | ';' | '}'))),
            'a' | 'i' | 'c' => {
                skip::text(&mut self.reader);
                return Some(());
            }
            'r' | 'R' => self.reads(),
            'w' | 'W' => self.writes(),
            'e' => self.executes(),
            's' => self.substitutes()?,
            'y' => {
                let delimiter = self.delimiter()?;
                skip::replacement(&mut self.reader, delimiter)?;
                skip::replacement(&mut self.reader, delimiter)?;
            }
            _ => return None,
        }
        self.end()
    }

    /// What may stand behind a command.
    fn end(&mut self) -> Option<()> {
        self.reader.take_while(|char| matches!(char, ' ' | '\t' | '\r'));
        match self.reader.peek() {
            None | Some('\n' | ';' | '}' | '#') => Some(()),
            Some(_) => None,
        }
    }

    fn delimiter(&mut self) -> Option<char> {
        self.reader.bump().filter(|char| !matches!(char, '\n' | '\\'))
    }

    /// A file name or a command goes to the end of the line, whatever stands in it.
    fn rest_of_line(&mut self) -> Value {
        Value::text(self.reader.line().trim())
    }

    fn reads(&mut self) {
        let file = self.rest_of_line();
        if !is_own(&file) {
            self.found.effect(EffectKind::Read, &file, false);
        }
    }

    fn writes(&mut self) {
        let file = self.rest_of_line();
        if !is_own(&file) {
            self.found.effect(EffectKind::Write, &file, false);
        }
    }

    /// `e` with a command runs it; alone, it runs the line that was read.
    fn executes(&mut self) {
        let command = self.rest_of_line();
        match command.as_text() {
            Some(line) if !line.is_empty() => self.found.shell(&command),
            _ => self.found.runs_unknown(),
        }
    }

    fn substitutes(&mut self) -> Option<()> {
        let delimiter = self.delimiter()?;
        let pattern = skip::pattern(&mut self.reader, delimiter)?;
        let replacement = skip::replacement(&mut self.reader, delimiter)?;
        loop {
            match self.reader.peek() {
                Some('g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9' | ' ' | '\t') => drop(self.reader.bump()),
                Some('e') => {
                    self.reader.bump();
                    self.executes_substituted(pattern, replacement);
                }
                Some('w') => {
                    self.reader.bump();
                    self.writes();
                    return Some(());
                }
                _ => return Some(()),
            }
        }
    }

    /// `s/…/…/e` runs the line that it makes; if the whole line was replaced with text, that is known.
    fn executes_substituted(&mut self, pattern: &str, replacement: &str) {
        let whole = matches!(pattern, ".*" | "^.*" | ".*$" | "^.*$");
        if !whole || replacement.contains(['&', '\\']) {
            self.found.runs_unknown();
        }
        if !replacement.contains(['&', '\\']) {
            self.found.shell(&Value::text(replacement));
        }
    }
}

fn is_own(file: &Value) -> bool {
    file.as_text().is_some_and(|name| OWN.contains(&&*name) || name.starts_with("/dev/fd/"))
}
