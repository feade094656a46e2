//! Every order of events in a small world: one command, two agents with the same id, one who cancels, one ledger.
//!
//! The agents decide by the product's own `claim` and `lifecycle`; the world around them is a model. Requests and
//! answers get lost, arrive late, after their sender has given them up; copies of the ledger lag behind; agents crash
//! at any step and come back. All states that can be reached are visited, breadth first. None may start the command
//! twice, end it twice, or come to rest before it has ended.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout
)]

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use ogent_protocol::claim::{Answer, Chain, Found, Next, Settlement};
use ogent_protocol::event::{Accepted, Finished, Origin, Started};
use ogent_protocol::{Cause, EventKind, Intent, IntentWire, Lifecycle, Outcome};

/// What may happen, and how often.
#[derive(Clone, Copy)]
struct Limits {
    agents: usize,
    crashes: u8,
    timeouts: u8,
    stale_reads: u8,
    /// Bells for a command that an agent is done with.
    replays: u8,
    /// The ledger is restored from an older copy.
    set_backs: u8,
    guard: Guard,
}

/// Which guard is there. The model has to see when one is missing.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    Whole,
    NoClaim,
    NoOneEnd,
    NoJournal,
    NoSettling,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Accepted,
    Started,
    Finished(Outcome),
}

/// Who: the agent, and which of its lives.
type Writer = (u8, u8);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Stored {
    writer: Writer,
    n: u64,
    kind: Kind,
    /// Under which sequence; 0 while it is on its way.
    sequence: u64,
}

/// A request on its way, or its answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Letter {
    event: Stored,
    expected: u64,
    answer: Option<Answer>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// Has not heard of the command, or knows no more about it.
    Idle,
    /// Has asked to store this event, and waits for the answer.
    Wait(Chain, Kind),
    LookBack(Chain, Kind, u64),
    Claimed(Chain),
    Running(Chain, bool),
    /// Somebody else has the claim.
    Settle,
    /// The ledger has forgotten: this end has to be written anew.
    Anew(Outcome),
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Agent {
    life: u8,
    step: Step,
    /// Whether the ledger had a claim when this life began: that one it may settle.
    finds_claim: bool,
    journal: bool,
    /// What becomes of the command behind a claim that is made anew.
    owed: Option<Outcome>,
    /// Whether it is ending what another life has claimed.
    settling: bool,
    /// Whether what it waits for is on its way.
    sent: bool,
    /// Whether it has yet to notice that the ledger was set back.
    will_notice: bool,
}

/// Before it has heard of anything.
const NEW: Agent = Agent {
    life: 0,
    step: Step::Idle,
    finds_claim: false,
    journal: false,
    owed: None,
    settling: false,
    sent: false,
    will_notice: false,
};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    ledger: Vec<Stored>,
    /// The next sequence. All commands share them, so after a set-back the same one does not come to this one again.
    sequence: u64,
    agents: Vec<Agent>,
    letters: Vec<Letter>,
    cancelled: bool,
    starts: u8,
    crashes: u8,
    timeouts: u8,
    stale_reads: u8,
    replays: u8,
    set_backs: u8,
}

// === impl World ===

impl World {
    fn new(limits: &Limits) -> Self {
        Self {
            ledger: Vec::new(),
            sequence: 1,
            agents: vec![NEW; limits.agents],
            letters: Vec::new(),
            cancelled: false,
            starts: 0,
            crashes: limits.crashes,
            timeouts: limits.timeouts,
            stale_reads: limits.stale_reads,
            replays: limits.replays,
            set_backs: limits.set_backs,
        }
    }

