//! Receives the words behind a program's name, gives its options with their values, and its operands.

use crate::rules::Program;
use crate::word::Word;

/// An option as it was given.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// With its dashes: `-f`, `--force`.
    pub(crate) name: String,
    /// Its value, where it has one.
    pub(crate) value: Option<Word>,
    /// Whether it may be a longer option cut short, because nobody knows it as it stands.
    may_be_cut: bool,
}

/// A call, taken apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parsed {
    /// The options in their order.
    pub(crate) options: Vec<Given>,
    /// The other words, each with its place among all words.
    pub(crate) operands: Vec<(usize, Word)>,
}

// === impl Given ===

impl Given {
    fn new(program: &Program, name: &str, value: Option<Word>) -> Self {
        let named = |options: &[String]| options.iter().any(|option| option == name);
        let is_known = || {
            named(&program.takes)
                || program.rule.iter().any(|rule| named(&rule.any) || named(&rule.all) || named(&rule.none))
        };
        let may_be_cut = name.len() > 4 && name.starts_with("--") && !is_known();
        Self { name: name.to_owned(), value, may_be_cut }
    }
}

// === impl Parsed ===

impl Parsed {
    /// Takes the words apart as `program` does.
    pub(crate) fn new(program: &Program, args: &[Word]) -> Self {
        let mut parsed = Self::default();
        let mut at = 0;
        while let Some(word) = args.get(at) {
            let text = word.prefix();
            if text == "--" && word.holes.is_empty() {
                parsed.options.push(Given::new(program, "--", None));
                parsed.operands.extend(args.iter().cloned().enumerate().skip(at + 1));
                break;
            }
            let is_option =
                text.len() > 1 && (text.starts_with('-') || (program.long && text.starts_with('+') && text.len() > 2));
            if !is_option {
                if program.wraps {
                    parsed.operands.extend(args.iter().cloned().enumerate().skip(at));
                    break;
                }
                parsed.operands.push((at, word.clone()));
                at += 1;
                continue;
            }
            at = parsed.option(program, args, at);
        }
        parsed
    }

    fn option(&mut self, program: &Program, args: &[Word], at: usize) -> usize {
        let Some(word) = args.get(at) else { return at + 1 };
        let text = word.prefix();
        let takes = |name: &str| program.takes.iter().any(|known| known == name);
        // `-I?` takes a value only where it is stuck to it.
        if let Some((name, value)) = word.split_once('=').filter(|(name, _)| name.starts_with("--") || program.long) {
            self.options.push(Given::new(program, name, Some(value)));
            return at + 1;
        }
        if text.starts_with("--") || program.long || takes(text) {
            let value = takes(text).then(|| args.get(at + 1).cloned()).flatten();
            let next = at + 1 + usize::from(value.is_some());
            self.options.push(Given::new(program, text, value));
            return next;
        }
        for (offset, letter) in text.char_indices().skip(1) {
            let name = format!("-{letter}");
            let rest = offset + letter.len_utf8();
            if takes(&format!("{name}?")) {
                let value =
                    Some(word.tail(rest)).filter(|value| *value != Word { span: value.span, ..Word::default() });
                self.options.push(Given::new(program, &name, value));
                return at + 1;
            }
            if takes(&name) {
                let stuck = rest < word.text.len() || word.holes.iter().any(|hole| hole.at >= rest);
                let value = if stuck { Some(word.tail(rest)) } else { args.get(at + 1).cloned() };
                let next = at + 1 + usize::from(!stuck && value.is_some());
                self.options.push(Given::new(program, &name, value));
                return next;
            }
            self.options.push(Given::new(program, &name, None));
        }
        // Some programs take their letters' values only stuck to them, and some have words behind one dash.
        if text.len() > 2 {
            self.options.push(Given::new(program, text, None));
        }
        at + 1
    }

    /// The first option that `wanted` names. A long one may be cut short, as GNU programs let one.
    pub(crate) fn find<'a>(&'a self, wanted: &'a str) -> Option<&'a Given> {
        self.all(wanted).next()
    }

    /// All of them.
    pub(crate) fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a Given> {
        let (name, pattern) = wanted.split_once('=').map_or((wanted, None), |(name, pattern)| (name, Some(pattern)));
        self.options.iter().filter(move |given| {
            let same = given.name == name || (given.may_be_cut && name.starts_with(&given.name));
            same && pattern.is_none_or(|pattern| {
                given.value.as_ref().is_some_and(|value| crate::word::glob::matches(pattern, &value.text))
            })
        })
    }

    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.find(wanted).is_some()
    }

    /// Whether an option is there, and not switched off: `--dry-run=false`.
    pub(crate) fn is_on(&self, wanted: &str) -> bool {
        let off = |value: &Word| ["none", "false", "0", "no", "off"].contains(&value.text.as_str());
        self.all(wanted).any(|given| !given.value.as_ref().is_some_and(off))
    }

    pub(crate) fn has_any(&self, wanted: &[&str]) -> bool {
        wanted.iter().any(|option| self.has(option))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.options.is_empty() && self.operands.is_empty()
    }

    /// The value of the first of these options that has one.
    pub(crate) fn value<'a>(&'a self, wanted: &[&'a str]) -> Option<&'a Word> {
        wanted.iter().flat_map(|option| self.all(option)).find_map(|given| given.value.as_ref())
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = &Word> {
        self.operands.iter().map(|(_, word)| word)
    }
}
