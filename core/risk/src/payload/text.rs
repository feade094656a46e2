//! What programs do to text: formats, codes, escapes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::UNKNOWN;
use super::value::Value;

/// What decoders of other languages take: with padding or without.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A format as in C, with the values for it.
pub(super) fn format(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let mut values = values.iter();
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
            continue;
        }
        let conversion = chars.find(|char| char.is_alphabetic() || matches!(char, '%' | '@' | '('));
        match conversion {
            Some('%') | None => text.push('%'),
            Some('c') => text.push_str(&values.next().map_or_else(|| UNKNOWN.to_string(), character)),
            Some('s' | 'd' | 'i' | 'v' | 'r' | 'q') => {
                text.push_str(&values.next().map_or_else(|| UNKNOWN.to_string().into(), Value::piece));
            }
            Some(_) => {
                values.next();
                text.push(UNKNOWN);
            }
        }
    }
    text
}

/// A format with `{}` and `{0}`; what else stands in braces is not known.
pub(super) fn braces(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let mut rest = format;
    let mut next = 0;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(&before.replace("}}", "}"));
        if let Some(after) = after.strip_prefix('{') {
            text.push('{');
            rest = after;
            continue;
        }
        let (field, after) = after.split_once('}').unwrap_or((after, ""));
        let index = if field.is_empty() { Some(next) } else { field.parse().ok() };
        next += 1;
        match index.and_then(|index: usize| values.get(index)) {
            Some(value) => text.push_str(&value.piece()),
            None => text.push(UNKNOWN),
        }
        rest = after;
    }
    text.push_str(&rest.replace("}}", "}"));
    text
}

/// The character that a number names; of a text, its first.
pub(super) fn character(value: &Value) -> String {
    let named = match value {
        Value::Number(number) => u32::try_from(*number).ok().and_then(char::from_u32),
        other => other.known().and_then(|text| text.chars().next()),
    };
    named.unwrap_or(UNKNOWN).to_string()
}

/// The bytes that base64 stands for, as text.
pub(super) fn from_base64(text: &str) -> Option<String> {
    let packed: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let bytes = STANDARD.decode(&packed).or_else(|_| URL_SAFE.decode(&packed)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The bytes that pairs of hexadecimal digits stand for, as text.
pub(super) fn from_hex(text: &str) -> Option<String> {
    let digits = text.chars().filter(|char| !char.is_whitespace() && *char != ':');
    let digits: Vec<u8> = digits.map(|char| u8::try_from(char.to_digit(16)?).ok()).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high * 16 + low),
            _ => None,
        })
        .collect::<Option<_>>()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Each letter, thirteen further.
pub(super) fn rot13(text: &str) -> String {
    let turn = |char: char, first: u8| {
        let place = (u32::from(char) - u32::from(first) + 13) % 26;
        char::from_u32(u32::from(first) + place).unwrap_or(char)
    };
    text.chars()
        .map(|char| match char {
            'a'..='z' => turn(char, b'a'),
            'A'..='Z' => turn(char, b'A'),
            other => other,
        })
        .collect()
}

/// The character of up to `most` digits, and of those that were read before.
pub(super) fn code_point(
    reader: &mut super::reader::Reader<'_>,
    radix: u32,
    most: usize,
    before: Option<char>,
) -> Option<char> {
    let mut code = before.and_then(|char| char.to_digit(radix)).unwrap_or(0);
    for _ in 0..most {
        let Some(digit) = reader.peek().and_then(|char| char.to_digit(radix)) else { break };
        code = code.saturating_mul(radix).saturating_add(digit);
        reader.bump();
    }
    char::from_u32(code)
}