    /// Every world that may come next.
    fn successors(&self, limits: &Limits) -> Vec<Self> {
        let mut next = Vec::new();
        for me in 0..self.agents.len() {
            self.act(me, limits, &mut next);
            if self.crashes > 0 {
                next.push(self.with(|world| {
                    world.crashes -= 1;
                    let finds_claim = !world.ledger.is_empty() && limits.guard != Guard::NoSettling;
                    let agent = &mut world.agents[me];
                    *agent = Agent { life: agent.life + 1, finds_claim, journal: agent.journal, ..NEW };
                }));
            }
        }
        for at in 0..self.letters.len() {
            self.post(at, limits, &mut next);
        }
        if !self.cancelled {
            next.push(self.with(|world| world.cancelled = true));
        }
        if self.set_backs > 0 {
            for kept in 0..self.ledger.len() {
                next.push(self.with(|world| {
                    world.set_backs -= 1;
                    world.ledger.truncate(kept);
                    world.sequence += 100;
                    // The server is another one now: what was on its way to it is gone with the connections.
                    world.letters.clear();
                    world.agents.iter_mut().for_each(|agent| agent.will_notice = true);
                }));
            }
        }
        next
    }

    fn act(&self, me: usize, limits: &Limits, next: &mut Vec<Self>) {
        let agent = &self.agents[me];
        let writer = (me as u8, agent.life);
        let mut go = |step: Step| next.push(self.with(|world| world.agents[me].step = step));
        match agent.step {
            Step::Idle => {
                go(Step::Wait(Chain::default(), Kind::Accepted));
                if self.cancelled {
                    go(Step::Wait(Chain::default(), Kind::Finished(Outcome::Cancelled)));
                }
            }
            Step::Wait(mut chain, kind) => {
                // In the end, whoever hears nothing asks again.
                if self.timeouts > 0 || !self.letters.iter().any(|letter| is_awaited(agent, letter)) {
                    let step = chain.answered(Answer::Unknown);
                    next.push(self.with(|world| {
                        world.timeouts = world.timeouts.saturating_sub(1);
                        world.go_on(me, chain, kind, step);
                    }));
                }
            }
            Step::LookBack(chain, kind, least) => {
                for (copy, is_stale) in self.copies() {
                    let mut chain = chain;
                    let step = chain.looked_back(least, find(copy, Stored { writer, n: chain.n(), kind, sequence: 0 }));
                    next.push(self.read(is_stale, |world| world.go_on(me, chain, kind, step)));
                }
            }
            Step::Claimed(chain) => {
                if let Some(outcome) = agent.owed {
                    go(Step::Wait(chain, Kind::Finished(outcome)));
                } else if agent.journal && limits.guard != Guard::NoJournal {
                    go(Step::Wait(chain, Kind::Finished(Outcome::Lost)));
                } else {
                    if self.cancelled {
                        go(Step::Wait(chain, Kind::Finished(Outcome::Cancelled)));
                    }
                    next.push(self.with(|world| {
                        world.starts += 1;
                        world.agents[me].journal = true;
                        world.agents[me].step = Step::Running(chain, false);
                    }));
                }
            }
            Step::Running(chain, is_announced) => {
                if !is_announced {
                    go(Step::Wait(chain, Kind::Started));
                }
                go(Step::Wait(chain, Kind::Finished(Outcome::Succeeded)));
                if self.cancelled {
                    go(Step::Wait(chain, Kind::Finished(Outcome::Cancelled)));
                }
            }
            Step::Settle => {
                for (copy, is_stale) in self.copies() {
                    let Some(last) = copy.last() else {
                        // The ledger has forgotten the claim meanwhile. A copy that lags behind is asked again.
                        if !is_stale {
                            next.push(self.with(|world| world.agents[me].step = Step::Done));
                        }
                        continue;
                    };
                    let may_settle: &[bool] = match last.writer {
                        _ if agent.finds_claim => &[true],
                        (who, life) if usize::from(who) == me && limits.guard != Guard::NoSettling => {
                            // Its own earlier lives are known to an agent.
                            if life < agent.life { &[true] } else { &[false] }
                        }
                        // Of others it cannot know whether they live.
                        _ => &[true, false],
                    };
                    for may_settle in may_settle {
                        let step = settle(last, *may_settle);
                        next.push(self.read(is_stale, |world| {
                            world.agents[me].step = step;
                            world.agents[me].settling = step != Step::Done;
                        }));
                    }
                }
            }
            Step::Anew(outcome) => {
                let step = match self.ledger.last() {
                    Some(Stored { kind: Kind::Finished(_), .. }) => Step::Done,
                    Some(last) => {
                        let chain = Chain::behind(last.n, last.sequence);
                        Step::Wait(chain, Kind::Finished(outcome))
                    }
                    None => Step::Wait(Chain::default(), Kind::Accepted),
                };
                next.push(self.with(|world| {
                    world.agents[me].owed = Some(outcome);
                    world.agents[me].step = step;
                }));
            }
            Step::Done => {
                if agent.will_notice {
                    // It reads the ledger again.
                    next.push(self.with(|world| {
                        let agent = &mut world.agents[me];
                        *agent = Agent { step: Step::Idle, finds_claim: true, will_notice: false, ..*agent };
                    }));
                }
                if self.replays > 0 {
                    next.push(self.with(|world| {
                        world.replays -= 1;
                        world.agents[me].settling = false;
                        world.agents[me].step = Step::Idle;
                    }));
                }
            }
        }
    }

