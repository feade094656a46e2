//! Invariant 9: memory, descriptors, threads and zombies of each part are bounded, and come back to where they were.

use std::collections::BTreeMap;

use super::Violation;
use super::case::Case;
use super::limits::{
    BROKER_FDS, BROKER_RSS, MORE_THREADS, MOST_FDS, MOST_RSS, MOST_THREADS, MOST_ZOMBIES, PART_FDS, PART_RSS,
};
use crate::evidence::{Moment, Sample};

/// What the names of parts begin with of which each run has some.
pub(super) const KINDS: [&str; 3] = ["agent-", "gateway-", "broker-"];

type Measure = fn(&Sample) -> u64;

/// Whether a part is there from the begin to the end. Clones come and go with a fault.
pub(super) fn is_lasting(part: &str) -> bool {
    KINDS.iter().any(|kind| part.starts_with(kind))
}

pub(super) fn check(case: &Case) -> Vec<Violation> {
    let mut parts: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in &case.samples {
        parts.entry(&sample.part).or_default().push(sample);
    }
    let problems = parts
        .into_iter()
        .flat_map(|(part, samples)| unbounded(part, &samples).into_iter().chain(grown(part, &samples)));
    problems.map(|problem| Violation::of(9, problem)).collect()
}

/// What was ever more than any part may use.
fn unbounded(part: &str, samples: &[&Sample]) -> Vec<String> {
    let most = |what: Measure| samples.iter().map(|sample| what(sample)).max().unwrap_or_default();
    let bounds = [
        ("bytes of memory", most(|sample| sample.rss), MOST_RSS),
        ("descriptors", most(|sample| sample.fds.into()), MOST_FDS.into()),
        ("threads", most(|sample| sample.threads.into()), MOST_THREADS.into()),
        ("zombies", most(|sample| sample.zombies.into()), MOST_ZOMBIES.into()),
    ];
    let over = bounds.into_iter().filter(|(_, most, bound)| most > bound);
    over.map(|(what, most, bound)| format!("{part} had {most} {what}, the bound is {bound}")).collect()
}

/// What did not come back: the least afterwards is more than the most before, and what is tolerated.
fn grown(part: &str, samples: &[&Sample]) -> Vec<String> {
    let of = |moment: Moment, what: Measure| {
        samples.iter().filter(move |sample| sample.moment == moment).map(move |sample| what(sample))
    };
    let (more_rss, more_fds) =
        if part.starts_with("broker-") { (BROKER_RSS, BROKER_FDS) } else { (PART_RSS, PART_FDS) };
    let kinds: [(&str, Measure, u64); 4] = [
        ("bytes of memory", |sample| sample.rss, more_rss),
        ("descriptors", |sample| sample.fds.into(), more_fds.into()),
        ("threads", |sample| sample.threads.into(), MORE_THREADS.into()),
        ("zombies", |sample| sample.zombies.into(), 0),
    ];
    let grown = kinds.into_iter().filter_map(|(name, what, more)| {
        let (before, after) = (of(Moment::Before, what).max()?, of(Moment::After, what).min()?);
        (after > before + more).then(|| format!("{part} had {before} {name} before the faults, {after} after the run"))
    });
    grown.collect()
}

#[cfg(test)]
mod tests {
    use super::super::clean::{self, found};
    use super::*;

    #[test]
    fn what_does_not_come_back_is_found() {
        type Spoil = fn(&mut Sample);
        let spoils: [(&str, Spoil); 4] = [
            ("bytes of memory", |sample| sample.rss += PART_RSS + 1),
            ("descriptors", |sample| sample.fds += PART_FDS + 1),
            ("threads", |sample| sample.threads += MORE_THREADS + 1),
            ("zombies", |sample| sample.zombies += 1),
        ];
        for (word, spoil) in spoils {
            let mut files = clean::files();
            let is_after = |sample: &&mut Sample| sample.part == "agent-0" && sample.moment == Moment::After;
            files.samples.iter_mut().filter(is_after).for_each(spoil);
            let violations = found(files, 9);
            assert_eq!(violations.len(), 1, "{word}: {violations:?}");
            assert!(violations[0].text.contains(word), "{violations:?}");
        }
    }

    #[test]
    fn what_is_not_bounded_is_found_also_in_a_clone() {
        let mut files = clean::files();
        let mut peak = files.samples[0].clone();
        peak.moment = Moment::During;
        peak.part = "clone-1".to_owned();
        peak.rss = MOST_RSS + 1;
        files.samples.push(peak);
        assert!(found(files, 9)[0].text.starts_with("clone-1 had"));
    }
}
