//! What is known about programs: data in `rules/`, read once.

mod apply;
mod options;
mod schema;
mod verbs;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use apply::{Hit, apply};
pub(crate) use options::Parsed;
use schema::File;
pub(crate) use schema::{Does, Program, Run, Selector};
pub(crate) use verbs::Verb;
use verbs::Verbs;

/// The files of rules as `build.rs` packs them: their names, each with its content in MessagePack.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.msgpack"));

const VERBS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/verbs.msgpack"));

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    programs: Vec<Program>,
    by_name: HashMap<&'static str, usize>,
    /// All names, those of special programs too, in their order.
    names: Vec<&'static str>,
    verbs: Verbs,
    /// What was wrong with the data; a test expects nothing.
    mistakes: Vec<String>,
}

static RULES: LazyLock<Rules> = LazyLock::new(Rules::unpack);

/// The rules that Ogent comes with.
pub(crate) fn shipped() -> &'static Rules {
    &RULES
}

// === impl Rules ===

impl Rules {
    fn unpack() -> Self {
        let mut rules = Self::default();
        match rmp_serde::from_slice(VERBS) {
            Ok(verbs) => rules.verbs = verbs,
            Err(error) => rules.mistakes.push(format!("verbs: {error}")),
        }
        let files: Vec<(String, Vec<u8>)> = rmp_serde::from_slice(PACKED).unwrap_or_default();
        for (name, content) in files {
            match rmp_serde::from_slice(&content) {
                Ok(file) => rules.add(&name, file),
                // What cannot be read makes its programs unknown, which is safe.
                Err(error) => rules.mistakes.push(format!("{name}: {error}")),
            }
        }
        rules.names = rules.by_name.keys().chain(crate::special::NAMES).copied().collect();
        rules.names.sort_unstable();
        rules.names.dedup();
        rules
    }

    fn add(&mut self, file: &str, content: File) {
        for group in content.group {
            let names = group.names.split_whitespace().map(str::to_owned).collect();
            self.insert(file, Program { names, does: group.does, long: group.long, ..Program::default() });
        }
        for program in content.program {
            self.insert(file, program);
        }
    }

    fn insert(&mut self, file: &str, program: Program) {
        let at = self.programs.len();
        for name in &program.names {
            // The rules live as long as the process, and so may their names.
            if self.by_name.insert(String::leak(name.clone()), at).is_some() {
                self.mistakes.push(format!("{file}: {name} stands in the rules twice"));
            }
        }
        self.programs.push(program);
    }

    /// What is known about a program of that name.
    pub(crate) fn program(&self, name: &str) -> Option<&Program> {
        let at = self.by_name.get(name).or_else(|| self.by_name.get(versionless(name)?))?;
        self.programs.get(*at)
    }

    /// The names that begin with `prefix`, in their order.
    pub(crate) fn names_with(&self, prefix: &str) -> impl Iterator<Item = &'static str> {
        let from = self.names.partition_point(|name| *name < prefix);
        self.names.iter().skip(from).take_while(move |name| name.starts_with(prefix)).copied()
    }

    pub(crate) fn verbs(&self) -> &Verbs {
        &self.verbs
    }
}

/// `python3.11` is `python3`, `gcc-12` is `gcc`.
fn versionless(name: &str) -> Option<&str> {
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
    let with_major = name.split_once('.').map(|(head, _)| head);
    match with_major {
        Some(head) if head.ends_with(|c: char| c.is_ascii_digit()) && head != name => Some(head),
        _ => Some(short).filter(|short| !short.is_empty() && short.len() < name.len()),
    }
}

#[cfg(test)]
mod tests;