    /// After the broker's answer or a look back.
    fn go_on(&mut self, me: usize, chain: Chain, kind: Kind, next: Next) {
        let agent = &mut self.agents[me];
        agent.sent = false;
        agent.step = match (next, kind) {
            (Next::Done(_), Kind::Accepted) => Step::Claimed(chain),
            (Next::Done(_), Kind::Started) => Step::Running(chain, true),
            (Next::Done(_), Kind::Finished(_)) => Step::Done,
            (Next::Again | Next::Pause, _) => Step::Wait(chain, kind),
            (Next::LookBack(least), _) => Step::LookBack(chain, kind, least),
            // Or what it looked at was not the last event.
            (Next::Taken, _) if chain.n() == 0 || agent.settling => Step::Settle,
            // Somebody has ended it in the meantime: what runs is killed.
            (Next::Taken, _) => Step::Done,
            (Next::SetBack, Kind::Finished(outcome)) => Step::Anew(outcome),
            (Next::SetBack, _) => Step::Anew(Outcome::Lost),
        };
    }

    /// What may happen to a letter: it arrives, or is lost.
    fn post(&self, at: usize, limits: &Limits, next: &mut Vec<Self>) {
        next.push(self.with(|world| {
            let letter = world.letters.remove(at);
            let Some(answer) = letter.answer else {
                let answer = world.store(&letter, limits);
                world.letters.push(Letter { answer: Some(answer), ..letter });
                return;
            };
            let me = letter.event.writer.0 as usize;
            if let Step::Wait(mut chain, kind) = world.agents[me].step {
                let step = chain.answered(answer);
                world.go_on(me, chain, kind, step);
            }
        }));
        if self.timeouts > 0 {
            next.push(self.with(|world| {
                world.timeouts -= 1;
                world.letters.remove(at);
            }));
        }
    }

    /// Compare-and-set, as JetStream does it.
    fn store(&mut self, letter: &Letter, limits: &Limits) -> Answer {
        let last = self.ledger.last().map_or(0, |last| last.sequence);
        let is_guarded = match letter.event.kind {
            Kind::Accepted => limits.guard != Guard::NoClaim,
            Kind::Finished(_) => limits.guard != Guard::NoOneEnd,
            Kind::Started => true,
        };
        if is_guarded && letter.expected != last {
            return Answer::Conflict(Some(last));
        }
        let sequence = self.sequence;
        self.ledger.push(Stored { sequence, ..letter.event });
        self.sequence += 1;
        Answer::Stored(sequence)
    }

    /// The ledger, and what a copy of it that lags behind may show.
    fn copies(&self) -> impl Iterator<Item = (&[Stored], bool)> {
        let stale = if self.stale_reads > 0 { self.ledger.len() } else { 0 };
        std::iter::once((&self.ledger[..], false)).chain((0..stale).map(|kept| (&self.ledger[..kept], true)))
    }

