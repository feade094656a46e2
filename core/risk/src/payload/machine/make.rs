//! Values that are made of other values.

use super::args::Args;
use crate::payload::does::Makes;
use crate::payload::text;
use crate::payload::value::Value;

/// What a function that makes a text gives, of what it is a method of and of its arguments.
pub(super) fn made(how: Makes, of: Option<&Value>, args: &Args) -> Value {
    let unknown = Value::Unknown;
    let known_receiver = of.filter(|of| !matches!(of, Value::Name(_)));
    // A method has its text before it, a function has it as its first argument.
    let (subject, rest) = match known_receiver {
        Some(of) => (of, args.values.as_slice()),
        None => args.values.split_first().unwrap_or((&unknown, &[])),
    };
    match how {
        Makes::Base64 => decoded(args.values.first().unwrap_or(subject), text::from_base64),
        Makes::Hex => decoded(args.values.first().unwrap_or(subject), text::from_hex),
        Makes::Codec => decoded_by_name(of, args),
        Makes::Rot13 => decoded(subject, |text| Some(text::rot13(text))),
        Makes::Characters => match known_receiver {
            Some(Value::Number(_)) => characters(&Args::of(vec![subject.clone()])),
            _ => characters(args),
        },
        Makes::Join => joined(of, args),
        Makes::Format => match subject.as_text() {
            Some(format) => Value::made(text::format(&format, rest)),
            None => Value::Unknown,
        },
        Makes::Replace => replaced(known_receiver, args),
        Makes::Reverse => subject.map(|value| match value {
            Value::List(items) => Value::list(items.iter().rev().cloned().collect()),
            other => changed(other, |text| text.chars().rev().collect()),
        }),
        Makes::Lower => subject.map(|value| changed(value, str::to_lowercase)),
        Makes::Upper => subject.map(|value| changed(value, str::to_uppercase)),
        Makes::Strip => subject.map(|value| changed(value, |text| text.trim().to_owned())),
        Makes::Split => split(subject, rest),
        Makes::Path => args.values.iter().skip(1).fold(args.first(), |path, part| {
            let absolute = matches!(part, Value::Text(text) if text.starts_with('/'));
            if absolute { part.clone() } else { path.concat(&Value::text("/")).concat(part) }
        }),
        Makes::Pack => match known_receiver {
            Some(Value::List(items)) => packed(&Args::of([&[args.first()], &**items].concat())),
            _ => packed(args),
        },
        Makes::Unpack => match args.first().known().as_deref() {
            Some("m" | "m0") => decoded(subject, text::from_base64),
            _ => Value::Unknown,
        },
        Makes::Braces => match known_receiver.and_then(Value::as_text) {
            Some(format) => Value::made(text::braces(&format, &args.values)),
            None => Value::Unknown,
        },
        Makes::Concat => {
            args.values.iter().fold(known_receiver.cloned().unwrap_or(Value::text("")), |all, next| all.concat(next))
        }
    }
}

/// `codecs.decode(text, "rot13")`.
pub(super) fn decoded_by_name(of: Option<&Value>, args: &Args) -> Value {
    let text = of.filter(|of| !matches!(of, Value::Name(_))).cloned().unwrap_or_else(|| args.first());
    let name = args.values.iter().chain(args.named.iter().map(|(_, value)| value)).filter_map(Value::known).next_back();
    match name.unwrap_or_default().to_lowercase().replace(['-', '_'], "").as_str() {
        "rot13" => decoded(&text, |text| Some(text::rot13(text))),
        "hex" | "hexcodec" => decoded(&text, text::from_hex),
        "base64" | "base64codec" => decoded(&text, text::from_base64),
        _ => text,
    }
}

/// `text % values`.
pub(super) fn formatted(format: &Value, values: &Value) -> Value {
    let Some(format) = format.as_text().filter(|_| matches!(format, Value::Text(_))) else { return Value::Unknown };
    match values {
        Value::List(values) => Value::made(text::format(&format, values)),
        one => Value::made(text::format(&format, std::slice::from_ref(one))),
    }
}

fn changed(value: &Value, change: impl Fn(&str) -> String) -> Value {
    match value {
        Value::Text(text) => Value::made(change(text)),
        _ => Value::Unknown,
    }
}

fn decoded(value: &Value, decode: impl Fn(&str) -> Option<String>) -> Value {
    value.map(|value| match value.known() {
        Some(text) => decode(&text).map_or(Value::Unknown, Value::text),
        None => Value::Unknown,
    })
}

/// Characters, of the numbers that name them, in a row or in lists.
fn characters(args: &Args) -> Value {
    let numbers = args.flat(0);
    if numbers.is_empty() || !numbers.iter().all(|value| matches!(value, Value::Number(_))) {
        return Value::Unknown;
    }
    Value::made(numbers.iter().map(text::character).collect())
}

/// `separator.join(list)`, `list.join(separator)`, `join(separator, list)`.
fn joined(of: Option<&Value>, args: &Args) -> Value {
    let empty = Value::text("");
    let mut all = args.flat(0);
    let (separator, items) = match of {
        Some(Value::List(items)) => (args.values.first().unwrap_or(&empty).clone(), items.to_vec()),
        Some(separator @ Value::Text(_)) => (separator.clone(), all),
        Some(_) => return Value::Unknown,
        None if matches!(args.values.first(), Some(Value::List(_))) => {
            (args.values.get(1).unwrap_or(&empty).clone(), args.first().choices().iter().flat_map(items).collect())
        }
        None if all.is_empty() => return Value::Unknown,
        None => (all.remove(0), all),
    };
    // What is joined may have more parts than are seen here, if one of them is a list that is not known.
    let Some(first) = items.first() else { return Value::Unknown };
    items.iter().skip(1).fold(first.clone(), |text, item| text.concat(&separator).concat(item))
}

fn items(list: &Value) -> Vec<Value> {
    match list {
        Value::List(items) => items.to_vec(),
        _ => Vec::new(),
    }
}

fn replaced(of: Option<&Value>, args: &Args) -> Value {
    let texts: Vec<_> = args.values.iter().map(Value::known).collect();
    match (of.and_then(Value::as_text), texts.as_slice()) {
        (Some(text), [Some(from), Some(to), ..]) if !from.is_empty() => Value::made(text.replace(&**from, to)),
        // PHP: str_replace(from, to, text).
        (None, [Some(from), Some(to), Some(text), ..]) if of.is_none() && !from.is_empty() => {
            Value::made(text.replace(&**from, to))
        }
        _ => Value::Unknown,
    }
}

fn split(subject: &Value, rest: &[Value]) -> Value {
    let Some(text) = subject.known() else { return Value::Unknown };
    let parts: Vec<Value> = match rest.first().and_then(Value::known) {
        Some(separator) if separator.is_empty() => text.chars().map(|char| Value::text(char.to_string())).collect(),
        Some(separator) => text.split(&*separator).map(Value::text).collect(),
        None if rest.is_empty() => text.split_whitespace().map(Value::text).collect(),
        None => return Value::Unknown,
    };
    Value::list(parts)
}

/// Perl's `pack`: of pairs of hexadecimal digits, or of numbers.
fn packed(args: &Args) -> Value {
    let template = args.first().known();
    let rest = args.flat(1);
    match (template.as_deref().and_then(|template| template.chars().next()), rest.first()) {
        (Some('H'), Some(digits)) => decoded(digits, text::from_hex),
        (Some('C' | 'U' | 'c' | 'W'), Some(_)) => characters(&Args::of(rest)),
        (Some('A' | 'a'), Some(text)) if rest.len() == 1 => text.clone(),
        _ => Value::Unknown,
    }
}
