//! The commands of a script, and their words.

use crate::payload::UNKNOWN;
use crate::payload::lex::balanced;
use crate::payload::reader::Reader;

/// Commands in texts are read up to this depth.
const DEEPEST: usize = 4;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// As it stands there: a name, a parameter, a variable, a path.
    Bare(String),
    /// A string.
    Text(String),
}

/// Cuts a script into its commands, in the order in which they stand there, and says whether all of it could be cut.
/// Blocks and parentheses hold commands of their own.
pub(super) fn commands(code: &str) -> (Vec<Vec<Word>>, bool) {
    let mut reader = Reader::new(code);
    let mut commands = vec![Vec::new()];
    let complete = cut(&mut reader, &mut commands, 0).is_some();
    (commands, complete)
}

fn cut(reader: &mut Reader<'_>, commands: &mut Vec<Vec<Word>>, depth: usize) -> Option<()> {
    while let Some(char) = reader.peek() {
        let word = match char {
            '\n' | ';' | '|' | '{' | '}' | '(' | ')' | '&' => {
                reader.bump();
                let twice = char == '&' && reader.eat("&");
                commands.push(Vec::new());
                if char != '&' || twice {
                    continue;
                }
                Word::Bare("&".to_owned())
            }
            '`' => {
                reader.bump();
                reader.bump();
                continue;
            }
            char if char.is_whitespace() || char == ',' => {
                reader.bump();
                continue;
            }
            '<' if reader.eat("<#") => {
                reader.until("#>")?;
                continue;
            }
            '#' => {
                reader.line();
                continue;
            }
            '@' if reader.eat("@'") => Word::Text(reader.until("\n'@")?.trim_start_matches('\n').to_owned()),
            '@' if reader.eat("@\"") => Word::Text(expanded(reader.until("\n\"@")?, commands, depth)?),
            '@' => {
                reader.bump();
                continue;
            }
            '\'' => Word::Text(single(reader)?),
            '"' => Word::Text(expanded(&double(reader)?, commands, depth)?),
            '=' => {
                reader.bump();
                Word::Bare("=".to_owned())
            }
            _ => Word::Bare(bare(reader)),
        };
        commands.last_mut()?.push(word);
    }
    Some(())
}

/// Up to what cannot belong to a word. A backtick in it only hides it.
fn bare(reader: &mut Reader<'_>) -> String {
    let mut word = String::new();
    while let Some(char) = reader.peek() {
        match char {
            '`' => drop(reader.bump()),
            '=' if !word.starts_with('-') && !word.is_empty() => break,
            '\'' | '"' | ',' | ';' | '|' | '{' | '}' | '(' | ')' => break,
            '&' if !word.contains('/') => break,
            char if char.is_whitespace() => break,
            char => {
                word.push(char);
                reader.bump();
            }
        }
    }
    if word.is_empty() {
        word.extend(reader.bump());
    }
    word
}

fn single(reader: &mut Reader<'_>) -> Option<String> {
    reader.bump();
    let mut text = String::new();
    loop {
        match reader.bump()? {
            '\'' if reader.eat("'") => text.push('\''),
            '\'' => return Some(text),
            char => text.push(char),
        }
    }
}

/// What stands between double quotes, still with its variables.
fn double(reader: &mut Reader<'_>) -> Option<String> {
    reader.bump();
    let mut text = String::new();
    loop {
        match reader.bump()? {
            '"' if reader.eat("\"") => text.push('"'),
            '"' => return Some(text),
            '`' => match reader.bump()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                '$' => text.push('\0'),
                other => text.push(other),
            },
            char => text.push(char),
        }
    }
}

/// A text whose variables nobody knows. The commands in it are run before the one that it belongs to.
fn expanded(text: &str, commands: &mut Vec<Vec<Word>>, depth: usize) -> Option<String> {
    let mut reader = Reader::new(text);
    let mut expanded = String::new();
    while let Some(char) = reader.bump() {
        match char {
            '$' if reader.eat("(") => {
                expanded.push(UNKNOWN);
                let inner = balanced(&mut reader, '(', ')')?;
                if depth >= DEEPEST {
                    return None;
                }
                let last = commands.pop()?;
                commands.push(Vec::new());
                cut(&mut Reader::new(inner), commands, depth + 1)?;
                commands.push(last);
            }
            '$' if reader
                .peek()
                .is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '{' | '$' | '?')) =>
            {
                expanded.push(UNKNOWN);
                reader.bump();
                reader.take_while(|char| char.is_alphanumeric() || matches!(char, '_' | '}' | ':'));
            }
            '\0' => expanded.push('$'),
            other => expanded.push(other),
        }
    }
    Some(expanded)
}
