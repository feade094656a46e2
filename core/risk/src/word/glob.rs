//! Whether a text matches a pattern of the shell: `*`, `?`, `[a-z]`.

/// Whether all of `text` matches `pattern`. Takes time in proportion to the product of their lengths at worst.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some('[') => {
                if let Some((hit, next)) = class(&pattern, p, text.get(t).copied()) {
                    if hit {
                        (p, t) = (next, t + 1);
                        continue;
                    }
                } else if text.get(t) == Some(&'[') {
                    (p, t) = (p + 1, t + 1);
                    continue;
                }
            }
            Some('\\') if p + 1 < pattern.len() => {
                if pattern.get(p + 1) == text.get(t) {
                    (p, t) = (p + 2, t + 1);
                    continue;
                }
            }
            Some(c) if Some(c) == text.get(t) => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            _ => {}
        }
        let Some((star, at)) = retry else { return false };
        retry = Some((star, at + 1));
        (p, t) = (star + 1, at + 1);
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

/// Whether a character is in the class that begins at `open`, and where the class ends.
fn class(pattern: &[char], open: usize, c: Option<char>) -> Option<(bool, usize)> {
    let c = c?;
    let mut at = open + 1;
    let negated = matches!(pattern.get(at), Some('!' | '^'));
    if negated {
        at += 1;
    }
    let (mut hit, first) = (false, at);
    loop {
        let low = *pattern.get(at)?;
        if low == ']' && at > first {
            return Some((hit != negated, at + 1));
        }
        if pattern.get(at + 1) == Some(&'-') && pattern.get(at + 2).is_some_and(|high| *high != ']') {
            hit |= (low..=*pattern.get(at + 2)?).contains(&c);
            at += 3;
        } else {
            hit |= low == c;
            at += 1;
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
