//! Receives values, gives them as JSON or YAML for programs.

use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::sanitize;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    #[value(alias = "text")]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// One YAML document
    Yaml,
}

/// The flag by which a command takes a [`Format`].
#[derive(Debug, Clone, Args)]
pub struct FormatArgs {
    /// How to write it
    #[arg(short = 'o', long = "output", visible_alias = "format", value_name = "FORMAT", value_enum, default_value_t)]
    pub format: Format,
}

/// A document over several lines.
///
/// # Errors
/// When the value has no JSON form.
pub fn json<T: Serialize>(value: &T) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string_pretty(value)?))
}

/// A document on one line.
///
/// # Errors
/// When the value has no JSON form.
pub fn json_line<T: Serialize>(value: &T) -> io::Result<String> {
    Ok(escaped(&serde_json::to_string(value)?))
}

/// A YAML document; on a terminal its characters are harmless.
///
/// # Errors
/// When the value has no YAML form.
pub fn yaml<T: Serialize>(value: &T, is_terminal: bool) -> io::Result<String> {
    // Long lines stay lines: to find them folded at blanks is no help to anyone.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let text = serde_saphyr::to_string_with_options(value, options).map_err(io::Error::other)?;
    Ok(if is_terminal { sanitize::text(&text) } else { text })
}

/// Ends the document with a newline and escapes what `serde_json` leaves as it is but a terminal may act on. Such
/// characters stand in strings only, and below U+10000, so the value stays the same.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if c != '\n' && sanitize::is_harmful(c) {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_harmless_and_says_the_same() {
        let value = "a\u{9b}b\u{7f}c\u{202e}d\x1be\nf";
        let text = json_line(&value).unwrap();
        assert_eq!(text, "\"a\\u009bb\\u007fc\\u202ed\\u001be\\nf\"\n");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
    }

    #[test]
    fn yaml_keeps_strings_strings() {
        // `no` is a boolean to readers of YAML 1.1, of which there are many.
        let value = serde_json::json!([{"a": "no", "b": "1.0", "c": "x: y", "d": null, "e": "two\nlines\n", "f": 3}]);
        let text = yaml(&value, false).unwrap();
        let lines =
            ["- a: \"no\"", "  b: \"1.0\"", "  c: \"x: y\"", "  d: null", "  e: |", "    two", "    lines", "  f: 3\n"];
        assert_eq!(text, lines.join("\n"));
        let long = "word ".repeat(40);
        assert_eq!(yaml(&[long.trim()], false).unwrap(), format!("- {}\n", long.trim()));
    }

    #[test]
    fn yaml_is_harmless_on_a_terminal() {
        let text = yaml(&["\u{202e}\x1b[m\u{9b}"], true).unwrap();
        assert!(!text.chars().any(|c| c != '\n' && sanitize::is_harmful(c)), "{text:?}");
    }
}
