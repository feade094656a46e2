//! Invariant 4: nothing starts that nobody asked for, and what was refused never starts.

use ogent_protocol::CommandId;

use super::Violation;
use super::case::Case;
use super::story::Story;
use crate::evidence::Witnessed;
use crate::witness::NONCE;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut found: Vec<Violation> = case.stories.iter().flat_map(|(command, story)| of(case, command, story)).collect();
    for (nonce, wish) in &case.wishes {
        let ids: std::collections::BTreeSet<&str> = wish.accepted.iter().map(|yes| yes.command.as_str()).collect();
        if ids.len() > 1 {
            found.push(Violation::of(4, format!("one wish was accepted under several ids: {ids:?}")).nonce(nonce));
        }
    }
    found
}

fn of(case: &Case, command: &CommandId, story: &Story) -> Vec<Violation> {
    let problems = story.starts().flat_map(|start| {
        let problems = wrong(case, command, story, start);
        problems.into_iter().map(|problem| Violation::of(4, problem).command(command).nonce(&start.nonce))
    });
    problems.collect()
}

/// What is wrong with a start.
fn wrong(case: &Case, command: &CommandId, story: &Story, start: &Witnessed) -> Vec<String> {
    let Some((wish, offer)) = case.wishes.get(&start.nonce).and_then(|wish| Some((wish, wish.offer.as_ref()?))) else {
        return vec![format!("it was started on {}, and nobody had asked for it", start.agent)];
    };
    let mut problems = Vec::new();
    if offer.at > start.at {
        problems.push(format!("it was started {} µs before anybody asked for it", offer.at - start.at));
    }
    if offer.agent != start.agent {
        problems.push(format!("it was meant for {} and started on {}", offer.agent, start.agent));
    }
    if let (Some((status, code)), true) = (wish.refused.first(), wish.accepted.is_empty()) {
        problems.push(format!("it was refused ({status} {code}) and started on {}", start.agent));
    }
    if let Some(yes) = wish.accepted.iter().find(|yes| yes.command != *command) {
        problems.push(format!("it was accepted as {} and started under another id", yes.command));
    }
    let recorded = story.orders.iter().filter_map(|order| order.run.env.get(NONCE));
    for other in recorded.filter(|nonce| **nonce != start.nonce) {
        problems.push(format!("the ledger holds the wish {other} under this id"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};
    use crate::check::Files;
    use crate::evidence::ClientEvent;

    #[track_caller]
    fn is_found(spoil: impl FnOnce(&mut Files), word: &str) {
        let mut files = clean::files();
        spoil(&mut files);
        let violations = found(files, 4);
        assert!(violations.iter().any(|one| one.text.contains(word)), "{word:?} is not in {violations:?}");
    }

    #[test]
    fn a_start_that_nobody_asked_for_is_found() {
        is_found(|files| files.witnessed[0].nonce = "stranger".to_owned(), "nobody had asked");
        is_found(|files| files.client[0].at = files.witnessed[0].at + 1, "before anybody asked");
        is_found(|files| files.witnessed[0].agent = "agent-1".parse().unwrap(), "meant for agent-0");
    }

    #[test]
    fn a_start_of_what_was_refused_is_found() {
        let refuse = |files: &mut Files| {
            let nonce = files.witnessed[0].nonce.clone();
            for line in &mut files.client {
                if matches!(&line.event, ClientEvent::Accepted { nonce: of, .. } if *of == nonce) {
                    line.event = ClientEvent::Refused { nonce: nonce.clone(), status: 409, code: "x".to_owned() };
                }
            }
        };
        is_found(refuse, "was refused (409 x)");
    }

    #[test]
    fn a_start_under_another_id_is_found() {
        is_found(|files| files.witnessed[0].command = "another".parse().unwrap(), "under another id");
    }
}
