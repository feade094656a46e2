//! Whether a text matches a pattern of the shell: `*`, `?`, `[a-z]`.

/// Longest pattern that is tried.
const MAX_PATTERN_BYTES: usize = 1024;

/// Most steps that one match may take.
const MAX_WORK: usize = 1 << 20;

/// Whether all of `text` matches `pattern`. Takes time in proportion to the product of their lengths at worst.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if pattern.len() > MAX_PATTERN_BYTES || pattern.len().saturating_mul(text.len()) > MAX_WORK {
        // Nobody writes such a pattern to be matched.
        return false;
    }
    if pattern.is_ascii() && text.is_ascii() {
        return Pattern { pattern: pattern.as_bytes(), at: |byte: &u8| char::from(*byte) }.matches(text.as_bytes());
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    Pattern { pattern: &pattern, at: |c: &char| *c }.matches(&text)
}

/// A pattern of bytes, where all is ASCII, or of characters.
struct Pattern<'a, T> {
    pattern: &'a [T],
    at: fn(&T) -> char,
}

impl<T> Pattern<'_, T> {
    fn get(&self, at: usize) -> Option<char> {
        self.pattern.get(at).map(self.at)
    }

    fn matches(&self, text: &[T]) -> bool {
        let (mut p, mut t) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while let Some(c) = text.get(t).map(self.at) {
            let step = match self.get(p) {
                Some('*') => {
                    retry = Some((p, t));
                    p += 1;
                    continue;
                }
                Some('?') => Some(p + 1),
                Some('[') => match self.class(p, c) {
                    Some((hit, next)) => hit.then_some(next),
                    None => (c == '[').then_some(p + 1),
                },
                Some('\\') if self.get(p + 1).is_some() => (self.get(p + 1) == Some(c)).then_some(p + 2),
                Some(other) => (other == c).then_some(p + 1),
                None => None,
            };
            match (step, retry) {
                (Some(next), _) => (p, t) = (next, t + 1),
                (None, Some((star, at))) => {
                    retry = Some((star, at + 1));
                    (p, t) = (star + 1, at + 1);
                }
                (None, None) => return false,
            }
        }
        (p..self.pattern.len()).all(|at| self.get(at) == Some('*'))
    }

    /// Whether a character is in the class that begins at `open`, and where the class ends.
    fn class(&self, open: usize, c: char) -> Option<(bool, usize)> {
        let mut at = open + 1;
        let negated = matches!(self.get(at), Some('!' | '^'));
        if negated {
            at += 1;
        }
        let (mut hit, first) = (false, at);
        loop {
            let low = self.get(at)?;
            if low == ']' && at > first {
                return Some((hit != negated, at + 1));
            }
            match (self.get(at + 1), self.get(at + 2)) {
                (Some('-'), Some(high)) if high != ']' => {
                    hit |= (low..=high).contains(&c);
                    at += 3;
                }
                _ => {
                    hit |= low == c;
                    at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text) in [
            ("r?", "rm"),
            ("*", ""),
            ("a*c", "abbc"),
            ("[a-c]x", "bx"),
            ("[!a]", "b"),
            ("*.tar.*", "x.tar.gz"),
            ("[", "["),
            ("\\*", "*"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("r?", "r"), ("a*c", "ab"), ("[a-c]", "d"), ("", "a"), ("\\*", "a"), ("[a", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }
}
