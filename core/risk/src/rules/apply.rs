//! Receives a call and what is known of its program, gives the rules that hold, each with the words that it is about.

use super::options::Parsed;
use super::schema::{Program, Rule, Run, Selector};
use crate::word::{Word, glob};

/// A rule that holds for a call.
#[derive(Debug)]
pub(crate) struct Hit<'a> {
    /// Which.
    pub(crate) rule: &'a Rule,
    /// The words that it is about; none where it is about the call as such.
    pub(crate) targets: Vec<Word>,
    /// Whether it reaches everything below them.
    pub(crate) recursive: bool,
}

/// Every rule of a program that holds for a call.
pub(crate) fn apply<'a>(program: &'a Program, parsed: &Parsed, args: &[Word]) -> Vec<Hit<'a>> {
    let recursive = program.recursive.iter().any(|option| parsed.has(option));
    let hits = program.rule.iter().filter_map(|rule| hit(program, rule, parsed, args));
    hits.map(|mut hit| {
        hit.recursive |= recursive;
        hit
    })
    .collect()
}

fn hit<'a>(program: &Program, rule: &'a Rule, parsed: &Parsed, args: &[Word]) -> Option<Hit<'a>> {
    let skip =
        if rule.sub.is_empty() { 0 } else { rule.sub.iter().filter_map(|sub| begins_with(parsed, sub)).max()? };
    let mut operands: Vec<&(usize, Word)> = parsed.operands.iter().skip(skip).collect();
    // Behind the words of `sub`, a wrapper may have options of its own before the other program begins.
    let inner = if program.wraps { skip_options(program, &operands) } else { (0, Parsed::default()) };
    operands.drain(..inner.0.min(operands.len()));
    let has = |option: &String| parsed.has(option) || inner.1.has(option);
    let matches = |patterns: &[String]| {
        operands.iter().any(|(_, word)| patterns.iter().any(|pattern| glob::matches(pattern, &word.text)))
    };
    let holds = (rule.any.is_empty() || rule.any.iter().any(has))
        && rule.all.iter().all(has)
        && !rule.none.iter().any(|option| parsed.is_on(option) || inner.1.is_on(option))
        && rule.min.is_none_or(|min| operands.len() >= min)
        && rule.max.is_none_or(|max| operands.len() <= max)
        && (rule.arg.is_empty() || matches(&rule.arg))
        && !matches(&rule.noarg);
    holds.then(|| Hit { rule, targets: select(rule, parsed, &operands, args), recursive: rule.recursive })
}

/// How many of the words are options of the wrapper itself, and which.
fn skip_options(program: &Program, operands: &[&(usize, Word)]) -> (usize, Parsed) {
    let words: Vec<Word> = operands.iter().map(|(_, word)| word.clone()).collect();
    if !words.first().is_some_and(|word| word.prefix().starts_with('-')) {
        return (0, Parsed::default());
    }
    let parsed = Parsed::new(program, &words);
    let first = parsed.operands.first().map_or(words.len(), |(at, _)| *at);
    (first, parsed)
}

/// How many operands the words of `sub` take, if the operands begin with them.
fn begins_with(parsed: &Parsed, sub: &str) -> Option<usize> {
    let mut operands = parsed.words();
    let mut count = 0;
    for wanted in sub.split(' ') {
        let word = operands.next()?;
        if !glob::matches(wanted, &word.text) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

fn select(rule: &Rule, parsed: &Parsed, operands: &[&(usize, Word)], args: &[Word]) -> Vec<Word> {
    // What follows is another program's: its options must not be taken for this one's.
    let raw = matches!(rule.run, Some(Run::Argv | Run::Words));
    let owned = |operands: &[&(usize, Word)]| match operands.first() {
        Some((at, _)) if raw => args.get(*at..).unwrap_or_default().to_vec(),
        _ => operands.iter().map(|(_, word)| word.clone()).collect(),
    };
    match &rule.target {
        Selector::None => Vec::new(),
        Selector::Operands => owned(operands),
        Selector::First => operands.first().map(|(_, word)| word.clone()).into_iter().collect(),
        Selector::Last => operands.last().map(|(_, word)| word.clone()).into_iter().collect(),
        Selector::Rest => {
            let mut rest = owned(operands.get(1..).unwrap_or_default());
            if rest.first().is_some_and(|word| word.is("--")) {
                rest.remove(0);
            }
            rest
        }
        Selector::Init => owned(operands.split_last().map_or(&[][..], |(_, init)| init)),
        Selector::Cwd => vec![Word::literal(".", span_of(parsed))],
        Selector::Fixed(text) => vec![Word::literal(text.as_str(), span_of(parsed))],
        Selector::Key(key) => {
            let strip = |(_, word): &&(usize, Word)| {
                word.split_once('=').filter(|(name, _)| name == key).map(|(_, value)| value)
            };
            operands.iter().filter_map(strip).collect()
        }
        Selector::Value => {
            let options = rule.any.iter().chain(&rule.all);
            options.flat_map(|option| parsed.all(option)).filter_map(|given| given.value.clone()).collect()
        }
    }
}

fn span_of(parsed: &Parsed) -> ogent_protocol::verdict::Span {
    parsed.words().next().map(|word| word.span).unwrap_or_default()
}
