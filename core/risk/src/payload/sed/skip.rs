//! The parts of a sed command that only say where and what, and do nothing by themselves.

use crate::payload::UNKNOWN;
use crate::payload::reader::Reader;

/// `1,/end/ !`; none may be there.
pub(super) fn addresses(reader: &mut Reader<'_>) -> Option<()> {
    if address(reader)? {
        blanks(reader);
        if reader.eat(",") {
            blanks(reader);
            if !address(reader)? {
                return None;
            }
            blanks(reader);
        }
    }
    blanks(reader);
    while reader.eat("!") {
        blanks(reader);
    }
    Some(())
}

fn blanks(reader: &mut Reader<'_>) {
    reader.take_while(char::is_whitespace);
}

/// `12`, `$`, `1~2`, `+3`, `~4`, `/…/I`, `\,…,`. Says whether there was one.
fn address(reader: &mut Reader<'_>) -> Option<bool> {
    let number = |char: char| char.is_ascii_digit() || char == UNKNOWN;
    match reader.peek() {
        Some('$') => drop(reader.bump()),
        Some(char) if number(char) || matches!(char, '+' | '~') => {
            reader.bump();
            reader.take_while(number);
            blanks(reader);
            if reader.eat("~") {
                blanks(reader);
                reader.take_while(number);
            }
        }
        Some('/') => {
            reader.bump();
            pattern(reader, '/')?;
            reader.take_while(|char| matches!(char, 'I' | 'M'));
        }
        Some('\\') => {
            reader.bump();
            let delimiter = reader.bump()?;
            pattern(reader, delimiter)?;
            reader.take_while(|char| matches!(char, 'I' | 'M'));
        }
        _ => return Some(false),
    }
    Some(true)
}

/// A regular expression up to its end; in a bracket, the end is only a character.
pub(super) fn pattern<'a>(reader: &mut Reader<'a>, end: char) -> Option<&'a str> {
    let start = *reader;
    loop {
        match reader.bump()? {
            char if char == end => return between(start, *reader, end),
            '\\' => drop(reader.bump()?),
            '[' => bracket(reader)?,
            '\n' => return None,
            _ => {}
        }
    }
}

fn bracket(reader: &mut Reader<'_>) -> Option<()> {
    reader.eat("^");
    reader.eat("]");
    loop {
        match reader.bump()? {
            ']' => return Some(()),
            '[' if reader.eat(":") => drop(reader.until(":]")?),
            '[' if reader.eat(".") => drop(reader.until(".]")?),
            '[' if reader.eat("=") => drop(reader.until("=]")?),
            '\n' => return None,
            _ => {}
        }
    }
}

/// What replaces something, up to its end.
pub(super) fn replacement<'a>(reader: &mut Reader<'a>, end: char) -> Option<&'a str> {
    let start = *reader;
    loop {
        match reader.bump()? {
            char if char == end => return between(start, *reader, end),
            '\\' => drop(reader.bump()?),
            '\n' => return None,
            _ => {}
        }
    }
}

fn between<'a>(start: Reader<'a>, now: Reader<'a>, end: char) -> Option<&'a str> {
    let length = start.rest().len() - now.rest().len();
    start.rest().get(..length.checked_sub(end.len_utf8())?)
}

/// The text of `a`, `i` and `c`: to the end of the line, and further as long as lines end in a backslash.
pub(super) fn text(reader: &mut Reader<'_>) {
    loop {
        match reader.bump() {
            Some('\\') => drop(reader.bump()),
            Some('\n') | None => return,
            Some(_) => {}
        }
    }
}
