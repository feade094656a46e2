//! Invariant 2: for each start, the command was in the ledger before it: its intent, and the claim of that agent.

use ogent_protocol::{CommandId, Outcome};

use super::Violation;
use super::case::Case;
use super::story::Story;
use crate::evidence::Micros;

pub(super) fn check(case: &Case) -> Vec<Violation> {
    case.stories.iter().flat_map(|(command, story)| of(case, command, story)).collect()
}

fn of(case: &Case, command: &CommandId, story: &Story) -> Vec<Violation> {
    let mut found = Vec::new();
    let (begin, end) = case.life(story);
    for start in story.starts().filter(|start| !case.is_excused(begin, start.at)) {
        let intent = story.orders.iter().filter(|order| order.agent == start.agent).map(|order| order.at).min();
        let claims = story.claims().filter(|claim| claim.event.agent == start.agent);
        let claim = claims.map(|claim| claim.at).min();
        for (what, stored) in [("its intent", intent), ("its claim", claim)] {
            let problem = match stored {
                None => format!("it was started on {}, and the ledger does not have {what}", start.agent),
                // Both are readings of one clock, and the start comes after an answer to what was stored: no slack.
                Some(stored) if stored > start.at => {
                    format!("{what} was stored {} ms after its start on {}", ms(stored - start.at), start.agent)
                }
                Some(_) => continue,
            };
            found.push(Violation::of(2, problem).command(command).nonce(&start.nonce));
        }
    }
    if story.orders.len() > 1 {
        let sequences: Vec<u64> = story.orders.iter().map(|order| order.sequence).collect();
        found.push(Violation::of(2, format!("COMMANDS holds it more than once: {sequences:?}")).command(command));
    }
    let was_rejected = story.end().is_some_and(|end| end.finished.outcome == Outcome::Rejected);
    let is_claimed = story.claims().next().is_some();
    if is_claimed && story.orders.is_empty() && !was_rejected && !case.is_excused(begin, end) {
        found.push(Violation::of(2, "it was claimed, and COMMANDS does not hold it").command(command));
    }
    found
}

fn ms(time: Micros) -> f64 {
    time as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use ogent_protocol::subject::{COMMANDS, RESULTS};

    use super::super::clean::{self, found};
    use crate::check::Files;

    fn without(stream: &str) -> Files {
        let mut files = clean::files();
        let subject = files.witnessed[0].command.to_string();
        files.ledger.retain(|record| record.stream != stream || !record.subject.ends_with(&subject));
        files
    }

    #[test]
    fn a_start_without_a_record_is_found() {
        let texts = |stream| found(without(stream), 2).into_iter().map(|one| one.text).collect::<Vec<_>>().join("; ");
        assert!(texts(COMMANDS).contains("does not have its intent"));
        assert!(texts(RESULTS).contains("does not have its claim"));
    }

    #[test]
    fn a_record_that_came_after_the_start_is_found() {
        let mut files = clean::files();
        let start = files.witnessed[0].clone();
        let of_it = |record: &&mut crate::evidence::Record| record.subject.ends_with(start.command.as_str());
        files.ledger.iter_mut().find(of_it).unwrap().at = start.at + 1;
        let violations = found(files, 2);
        assert_eq!(violations.len(), 1);
        assert!(violations[0].text.contains("after its start"), "{violations:?}");
    }

    #[test]
    fn what_was_set_back_is_excused_and_only_that() {
        for (from, expected) in [(-1_000_000, 0), (3_600_000_000, 2)] {
            let mut files = without(COMMANDS);
            let at = files.witnessed[0].at + from;
            files.faults.push(clean::set_back(at, at + 2_000_000));
            assert_eq!(found(files, 2).len(), expected, "set back to {from} from the start");
        }
    }

    #[test]
    fn a_second_intent_is_found() {
        let mut files = clean::files();
        let mut again = files.ledger.iter().find(|record| record.stream == COMMANDS).unwrap().clone();
        again.sequence = 9_999;
        files.ledger.push(again);
        assert!(found(files, 2)[0].text.contains("more than once"));
    }
}
