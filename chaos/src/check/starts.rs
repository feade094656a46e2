//! Invariant 1: at most one start per command, over all agents, for ever. Nothing excuses a second one.

use std::collections::BTreeMap;

use super::Violation;
use super::case::Case;
use crate::evidence::Witnessed;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut wishes: BTreeMap<&str, Vec<&Witnessed>> = BTreeMap::new();
    for (command, story) in &case.stories {
        let starts: Vec<&Witnessed> = story.starts().collect();
        if starts.len() > 1 {
            let text = format!("it was started {} times: {}", starts.len(), told(case, &starts));
            let nonce = &starts[0].nonce;
            found.push(Violation::of(1, text).command(command).nonce(nonce));
        }
        // One of each command: more of the same has been told.
        if let Some(first) = starts.first() {
            wishes.entry(&first.nonce).or_default().push(first);
        }
    }
    for (nonce, starts) in wishes.into_iter().filter(|(_, starts)| starts.len() > 1) {
        let text = format!("one wish was started as {} commands: {}", starts.len(), told(case, &starts));
        found.push(Violation::of(1, text).command(&starts[0].command).nonce(nonce));
    }
    found
}

fn told(case: &Case, starts: &[&Witnessed]) -> String {
    let tell = |start: &&Witnessed| {
        let at = (start.at - case.run.began) as f64 / 1e6;
        format!("{} on {} (process {}, {at:.3} s)", start.command, start.agent, start.pid)
    };
    starts.iter().map(tell).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};

    #[test]
    fn a_second_start_is_found_wherever_it_is() {
        for agent in ["agent-0", "agent-1"] {
            let mut files = clean::files();
            let mut again = files.witnessed[0].clone();
            again.pid += 1;
            again.at += 60_000_000;
            again.agent = agent.parse().unwrap();
            files.witnessed.push(again);
            let violations = found(files, 1);
            assert_eq!(violations.len(), 1, "{violations:?}");
            assert!(violations[0].text.contains("2 times"));
        }
    }

    #[test]
    fn one_wish_under_two_names_is_found() {
        let mut files = clean::files();
        let mut again = files.witnessed[0].clone();
        again.command = "another".parse().unwrap();
        files.witnessed.push(again);
        assert!(found(files, 1)[0].text.contains("as 2 commands"));
    }

    #[test]
    fn a_store_that_was_set_back_excuses_nothing() {
        let mut files = clean::files();
        let (began, ended) = (files.run.began, files.run.ended);
        files.faults.push(clean::set_back(began, ended));
        files.witnessed.push(files.witnessed[0].clone());
        assert_eq!(found(files, 1).len(), 1);
    }
}