    fn read(&self, is_stale: bool, change: impl FnOnce(&mut Self)) -> Self {
        self.with(|world| {
            world.stale_reads -= u8::from(is_stale);
            change(world);
        })
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next.deliver();
        next
    }

    /// Sends what has just been decided on, and throws away answers that nobody waits for.
    fn deliver(&mut self) {
        for me in 0..self.agents.len() {
            let agent = &mut self.agents[me];
            if let (false, Step::Wait(chain, kind)) = (agent.sent, agent.step) {
                agent.sent = true;
                let event = Stored { writer: (me as u8, agent.life), n: chain.n(), kind, sequence: 0 };
                self.letters.push(Letter { event, expected: chain.last(), answer: None });
            }
        }
        let agents = &self.agents;
        self.letters.retain(|letter| {
            let agent = &agents[letter.event.writer.0 as usize];
            letter.answer.is_none() || is_awaited(agent, letter)
        });
        // The order in which they lie there means nothing.
        self.letters
            .sort_by_key(|letter| (letter.event.writer, letter.event.n, letter.expected, letter.answer.is_some()));
    }

    /// What is wrong with this world, if something is.
    fn violation(&self, limits: &Limits) -> Option<String> {
        if self.starts > 1 {
            return Some("the command was started twice".to_owned());
        }
        let mut state = Lifecycle::default();
        // Without the claim, the ledger is wrong before anything starts twice.
        let records = if limits.guard == Guard::NoClaim { &[] } else { &self.ledger[..] };
        for stored in records {
            match state.apply(&event(stored.kind)) {
                Ok(after) => state = after,
                Err(error) => return Some(format!("the ledger holds what it must not: {error}")),
            }
        }
        if self.starts > 0 && self.ledger.is_empty() && limits.set_backs == 0 {
            return Some("the command was started unrecorded".to_owned());
        }
        None
    }

    fn has_ended(&self) -> bool {
        matches!(self.ledger.last(), Some(Stored { kind: Kind::Finished(_), .. }))
    }
}

/// Whether the agent waits for the answer to this very request, or to an earlier one that was the same.
fn is_awaited(agent: &Agent, letter: &Letter) -> bool {
    let Step::Wait(chain, kind) = agent.step else { return false };
    letter.event.writer.1 == agent.life
        && (chain.n(), chain.last(), kind) == (letter.event.n, letter.expected, letter.event.kind)
}

fn settle(last: &Stored, may_settle: bool) -> Step {
    match Settlement::of(&event(last.kind), may_settle) {
        Settlement::Ended | Settlement::Leave => Step::Done,
        Settlement::EndAsLost => Step::Wait(Chain::behind(last.n, last.sequence), Kind::Finished(Outcome::Lost)),
    }
}

fn find(copy: &[Stored], wanted: Stored) -> Found {
    let Some(last) = copy.last() else { return Found::Nothing };
    let sequence = last.sequence;
    match last.writer == wanted.writer {
        true => Found::Own { sequence, same: Stored { sequence: 0, ..*last } == wanted },
        false => Found::Other { sequence },
    }
}

fn event(kind: Kind) -> EventKind {
    match kind {
        Kind::Accepted => {
            let wire = IntentWire { command: Some("true".into()), ..IntentWire::default() };
            let Intent::Run(run) = wire.admit(|| "c".parse().unwrap()).unwrap() else { unreachable!() };
            EventKind::Accepted(Box::new(Accepted {
                intent: *run,
                origin: Origin::Ledger,
                instance: "i".into(),
                signed_by: None,
                verdict: None,
                ruling: None,
            }))
        }
        Kind::Started => EventKind::Started(Started { pid: 1 }),
        Kind::Finished(outcome) => {
            EventKind::Finished(Box::new(Finished::without_process(outcome, Cause::System, "m")))
        }
    }
}

