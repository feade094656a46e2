//! How long it takes, after a cause is gone, until everybody whom it met works again.
//!
//! Faults overlap. What heals late because somebody else disturbs it is not counted: healing begins when the last
//! cause that matters to the probe is gone.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::Nemesis;
use crate::plan::{AGENTS, Fault, GATEWAYS, Part};
use crate::stage::agent_id;

/// Issue 3 asks for healing within 60 s.
const LIMIT: Duration = Duration::from_secs(60);

/// Times that a probe begins anew because something else was in its way.
const TRIES: usize = 4;

/// What disturbs whom, now and before.
#[derive(Default)]
pub(super) struct Causes(Mutex<Vec<Cause>>);

struct Cause {
    parts: Vec<Part>,
    ended: Option<Instant>,
}

// === impl Causes ===

impl Causes {
    pub(super) fn begin(&self, parts: Vec<Part>) -> usize {
        let mut causes = self.0.lock().unwrap();
        causes.push(Cause { parts, ended: None });
        causes.len() - 1
    }

    pub(super) fn end(&self, cause: usize, at: Instant) {
        self.0.lock().unwrap()[cause].ended = Some(at);
    }

    /// The end of the last cause, other than `own`, that has met one of `parts` and ended since `since`.
    fn last_ended(&self, own: usize, parts: &[Part], since: Instant) -> Option<Instant> {
        let causes = self.0.lock().unwrap();
        let others = causes.iter().enumerate().filter(|(number, _)| *number != own).map(|(_, cause)| cause);
        let matter = others.filter(|cause| cause.parts.iter().any(|part| matters(*part, parts)));
        matter.filter_map(|cause| cause.ended).filter(|ended| *ended > since).max()
    }

    /// Whether one of `parts` is disturbed right now.
    fn is_disturbed(&self, parts: &[Part]) -> bool {
        let causes = self.0.lock().unwrap();
        let mut lasting = causes.iter().filter(|cause| cause.ended.is_none());
        lasting.any(|cause| cause.parts.iter().any(|part| matters(*part, parts)))
    }
}

/// A broker matters to everybody, a clone to its agent.
fn matters(part: Part, probed: &[Part]) -> bool {
    match part {
        Part::Broker(_) => true,
        Part::Clone(agent) => probed.contains(&Part::Agent(agent)),
        other => probed.contains(&other),
    }
}

// === impl Nemesis ===

impl Nemesis {
    /// Microseconds from the end of the fault until a command went through each gateway to each agent that it met;
    /// `None` when that did not happen in time and nothing else was in the way.
    pub(super) async fn healed(&self, number: usize, fault: &Fault, cause: usize, ended: Instant) -> Option<u64> {
        let (gateways, agents) = met(number, fault);
        let mut probed: Vec<Part> = gateways.iter().map(|gateway| Part::Gateway(*gateway)).collect();
        probed.extend(agents.iter().map(|agent| Part::Agent(*agent)));
        for _ in 0..TRIES {
            let pairs = gateways.iter().flat_map(|gateway| agents.iter().map(move |agent| (*gateway, *agent)));
            let probes = pairs.map(|(gateway, agent)| async move {
                let agent = agent_id(agent);
                self.load.probe(gateway, &agent, LIMIT).await.is_some()
            });
            let is_healed = join_all(probes).await.into_iter().all(|is_healed| is_healed);
            let begin = self.causes.last_ended(cause, &probed, ended).unwrap_or(ended);
            if is_healed {
                return u64::try_from(begin.elapsed().as_micros()).ok();
            }
            // Nothing else was in the way for as long as healing may take.
            if !self.causes.is_disturbed(&probed) && begin.elapsed() >= LIMIT {
                return None;
            }
        }
        None
    }
}

/// Through whom and to whom to ask: everybody who was met, and everybody when the broker was.
fn met(number: usize, fault: &Fault) -> (Vec<usize>, Vec<usize>) {
    let all = ((0..GATEWAYS).collect(), (0..AGENTS).collect());
    match fault.parts()[0] {
        Part::Broker(_) => all,
        Part::Gateway(gateway) if !matches!(fault, Fault::SlowReaders) => (vec![gateway], vec![number % AGENTS]),
        Part::Gateway(_) => (all.0, vec![number % AGENTS]),
        Part::Agent(_) if matches!(fault, Fault::Rogue) => (vec![number % GATEWAYS], all.1),
        Part::Agent(agent) | Part::Clone(agent) => (all.0, vec![agent]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healing_is_counted_from_the_last_cause_that_matters() {
        let second = |n| Instant::now() + Duration::from_secs(n);
        let (ended, gone, later) = (second(1), second(2), second(3));
        let causes = Causes::default();
        let own = causes.begin(vec![Part::Agent(1)]);
        causes.end(own, ended);
        let probed = [Part::Agent(1), Part::Gateway(0)];
        assert_eq!(causes.last_ended(own, &probed, ended), None);
        let elsewhere = causes.begin(vec![Part::Agent(2)]);
        let broker = causes.begin(vec![Part::Broker(0)]);
        assert!(causes.is_disturbed(&probed));
        causes.end(broker, gone);
        assert!(!causes.is_disturbed(&probed));
        causes.end(elsewhere, later);
        assert_eq!(causes.last_ended(own, &probed, ended), Some(gone));
        causes.begin(vec![Part::Clone(1)]);
        assert!(causes.is_disturbed(&probed));
    }
}
