//! The words of an awk program.

use crate::payload::UNKNOWN;
use crate::payload::reader::{Reader, is_word_start};
use crate::payload::text::code_point;

/// A word of an awk program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A variable, or a word of the language.
    Name(String),
    /// A name with a parenthesis behind it, which is the next token.
    Call(String),
    /// A string.
    Text(String),
    /// A number.
    Number(String),
    /// A regular expression.
    Regex,
    /// A value that nobody knows.
    Unknown,
    /// An operator or a bracket.
    Op(&'static str),
    /// The end of a statement.
    End,
}

const OPERATORS: &[&str] = &[
    "**=", "&&", "||", "|&", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "**", "==", "<=", ">=", "!=", "!~", ">>",
    "{", "}", "(", ")", "[", "]", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$", "=", "@",
];

/// Words after which no value stands, so that a `/` begins a regular expression.
const NO_VALUES: &[&str] = &["print", "printf", "return", "case", "in", "do", "else", "exit", "delete", "getline"];

/// Cuts a program into its words; none where awk would refuse it.
pub(super) fn tokens(code: &str) -> Option<Vec<Token>> {
    let mut reader = Reader::new(code);
    let mut tokens = Vec::new();
    while let Some(char) = reader.peek() {
        let token = match char {
            '\n' | ';' => {
                reader.bump();
                Token::End
            }
            '\\' if reader.eat("\\\n") || reader.eat("\\\r\n") => continue,
            '#' => {
                reader.line();
                continue;
            }
            UNKNOWN => {
                reader.bump();
                Token::Unknown
            }
            '"' => string(&mut reader)?,
            '/' if !after_value(tokens.last()) => regex(&mut reader)?,
            '0'..='9' => number(&mut reader),
            '.' if reader.second().is_some_and(|next| next.is_ascii_digit()) => number(&mut reader),
            char if char.is_whitespace() => {
                reader.bump();
                continue;
            }
            char if is_word_start(char) => name(&mut reader),
            _ => Token::Op(OPERATORS.iter().find(|operator| reader.eat(operator))?),
        };
        tokens.push(token);
    }
    Some(tokens)
}

fn after_value(token: Option<&Token>) -> bool {
    match token {
        Some(Token::Name(name)) => !NO_VALUES.contains(&name.as_str()),
        Some(Token::Text(_) | Token::Number(_) | Token::Regex | Token::Unknown) => true,
        Some(Token::Op(operator)) => matches!(*operator, ")" | "]" | "$" | "++" | "--"),
        _ => false,
    }
}

fn name(reader: &mut Reader<'_>) -> Token {
    let mut name = reader.word().to_owned();
    while reader.sees("::") {
        reader.eat("::");
        name = format!("{name}::{}", reader.word());
    }
    if reader.sees("(") { Token::Call(name) } else { Token::Name(name) }
}

/// As exact as awk: in `1system("x")` a call follows a number.
fn number(reader: &mut Reader<'_>) -> Token {
    let digits = |char: char| char.is_ascii_digit();
    if reader.eat("0x") || reader.eat("0X") {
        return Token::Number(format!("0x{}", reader.take_while(|char| char.is_ascii_hexdigit())));
    }
    let mut text = reader.take_while(digits).to_owned();
    if reader.eat(".") {
        text.push('.');
        text.push_str(reader.take_while(digits));
    }
    let mut ahead = *reader;
    if ahead.eat("e") || ahead.eat("E") {
        let sign = if ahead.eat("-") { "-" } else { "" };
        ahead.eat("+");
        let power = ahead.take_while(digits);
        if !power.is_empty() {
            text = format!("{text}e{sign}{power}");
            *reader = ahead;
        }
    }
    Token::Number(text)
}

fn string(reader: &mut Reader<'_>) -> Option<Token> {
    reader.bump();
    let mut text = String::new();
    loop {
        match reader.bump()? {
            '"' => return Some(Token::Text(text)),
            '\n' => return None,
            '\\' => match reader.bump()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'a' | 'b' | 'f' | 'v' => text.push(' '),
                '\n' => {}
                'x' => text.extend(code_point(reader, 16, 2, None)),
                digit @ '0'..='7' => text.extend(code_point(reader, 8, 2, Some(digit))),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

fn regex(reader: &mut Reader<'_>) -> Option<Token> {
    reader.bump();
    loop {
        match reader.bump()? {
            '/' => return Some(Token::Regex),
            '\n' => return None,
            '\\' => drop(reader.bump()?),
            '[' => bracket(reader)?,
            _ => {}
        }
    }
}

/// What stands in a bracket of a regular expression, where a slash is only a slash.
fn bracket(reader: &mut Reader<'_>) -> Option<()> {
    reader.eat("^");
    reader.eat("]");
    loop {
        match reader.bump()? {
            ']' => return Some(()),
            '\\' => drop(reader.bump()?),
            '[' if reader.eat(":") => drop(reader.until(":]")?),
            '\n' => return None,
            _ => {}
        }
    }
}
