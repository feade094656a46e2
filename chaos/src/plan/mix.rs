//! Receives the dice, gives faults in mixes that shift: some kinds for 30 to 60 s, then quiet for a third of that.

use std::time::Duration;

use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::fault::{AGENTS, Fault, GATEWAYS, Part, Silenced, Twist};
use super::{CALM, Scene, Step, WARM_UP};

/// Kinds of faults in one mix.
const KINDS_IN_A_MIX: usize = 4;

/// The agent that lives in a network namespace of its own.
const AGENT_WITH_LINK: usize = AGENTS - 1;

/// What is drawn for a mix. What matters most stands there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillAgent,
    KillGateway,
    KillBroker,
    Crash,
    PauseAgent,
    PauseGateway,
    PauseBroker,
    Link,
    LoseAcks,
    Deliveries,
    LinkDown,
    Clone,
    Rogue,
    SlowReaders,
    SetBack,
    FullDisk,
    Clock,
}

const EVERYWHERE: [Kind; 19] = [
    Kind::KillAgent,
    Kind::KillAgent,
    Kind::KillGateway,
    Kind::KillBroker,
    Kind::KillBroker,
    Kind::Crash,
    Kind::PauseAgent,
    Kind::PauseAgent,
    Kind::PauseGateway,
    Kind::PauseBroker,
    Kind::Link,
    Kind::Link,
    Kind::LoseAcks,
    Kind::Deliveries,
    Kind::Deliveries,
    Kind::LinkDown,
    Kind::Clone,
    Kind::Rogue,
    Kind::SlowReaders,
];

/// Steps so far, and how long each part is taken: one part never suffers two faults of the plan at once, so that each
/// fault can be taken away without touching another, and healing can be told apart.
struct Draft<'a> {
    dice: &'a mut ChaCha8Rng,
    scene: Scene,
    steps: Vec<Step>,
}

pub(super) fn steps(dice: &mut ChaCha8Rng, length: Duration, scene: Scene) -> Vec<Step> {
    let end = length.saturating_sub(CALM);
    let mut draft = Draft { dice, scene, steps: Vec::new() };
    let mut begin = WARM_UP;
    while begin + Duration::from_secs(5) < end {
        let busy = Duration::from_secs(draft.dice.random_range(30..=60)).min((end - begin) * 3 / 4);
        draft.block(begin, begin + busy);
        begin += busy + busy / 3;
    }
    draft.steps.sort_by_key(|step| step.at);
    draft.steps
}

// === impl Draft ===