/// Visits every world. Gives how many there are, or the shortest way to one that must not be.
fn explore(limits: &Limits) -> Result<usize, String> {
    let first = World::new(limits);
    let mut seen = HashSet::from([fingerprint(&first)]);
    // Each with the place of the one that it came from.
    let mut worlds = vec![(first, 0)];
    let mut at = 0;
    while at < worlds.len() {
        let world = worlds[at].0.clone();
        let next = world.successors(limits);
        let is_at_rest = next.iter().all(|next| World { cancelled: world.cancelled, ..next.clone() } == world);
        let violation = match world.violation(limits) {
            None if is_at_rest && !world.has_ended() => {
                Some("nothing happens any more, and it has not ended".to_owned())
            }
            found => found,
        };
        if let Some(violation) = violation {
            return Err(format!("{violation}, after\n{}", way_to(at, &worlds)));
        }
        worlds.extend(next.into_iter().filter(|next| seen.insert(fingerprint(next))).map(|next| (next, at)));
        at += 1;
    }
    println!("{} worlds", worlds.len());
    Ok(worlds.len())
}

/// 64 bits: among a million worlds, two that are taken for one are as likely as one in ten million.
fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

fn way_to(mut at: usize, worlds: &[(World, usize)]) -> String {
    let (end, mut way) = (at, Vec::new());
    loop {
        let World { ledger, agents, letters, .. } = &worlds[at].0;
        way.push(format!("  {ledger:?}\n      {agents:?}\n      {letters:?}"));
        if at == 0 {
            way.reverse();
            let skipped = way.len().saturating_sub(30);
            return format!("(world {end}, {skipped} steps)\n{}", way[skipped..].join("\n"));
        }
        at = worlds[at].1;
    }
}

const CLONES: Limits =
    Limits { agents: 2, crashes: 1, timeouts: 0, stale_reads: 0, replays: 0, set_backs: 0, guard: Guard::Whole };
const ALONE: Limits =
    Limits { agents: 1, crashes: 1, timeouts: 1, stale_reads: 0, replays: 1, set_backs: 0, guard: Guard::Whole };

fn must_hold(limits: &Limits) {
    let worlds = explore(limits).unwrap_or_else(|way| panic!("{way}"));
    assert!(worlds > 1000, "only {worlds} worlds: too few to see anything");
}

#[test]
fn two_agents_with_one_id() {
    must_hold(&CLONES);
    must_hold(&Limits { crashes: 0, timeouts: 1, ..CLONES });
    must_hold(&Limits { crashes: 0, stale_reads: 1, ..CLONES });
}

#[test]
fn one_agent_that_crashes_again_and_again() {
    must_hold(&ALONE);
    must_hold(&Limits { crashes: 2, timeouts: 0, stale_reads: 1, ..ALONE });
}

#[test]
fn a_ledger_that_forgets() {
    // Only an agent's own journal knows then; a clone on another machine has none of it.
    must_hold(&Limits { set_backs: 1, replays: 0, ..ALONE });
}

/// The same, with more of everything: `cargo test --release -p ogent-protocol --test model -- --ignored`.
#[test]
#[ignore = "millions of worlds: for a release build, by hand"]
fn larger_worlds() {
    must_hold(&Limits { timeouts: 1, stale_reads: 1, ..CLONES });
    must_hold(&Limits { crashes: 2, timeouts: 1, ..CLONES });
    must_hold(&Limits { crashes: 2, timeouts: 2, stale_reads: 1, ..ALONE });
    must_hold(&Limits { crashes: 2, timeouts: 1, set_backs: 1, stale_reads: 1, ..ALONE });
}

/// The model sees what it should see: each guard that is taken away is missed.
#[test]
fn every_guard_is_needed() {
    let missing = |guard, limits: Limits| explore(&Limits { guard, ..limits }).expect_err("nothing was found");
    assert!(missing(Guard::NoClaim, CLONES).starts_with("the command was started twice"));
    assert!(missing(Guard::NoOneEnd, CLONES).starts_with("the ledger holds what it must not"));
    assert!(missing(Guard::NoSettling, Limits { agents: 1, ..CLONES }).starts_with("nothing happens any more"));
    let forgets = Limits { set_backs: 1, replays: 0, ..ALONE };
    assert!(missing(Guard::NoJournal, forgets).starts_with("the command was started twice"));
}
