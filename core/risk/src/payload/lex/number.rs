//! Numbers.

use crate::payload::reader::Reader;
use crate::payload::token::Token;

/// A number, exactly: what stands close behind it is a word of its own.
pub(super) fn number(reader: &mut Reader<'_>) -> Token {
    for (mark, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)] {
        let mut ahead = *reader;
        if ahead.eat(mark) {
            let digits = digits(&mut ahead, radix);
            if !digits.is_empty() {
                *reader = ahead;
                return Token::Number(i64::from_str_radix(&digits, radix).ok());
            }
        }
    }
    let whole = digits(reader, 10);
    let mut fraction = reader.peek() == Some('.') && reader.second().is_some_and(|char| char.is_ascii_digit());
    if fraction {
        reader.bump();
        digits(reader, 10);
    }
    let mut ahead = *reader;
    if ahead.eat("e") || ahead.eat("E") {
        let _ = ahead.eat("-") || ahead.eat("+");
        if !digits(&mut ahead, 10).is_empty() {
            *reader = ahead;
            fraction = true;
        }
    }
    let octal = whole.len() > 1 && whole.starts_with('0');
    let value = i64::from_str_radix(&whole, if octal { 8 } else { 10 }).ok();
    Token::Number(value.filter(|_| !fraction))
}

fn digits(reader: &mut Reader<'_>, radix: u32) -> String {
    reader.take_while(|char| char.is_digit(radix) || char == '_').replace('_', "")
}