impl Draft<'_> {
    fn block(&mut self, begin: Duration, end: Duration) {
        match self.scene {
            Scene::Single => {}
            Scene::Cluster => self.kill_nodes(begin, end),
            Scene::Disk => self.once(Kind::FullDisk, begin, end),
            Scene::Setback => self.once(Kind::SetBack, begin, end),
            Scene::Clock => {
                for _ in 0..3 {
                    self.once(Kind::Clock, begin, end);
                }
            }
        }
        let kinds: Vec<Kind> = EVERYWHERE.choose_multiple(self.dice, KINDS_IN_A_MIX).copied().collect();
        let mut at = begin;
        while at < end {
            let kind = *kinds.choose(self.dice).unwrap_or(&Kind::KillAgent);
            // A part may be taken: then another one, a few times.
            for _ in 0..4 {
                if self.try_add(kind, at, end) {
                    break;
                }
            }
            at += self.millis(500..=5_000);
        }
    }

    fn once(&mut self, kind: Kind, begin: Duration, end: Duration) {
        let latest = begin + (end - begin) / 2;
        for _ in 0..20 {
            let at =
                Duration::from_millis(self.dice.random_range(begin.as_millis() as u64..=latest.as_millis() as u64));
            if self.try_add(kind, at, end) {
                return;
            }
        }
    }

    /// One of three nodes after the other: two others always live, so the cluster always has a majority.
    fn kill_nodes(&mut self, begin: Duration, end: Duration) {
        let (mut at, mut last) = (begin, 0);
        while at < end {
            last = (last + self.dice.random_range(1..=2_usize)) % 3;
            let lasts = self.millis(500..=3_000);
            self.add(Step { at, lasts, fault: Fault::Kill(Part::Broker(last)) });
            at += lasts + self.millis(3_000..=7_000);
        }
    }

    fn try_add(&mut self, kind: Kind, at: Duration, end: Duration) -> bool {
        let fault = self.draw(kind);
        let lasts = self.duration(&fault).min(end.saturating_sub(at));
        let at_least = match fault {
            Fault::Kill(_) | Fault::Crash(_) => Duration::ZERO,
            Fault::SetBack(by) => by,
            // They need some time to begin.
            Fault::Rogue | Fault::SlowReaders => Duration::from_secs(5),
            _ => Duration::from_millis(200),
        };
        if lasts < at_least {
            return false;
        }
        let is_free = !self.steps.iter().any(|step| {
            let overlaps = step.at < at + lasts + MARGIN && at < step.at + step.lasts + MARGIN;
            overlaps && meets_the_same(&step.fault, &fault)
        });
        if is_free {
            self.add(Step { at, lasts, fault });
        }
        is_free
    }

    fn add(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn draw(&mut self, kind: Kind) -> Fault {
        let agent = self.dice.random_range(0..AGENTS);
        let gateway = Part::Gateway(self.dice.random_range(0..GATEWAYS));
        match kind {
            Kind::KillAgent => Fault::Kill(Part::Agent(agent)),
            Kind::KillGateway => Fault::Kill(gateway),
            Kind::KillBroker => Fault::Kill(Part::Broker(0)),
            Kind::Crash => Fault::Crash(agent),
            Kind::PauseAgent => Fault::Pause(Part::Agent(agent)),
            Kind::PauseGateway => Fault::Pause(gateway),
            Kind::PauseBroker => Fault::Pause(Part::Broker(0)),
            Kind::Link => self.link(agent, gateway),
            Kind::LoseAcks => {
                let part = if self.dice.random_bool(0.7) { Part::Agent(agent) } else { gateway };
                Fault::LoseAcks(part, self.dice.random_range(1..=5))
            }
            Kind::Deliveries => self.deliveries(agent),
            Kind::LinkDown => Fault::LinkDown(AGENT_WITH_LINK),
            Kind::Clone => Fault::Clone { agent, killed: self.dice.random_bool(0.5) },
            Kind::Rogue => Fault::Rogue,
            Kind::SlowReaders => Fault::SlowReaders,
            Kind::SetBack => Fault::SetBack(self.millis(1_000..=10_000)),
            Kind::FullDisk => Fault::FullDisk,
            Kind::Clock => {
                let part = if self.dice.random_bool(0.6) { Part::Agent(agent) } else { gateway };
                Fault::Clock(part, if self.dice.random_bool(0.5) { 3_600 } else { -3_600 })
            }
        }
    }

    fn link(&mut self, agent: usize, gateway: Part) -> Fault {
        let part = if self.dice.random_bool(0.6) { Part::Agent(agent) } else { gateway };
        match self.dice.random_range(0..7) {
            0 => Fault::Cut(part),
            1 => Fault::HalfOpen(part, Silenced::Part),
            2 => Fault::HalfOpen(part, Silenced::Broker),
            3 => Fault::Slow(part, self.millis(50..=2_000)),
            4 => Fault::Trickle(part, self.dice.random_range(200..=20_000)),
            5 => Fault::Refuse(part),
            _ => Fault::Reset(part),
        }
    }

    fn deliveries(&mut self, agent: usize) -> Fault {
        let twist = match self.dice.random_range(0..4) {
            0 => Twist::Drop,
            1 => Twist::Double,
            2 => Twist::Swap,
            _ => Twist::Replay(Duration::from_secs(self.dice.random_range(1..=15))),
        };
        Fault::Deliveries(agent, twist, self.dice.random_range(1..=3))
    }

    /// How long the cause stays. Pauses and cuts are longer than every time-out at times: a dead connection is noticed
    /// after 30 s at the latest.
    fn duration(&mut self, fault: &Fault) -> Duration {
        match fault {
            // Half of all restarts are immediate, as a supervisor does it.
            Fault::Kill(_) | Fault::Crash(_) if self.dice.random_bool(0.5) => self.millis(0..=1_000),
            Fault::Kill(_) | Fault::Crash(_) => self.millis(1_000..=20_000),
            Fault::Pause(Part::Broker(_)) => self.millis(500..=12_000),
            Fault::Pause(_) | Fault::Cut(_) | Fault::HalfOpen(..) | Fault::LinkDown(_) => {
                if self.dice.random_bool(0.3) { self.millis(32_000..=60_000) } else { self.millis(1_000..=15_000) }
            }
            Fault::SetBack(by) => *by + self.millis(0..=3_000),
            Fault::FullDisk => self.millis(3_000..=10_000),
            Fault::Rogue | Fault::SlowReaders | Fault::Clock(..) => self.millis(8_000..=25_000),
            _ => self.millis(3_000..=20_000),
        }
    }

    fn millis(&mut self, range: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.dice.random_range(range))
    }
}

/// From the end of one fault of a part to the begin of the next.
const MARGIN: Duration = Duration::from_secs(1);

/// Brokers count as one: in a cluster, only one may be down at a time.
fn meets_the_same(one: &Fault, other: &Fault) -> bool {
    // These disturb from outside and take nothing away.
    let is_bystander = |fault: &Fault| matches!(fault, Fault::Rogue | Fault::SlowReaders);
    if is_bystander(one) || is_bystander(other) {
        return std::mem::discriminant(one) == std::mem::discriminant(other);
    }
    // When the ledger forgets, an agent's own journal knows what it has started; what its clone has, nobody knows.
    let is_clone = |fault: &Fault| matches!(fault, Fault::Clone { .. });
    let is_set_back = |fault: &Fault| matches!(fault, Fault::SetBack(_));
    if (is_clone(one) && is_set_back(other)) || (is_set_back(one) && is_clone(other)) {
        return true;
    }
    let is_broker = |part: &Part| matches!(part, Part::Broker(_));
    let others = other.parts();
    one.parts().iter().any(|part| others.contains(part) || (is_broker(part) && others.iter().any(is_broker)))
}
