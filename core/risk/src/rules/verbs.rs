//! What a command line of a service elsewhere does, told by the words of its operands: get, create, delete.

use std::collections::HashSet;

use serde::Deserialize;

use super::options::Given;

/// Words by what they do. The `maybe_` ones are names of things in other tools, and count where no sure word stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verbs {
    read: HashSet<String>,
    change: HashSet<String>,
    delete: HashSet<String>,
    #[serde(default)]
    maybe_read: HashSet<String>,
    #[serde(default)]
    maybe_change: HashSet<String>,
    #[serde(default)]
    maybe_delete: HashSet<String>,
    preview: HashSet<String>,
}

/// What a word does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Read,
    Change,
    Delete,
}

// === impl Verbs ===

impl Verbs {
    /// Whether an option makes a call only tell what it would do.
    pub(crate) fn is_preview(&self, given: &Given) -> bool {
        let off = given
            .value
            .as_ref()
            .is_some_and(|value| ["none", "false", "0", "no", "off"].contains(&value.text.as_str()));
        !off && self.preview.contains(&given.name)
    }

    /// The weightiest thing that the first few operands say.
    pub(crate) fn of<'a>(&self, operands: impl Iterator<Item = &'a str>) -> Option<Verb> {
        operands.take(4).filter_map(|operand| self.of_operand(operand)).max().map(|(_, verb)| verb)
    }

    fn of_operand(&self, operand: &str) -> Option<(u8, Verb)> {
        // A path or an address is an object, not a verb.
        if operand.len() > 64 || operand.contains(['/', '=', '@', ' ']) {
            return None;
        }
        let whole = self.of_word(&operand.to_ascii_lowercase());
        whole.or_else(|| operand.split([':', '.']).filter_map(|part| self.of_part(part)).max())
    }

    fn of_part(&self, part: &str) -> Option<(u8, Verb)> {
        let words = words(part);
        match words.first() {
            // What is read may be called as it likes: `describe-reset-status`.
            Some(first) if self.read.contains(first) => Some((4, Verb::Read)),
            _ => words.iter().filter_map(|word| self.of_word(word)).max(),
        }
    }

    fn of_word(&self, word: &str) -> Option<(u8, Verb)> {
        let lists = [
            (&self.delete, 6, Verb::Delete),
            (&self.change, 5, Verb::Change),
            (&self.read, 4, Verb::Read),
            (&self.maybe_delete, 3, Verb::Delete),
            (&self.maybe_change, 2, Verb::Change),
            (&self.maybe_read, 1, Verb::Read),
        ];
        lists.into_iter().find(|(list, ..)| list.contains(word)).map(|(_, weight, verb)| (weight, verb))
    }
}

/// `terminate-instances`, `db:drop`, `deleteItem` in words.
fn words(operand: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(operand.len() + 4);
    for c in operand.chars() {
        if c.is_ascii_uppercase() && spaced.ends_with(|last: char| last.is_ascii_lowercase()) {
            spaced.push(' ');
        }
        spaced.push(if matches!(c, '-' | '_') { ' ' } else { c.to_ascii_lowercase() });
    }
    spaced.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
