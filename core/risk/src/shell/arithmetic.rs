//! Receives an arithmetic expression, gives its value where it is plain; follows the commands that stand in it.

use ogent_protocol::verdict::{Provenance, Span};

use crate::data::Data;
use crate::judge::Judge;
use crate::word::Word;

impl Judge<'_> {
    /// The value of an expression: a number, or a hole where a number will stand.
    pub(crate) fn arithmetic(&mut self, text: &str, span: Span, stdin: &Data) -> Word {
        if let Ok(number) = text.trim().parse::<i64>() {
            return Word::literal(number.to_string(), span);
        }
        let word =
            if text.contains(['$', '`']) { self.expand_document(text, span, stdin) } else { Word::literal(text, span) };
        match word.known().and_then(evaluate) {
            Some(number) => Word { source: Provenance::Decoded, ..Word::literal(number.to_string(), span) },
            None => Word::unknown(Provenance::Literal, span),
        }
    }
}

/// Longest sum that is worked out, in characters. The value of a longer one is not known.
const MAX_SUM: usize = 256;

/// Sums and products of numbers, with brackets.
fn evaluate(text: &str) -> Option<i64> {
    let clean: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).take(MAX_SUM + 1).collect();
    if clean.len() > MAX_SUM {
        return None;
    }
    let mut at = 0;
    let value = sum(&clean, &mut at, 0)?;
    (at == clean.len()).then_some(value)
}

fn sum(text: &[char], at: &mut usize, depth: u8) -> Option<i64> {
    let mut value = product(text, at, depth)?;
    while let Some(op @ ('+' | '-')) = text.get(*at) {
        *at += 1;
        let other = product(text, at, depth)?;
        value = if *op == '+' { value.checked_add(other)? } else { value.checked_sub(other)? };
    }
    Some(value)
}

fn product(text: &[char], at: &mut usize, depth: u8) -> Option<i64> {
    let mut value = atom(text, at, depth)?;
    while let Some(op @ ('*' | '/' | '%')) = text.get(*at) {
        *at += 1;
        let other = atom(text, at, depth)?;
        value = match op {
            '*' => value.checked_mul(other)?,
            '/' => value.checked_div(other)?,
            _ => value.checked_rem(other)?,
        };
    }
    Some(value)
}

fn atom(text: &[char], at: &mut usize, depth: u8) -> Option<i64> {
    if depth > 16 {
        return None;
    }
    match text.get(*at)? {
        '(' => {
            *at += 1;
            let value = sum(text, at, depth + 1)?;
            (text.get(*at) == Some(&')')).then_some(())?;
            *at += 1;
            Some(value)
        }
        '-' => {
            *at += 1;
            atom(text, at, depth + 1)?.checked_neg()
        }
        _ => {
            let from = *at;
            while text.get(*at).is_some_and(char::is_ascii_alphanumeric) {
                *at += 1;
            }
            let digits: String = text.get(from..*at)?.iter().collect();
            match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
                Some(hex) => i64::from_str_radix(hex, 16).ok(),
                None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(&digits, 8).ok(),
                None => digits.parse().ok(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn plain_expressions_have_values() {
        for (text, value) in [("1+2*3", 7), ("(1+2)*3", 9), ("0x10", 16), ("-1", -1), ("010", 8), ("7%4", 3)] {
            assert_eq!(evaluate(text), Some(value), "{text}");
        }
        for text in ["x+1", "1/0", "", "1+", "9999999999*9999999999", "((((((((((((((((((((1"] {
            assert_eq!(evaluate(text), None, "{text}");
        }
    }
}
