//! Receives the text of a policy before Cedar does, refuses what is larger or deeper than a person writes.
//!
//! Cedar reads, checks and drops a policy by recursion. What has passed here is so small that none of that comes near the
//! end of a stack, whatever the text is.

/// Largest policy in bytes, all files together: a hundred times the shipped one would fit. Refuse.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// Most rules. Refuse.
pub(crate) const MAX_RULES: usize = 512;
/// Most words and signs of one rule: it also bounds how deep `a && b && …` nests. Refuse.
pub(crate) const MAX_TOKENS: usize = 2_000;
/// Most brackets, `if`s and signs before a value that stand in each other. Refuse.
const MAX_DEPTH: usize = 32;

/// What is wrong, and in which line.
pub(crate) type Problem = (usize, String);

/// Looks through one file.
pub(crate) fn check(text: &str) -> Result<(), Problem> {
    let (mut line, mut depth, mut nested, mut tokens) = (1, 0_usize, 0_usize, 0_usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            c if c.is_whitespace() => {}
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' => {
                tokens += 1;
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => drop(chars.next()),
                        '\n' => line += 1,
                        _ => {}
                    }
                }
            }
            ';' => (tokens, nested) = (0, 0),
            c if c.is_alphanumeric() || c == '_' => {
                tokens += 1;
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    if word.len() < 8 {
                        word.push(c);
                    }
                }
                nested += usize::from(word == "if");
            }
            c => {
                tokens += 1;
                match c {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    '!' | '-' if matches!(chars.peek(), Some('!' | '-')) => nested += 1,
                    _ => {}
                }
            }
        }
        if depth + nested > MAX_DEPTH {
            return Err((line, format!("nests deeper than {MAX_DEPTH} levels")));
        }
        if tokens > MAX_TOKENS {
            return Err((line, format!("has a rule of more than {MAX_TOKENS} words and signs")));
        }
    }
    Ok(())
}
