//! Every fuzz target over its corpus, and over inputs that are made of it: the same ones in every run.
//!
//! `fuzz/README.md` tells how to look further with libFuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ogent_testkit::fuzz::{TARGETS, Target};

/// Inputs that are made for each target: about a second in a debug build.
const MADE: usize = 10_000;

/// Longest input that is made: enough to hold every form, short enough to try many.
const MAX_MADE_BYTES: usize = 4096;

/// No input of that size may keep a reader busy for longer, on the slowest machine under the heaviest load.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A file with more bytes is not a small corpus.
const MAX_SEED_BYTES: u64 = 4096;

/// Most files in one corpus.
const MAX_SEEDS: usize = 40;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz")
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`; 0 where that is 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// A part of the input, of at most 16 bytes.
fn part(input: &[u8], numbers: &mut Numbers) -> std::ops::Range<usize> {
    let from = numbers.below(input.len() + 1);
    from..(from + numbers.below(17)).min(input.len())
}

/// One change, of the kinds that libFuzzer makes.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[Vec<u8>], numbers: &mut Numbers) {
    if numbers.below(3) == 0 {
        return respell(input, numbers);
    }
    let part = part(input, numbers);
    let fresh = match numbers.below(8) {
        0 => Vec::new(),
        1 => vec![u8::try_from(numbers.below(256)).unwrap()],
        2 => vec![*numbers.one_of(b"\0\n\r\t\x1b \"'*+,-./0159:>[\\]{}\x7f\x80\x9b\xc0\xc4\xd9\xde\xff")],
        3 => numbers.one_of(words).clone(),
        4 => input[part.clone()].repeat(2 + numbers.below(8)),
        5 => input[part.clone()].iter().map(|byte| byte ^ (1 << numbers.below(8))).collect(),
        6 => {
            let other = numbers.one_of(corpus);
            let from = numbers.below(other.len() + 1);
            other[from..(from + numbers.below(65)).min(other.len())].to_vec()
        }
        _ => {
            let at = numbers.below(input.len() + 1);
            input[at..(at + part.len()).min(input.len())].to_vec()
        }
    };
    // Half of the changes put something in, the other half put it in place of something.
    let replaced = if numbers.below(2) == 0 { part.start..part.start } else { part };
    input.splice(replaced, fresh);
    input.truncate(MAX_MADE_BYTES);
}

/// Changes letters and digits only, so that what is well-formed stays it.
fn respell(input: &mut [u8], numbers: &mut Numbers) {
    let from = numbers.below(input.len());
    let run = 1 + numbers.below(4);
    for byte in input.iter_mut().skip(from).filter(|byte| byte.is_ascii_alphanumeric()).take(run) {
        let alike: &[u8] = if byte.is_ascii_digit() { b"0123456789" } else { b"aAefFnz" };
        *byte = *numbers.one_of(alike);
    }
}

fn read_corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz_folder().join("corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    // The order of a folder is another one on another machine; the inputs that are made depend on it.
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The words of the dictionary, which has the form that libFuzzer reads: `"text"` with `\xNN`, `\\` and `\"`.
fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(fuzz_folder().join("dictionary")).unwrap();
    let quoted = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescaped).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, after) = match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = [*high, *low];
                (u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap(), after)
            }
            (b'\\', [escaped, after @ ..]) => (*escaped, after),
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

fn attempt(name: &str, target: Target, input: &[u8]) {
    let began = Instant::now();
    let outcome = catch_unwind(|| target(input));
    let took = began.elapsed();
    if outcome.is_ok() && took <= MAX_TIME {
        return;
    }
    let printable = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && !b"%'\\".contains(&byte);
    let shown = |byte: &u8| if printable(*byte) { char::from(*byte).to_string() } else { format!("\\{byte:03o}") };
    let text: String = input.iter().map(shown).collect();
    eprintln!("{name} fails after {took:?} with: b\"{}\"", input.escape_ascii());
    eprintln!("once it is mended, keep the input:\n  printf '{text}' > fuzz/corpus/{name}/what-it-was");
    panic!("{name} does not hold");
}

fn run(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let corpus = read_corpus(name);
    attempt(name, target, b"");
    for (path, seed) in &corpus {
        eprintln!("{}", path.display());
        attempt(name, target, seed);
    }
    let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, seed)| seed).collect();
    let (words, mut numbers) = (words(), Numbers(0x06e7));
    for _ in 0..MADE {
        let mut input = numbers.one_of(&corpus).clone();
        // Mostly one change: after a few, little is read any more.
        loop {
            change(&mut input, &corpus, &words, &mut numbers);
            if numbers.below(3) > 0 {
                break;
            }
        }
        attempt(name, target, &input);
    }
}

/// A test for each target, so that they run side by side; the list is compared with [`TARGETS`] below.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    analysis answer approval blob client_message credentials enrol event_json event_msgpack fold id intent_json intent_msgpack
    opinion record request seal shell sse subject table terminal wire
}

#[test]
fn every_target_has_a_test_a_program_and_a_corpus() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known, TESTED.iter().map(|name| (*name).to_owned()).collect());
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz_folder().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(known, stems("fuzz_targets"));
    assert_eq!(known, stems("corpus"));
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for name in &known {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not name {name}");
        let program = fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("fuzz::{name}(data)")), "the program {name} runs another target");
    }
}

#[test]
fn a_corpus_is_small() {
    for (name, _) in TARGETS {
        let corpus = read_corpus(name);
        assert!((1..=MAX_SEEDS).contains(&corpus.len()), "{name}: {} files", corpus.len());
        for (path, _) in corpus {
            let size = fs::metadata(&path).unwrap().len();
            assert!(size <= MAX_SEED_BYTES, "{}: {size} bytes", path.display());
        }
    }
}

#[test]
fn a_target_that_does_not_hold_is_seen() {
    let outcome = catch_unwind(|| attempt("none", |input| assert!(input.is_empty()), b"\xff\n"));
    assert!(outcome.is_err());
}
