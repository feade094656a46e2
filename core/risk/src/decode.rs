//! Known text in a coded form, and what it stands for.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What `$'…'` stands for.
pub(crate) fn ansi_c(inner: &str) -> String {
    escapes(inner, true)
}

/// What `echo -e` and the format of `printf` make of backslashes.
pub(crate) fn escapes(text: &str, ansi: bool) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head.as_bytes());
        rest = escape(tail.get(1..).unwrap_or_default(), &mut out, ansi);
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

fn escape<'a>(tail: &'a str, out: &mut Vec<u8>, ansi: bool) -> &'a str {
    let Some(c) = tail.chars().next() else {
        out.push(b'\\');
        return tail;
    };
    let rest = tail.get(c.len_utf8()..).unwrap_or_default();
    let simple = match c {
        'n' => Some(b'\n'),
        't' => Some(b'\t'),
        'r' => Some(b'\r'),
        'a' => Some(7),
        'b' => Some(8),
        'e' | 'E' => Some(27),
        'f' => Some(12),
        'v' => Some(11),
        '\\' => Some(b'\\'),
        '\'' | '"' | '?' if ansi => Some(c as u8),
        _ => None,
    };
    if let Some(byte) = simple {
        out.push(byte);
        return rest;
    }
    match c {
        'x' => numeric(rest, 16, 2, out, false).unwrap_or_else(|| push_back(out, "\\x", rest)),
        'u' => numeric(rest, 16, 4, out, true).unwrap_or_else(|| push_back(out, "\\u", rest)),
        'U' => numeric(rest, 16, 8, out, true).unwrap_or_else(|| push_back(out, "\\U", rest)),
        '0' if !ansi => numeric(tail, 8, 4, out, false).unwrap_or(rest),
        '0'..='7' => numeric(tail, 8, 3, out, false).unwrap_or(rest),
        _ => {
            out.push(b'\\');
            tail
        }
    }
}

fn push_back<'a>(out: &mut Vec<u8>, text: &str, rest: &'a str) -> &'a str {
    out.extend_from_slice(text.as_bytes());
    rest
}

fn numeric<'a>(text: &'a str, radix: u32, most: usize, out: &mut Vec<u8>, unicode: bool) -> Option<&'a str> {
    let len = text.chars().take(most).take_while(|c| c.is_digit(radix)).count();
    let number = u32::from_str_radix(text.get(..len).filter(|digits| !digits.is_empty())?, radix).ok()?;
    if unicode {
        let mut buffer = [0; 4];
        out.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut buffer).as_bytes());
    } else {
        out.push(u8::try_from(number & 0xff).ok()?);
    }
    text.get(len..)
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// What base64 stands for; white space and other foreign characters are passed over.
pub(crate) fn base64(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || "+/-_".contains(*c)).collect();
    let clean = clean.replace('-', "+").replace('_', "/");
    let bytes = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT).decode(clean).ok()?;
    String::from_utf8(bytes).ok()
}

/// What base32 stands for.
pub(crate) fn base32(text: &str) -> Option<String> {
    let (mut bits, mut have, mut out) = (0_u64, 0_u32, Vec::new());
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != '=') {
        let digit = match c.to_ascii_uppercase() {
            upper @ 'A'..='Z' => u64::from(upper as u32 - 'A' as u32),
            digit @ '2'..='7' => u64::from(digit as u32 - '2' as u32 + 26),
            _ => return None,
        };
        bits = ((bits << 5) | digit) & 0xffff_ffff;
        have += 5;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from((bits >> have) & 0xff).ok()?);
        }
    }
    String::from_utf8(out).ok()
}

/// What hexadecimal digits stand for; others are passed over.
pub(crate) fn hex(text: &str) -> Option<String> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes = digits.chunks_exact(2).filter_map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    String::from_utf8(bytes.collect()).ok()
}

/// What `tr SET1 SET2` makes of text; with `delete`, what `tr -d SET1` makes of it.
pub(crate) fn translate(text: &str, set1: &str, set2: Option<&str>, complement: bool) -> Option<String> {
    let from = char_set(set1)?;
    let Some(set2) = set2 else {
        return Some(text.chars().filter(|c| from.contains(c) == complement).collect());
    };
    let to = char_set(set2)?;
    let last = to.last().copied()?;
    if complement {
        return Some(text.chars().map(|c| if from.contains(&c) { c } else { last }).collect());
    }
    let map = |c: char| match from.iter().rposition(|other| *other == c) {
        Some(at) => to.get(at).copied().unwrap_or(last),
        None => c,
    };
    Some(text.chars().map(map).collect())
}

/// The characters of a set as `tr` writes it.
fn char_set(set: &str) -> Option<Vec<char>> {
    let text = match set {
        "[:upper:]" => "A-Z".to_owned(),
        "[:lower:]" => "a-z".to_owned(),
        "[:digit:]" => "0-9".to_owned(),
        "[:space:]" => " \t\n\r".to_owned(),
        "[:alpha:]" => "A-Za-z".to_owned(),
        "[:alnum:]" => "A-Za-z0-9".to_owned(),
        other if other.contains("[:") || other.contains("[=") => return None,
        other => escapes(other, false),
    };
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        if let (Some('-'), Some(high)) = (chars.get(at + 1), chars.get(at + 2)) {
            out.extend(*c..=*high);
            at += 3;
        } else {
            out.push(*c);
            at += 1;
        }
        if out.len() > 4096 {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_text_is_read() {
        assert_eq!(ansi_c(r"\x72\x6d\041\u00e9"), "rm!é");
        assert_eq!(escapes(r"\0162\155\n", false), "rm\n");
        assert_eq!(base64("cm0gLXJm\nIC8=").unwrap(), "rm -rf /");
        assert_eq!(base64("cm0gLXJmIC8").unwrap(), "rm -rf /");
        assert_eq!(base32("OJWSALLSMYQC6===").unwrap(), "rm -rf /");
        assert_eq!(hex("726d202d7266202f").unwrap(), "rm -rf /");
        assert_eq!(translate("ez", "A-Za-z", Some("N-ZA-Mn-za-m"), false).unwrap(), "rm");
        assert_eq!(translate("r.m", ".", None, false).unwrap(), "rm");
        assert_eq!(translate("RM", "[:upper:]", Some("[:lower:]"), false).unwrap(), "rm");
    }
}
