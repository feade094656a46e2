//! Receives the commands that this gateway sends, gives the last ones for an agent: what came before can make a command
//! worse. The agent remembers all that it ran, this only what went through here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ogent_protocol::AgentId;
use ogent_protocol::limits::{MAX_HISTORY, MAX_HISTORY_LINE_BYTES};

use crate::limits::MAX_REMEMBERED_AGENTS;

/// The last commands for each agent.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<AgentId, Lines>>);

struct Lines {
    lines: VecDeque<String>,
    last: Instant,
}

// === impl Memory ===

impl Memory {
    /// The last commands for that agent, the oldest first.
    pub(super) fn of(&self, agent: &AgentId) -> Vec<String> {
        self.lock().get(agent).map_or_else(Vec::new, |known| known.lines.iter().cloned().collect())
    }

    /// Takes one more.
    pub(super) fn add(&self, agent: &AgentId, line: &str) {
        let mut all = self.lock();
        if all.len() >= MAX_REMEMBERED_AGENTS && !all.contains_key(agent) {
            let oldest = all.iter().min_by_key(|(_, known)| known.last).map(|(agent, _)| agent.clone());
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        let now = Instant::now();
        let known = all.entry(agent.clone()).or_insert_with(|| Lines { lines: VecDeque::new(), last: now });
        known.last = now;
        if known.lines.len() >= MAX_HISTORY {
            known.lines.pop_front();
        }
        known.lines.push_back(clip(line));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Lines>> {
        // Nothing panics while it holds this lock; if something did, the map would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line as it is remembered.
pub(super) fn clip(line: &str) -> String {
    line.get(..line.floor_char_boundary(MAX_HISTORY_LINE_BYTES)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_of_each_agent_are_known() {
        let memory = Memory::default();
        let (one, two) = ("web-1".parse().unwrap(), "web-2".parse().unwrap());
        (0..20).for_each(|n| memory.add(&one, &n.to_string()));
        memory.add(&two, &"ü".repeat(MAX_HISTORY_LINE_BYTES));
        let lines = memory.of(&one);
        assert_eq!((lines.len(), lines[0].as_str(), lines[15].as_str()), (MAX_HISTORY, "4", "19"));
        assert!(memory.of(&two)[0].len() <= MAX_HISTORY_LINE_BYTES);
        for n in 0..MAX_REMEMBERED_AGENTS {
            memory.add(&format!("a{n}").parse().unwrap(), "x");
        }
        assert!(memory.of(&one).is_empty(), "the oldest make room");
    }
}
