//! Receives what the model has said, gives it again when the same is asked: the same command, in the same place, with
//! the same verdict, of the same model.

use std::collections::{BTreeMap, HashMap};

use crate::advisor::{Key, Opinion};

/// The latest opinions, each under the digest of its question. Not shared between analysts: a second one asks once more.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: HashMap<Key, Entry>,
    /// By last use, the oldest first.
    ages: BTreeMap<u64, Key>,
    uses: u64,
    most: usize,
}

#[derive(Debug)]
struct Entry {
    opinion: Opinion,
    used: u64,
}

// === impl Cache ===

impl Cache {
    /// One that holds at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), ages: BTreeMap::new(), uses: 0, most }
    }

    /// What was said to this question.
    pub(crate) fn get(&mut self, key: &Key) -> Option<Opinion> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        self.ages.remove(&entry.used);
        entry.used = self.uses;
        self.ages.insert(entry.used, *key);
        Some(entry.opinion.clone())
    }

    /// Keeps it; the one that was not used for the longest time makes room.
    pub(crate) fn put(&mut self, key: Key, opinion: Opinion) {
        self.uses += 1;
        if let Some(old) = self.entries.insert(key, Entry { opinion, used: self.uses }) {
            self.ages.remove(&old.used);
        }
        self.ages.insert(self.uses, key);
        while self.entries.len() > self.most
            && let Some((_, oldest)) = self.ages.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::RiskLevel;
    use proptest::prelude::*;

    fn opinion(text: u8) -> Opinion {
        Opinion {
            explanation: text.to_string(),
            suggestions: Vec::new(),
            level: RiskLevel::Low,
            level_reason: String::new(),
        }
    }

    #[test]
    fn the_one_that_was_not_used_makes_room() {
        let mut cache = Cache::new(2);
        cache.put([1; 32], opinion(1));
        cache.put([2; 32], opinion(2));
        assert_eq!(cache.get(&[1; 32]), Some(opinion(1)));
        cache.put([3; 32], opinion(3));
        assert_eq!((cache.get(&[2; 32]), cache.get(&[1; 32])), (None, Some(opinion(1))));
    }

    proptest! {
        #[test]
        fn it_is_a_list_by_last_use(steps in proptest::collection::vec((any::<bool>(), 0_u8..8), 0..200)) {
            let (mut cache, mut model) = (Cache::new(4), Vec::<(u8, u8)>::new());
            for (at, (writes, key)) in steps.into_iter().enumerate() {
                let value = u8::try_from(at % 251).unwrap();
                let known = model.iter().position(|(one, _)| *one == key).map(|at| model.remove(at));
                if writes {
                    cache.put([key; 32], opinion(value));
                    model.push((key, value));
                    model.drain(..model.len().saturating_sub(4));
                } else {
                    prop_assert_eq!(cache.get(&[key; 32]), known.map(|(_, value)| opinion(value)));
                    model.extend(known);
                }
                prop_assert_eq!(cache.entries.len(), model.len());
                prop_assert_eq!(cache.ages.len(), model.len());
            }
        }
    }
}
