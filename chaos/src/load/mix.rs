//! Receives a seed, gives a row of wishes: most are short and plain, some are nasty, a few are large.

use std::time::Duration;

use ogent_protocol::AgentId;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::wish::Wish;
use crate::evidence::{Behaviour, Way};
use crate::witness::MAX_PROCESSES;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a flood prints.
pub(super) const FLOOD: u64 = 1024 * MIB;

/// What a command does, in thousandths.
const WEIGHTS: [(Kind, u32); 10] = [
    (Kind::Quick, 600),
    (Kind::Sleep, 185),
    (Kind::Print, 130),
    (Kind::Cut, 20),
    (Kind::Die, 20),
    (Kind::IgnoreTerm, 14),
    (Kind::Setsid, 14),
    (Kind::HoldPipes, 12),
    (Kind::ForkBomb, 4),
    (Kind::Flood, 1),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quick,
    Sleep,
    Print,
    /// Prints more than is kept.
    Cut,
    Die,
    IgnoreTerm,
    Setsid,
    HoldPipes,
    ForkBomb,
    Flood,
}

/// Makes wishes. The same seed makes the same ones, but for their names.
pub(super) struct Mix {
    rng: ChaCha8Rng,
    tag: String,
    made: u64,
    agents: Vec<AgentId>,
    gateways: usize,
    /// Wishes that follow without a pause.
    burst: u32,
}

// === impl Mix ===

impl Mix {
    /// `tag` begins all names: two runs on one machine must not share any.
    pub(super) fn new(seed: u64, tag: &str, agents: &[AgentId], gateways: usize) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, tag: tag.to_owned(), made: 0, agents: agents.to_owned(), gateways, burst: 0 }
    }

    /// How long to wait before the next wish, where the mean is to be `mean`.
    pub(super) fn pause(&mut self, mean: Duration) -> Duration {
        if self.burst > 0 {
            self.burst -= 1;
            return Duration::ZERO;
        }
        if self.rng.random_ratio(1, 400) {
            self.burst = 30;
        }
        mean.mul_f64(self.rng.random_range(0.5..1.5))
    }

    /// The next wish.
    pub(super) fn wish(&mut self) -> Wish {
        self.made += 1;
        let kind = self.kind();
        let (behaviour, timeout, max_output_bytes) = self.behaviour(kind);
        let way = self.way(kind);
        let start_within = self.start_within(kind, way);
        let wait = if self.rng.random_ratio(2, 5) { 0 } else { [1, 2, 3, 10][self.rng.random_range(0..4)] };
        Wish {
            nonce: format!("{}-{}", self.tag, self.made),
            agent: self.agents[self.rng.random_range(0..self.agents.len())].clone(),
            way,
            behaviour,
            timeout,
            start_within,
            max_output_bytes,
            wait,
            cancel_after: self.cancel_after(kind, way),
            is_followed: kind != Kind::Flood && self.rng.random_ratio(1, 10),
            is_doubled: self.gateways > 1 && self.rng.random_ratio(1, 30),
        }
    }

    fn kind(&mut self) -> Kind {
        let mut left = self.rng.random_range(0..WEIGHTS.iter().map(|(_, weight)| weight).sum());
        let found = WEIGHTS.iter().find(|(_, weight)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        found.map_or(Kind::Quick, |(kind, _)| *kind)
    }

    /// What it does, how long it may take, and how much of its output is kept.
    fn behaviour(&mut self, kind: Kind) -> (Behaviour, Duration, Option<u64>) {
        let rng = &mut self.rng;
        let code = if rng.random_ratio(4, 5) { 0 } else { rng.random_range(1..=120) };
        let timeout = Duration::from_secs(rng.random_range(15..=30));
        let short = Duration::from_millis(rng.random_range(500..=4000));
        let maybe_short = if rng.random_bool(0.5) { short } else { timeout };
        match kind {
            Kind::Quick => (Behaviour::Quick { code }, timeout, None),
            Kind::Sleep => {
                let longest = if rng.random_ratio(1, 12) { 12_000 } else { 2_000 };
                (Behaviour::Sleep { ms: rng.random_range(20..=longest), code }, maybe_short, None)
            }
            Kind::Print => {
                let most = [2 * KIB, 64 * KIB, 400 * KIB, 3 * MIB][rng.random_range(0..4)];
                let pause_ms = if most <= 400 * KIB && rng.random_bool(0.5) { rng.random_range(5..=100) } else { 0 };
                (Behaviour::Print { bytes: rng.random_range(1..=most), pause_ms }, timeout, None)
            }
            Kind::Cut => {
                let bytes = rng.random_range(64 * KIB..=2 * MIB);
                (Behaviour::Print { bytes, pause_ms: 0 }, timeout, Some(rng.random_range(0..bytes)))
            }
            Kind::Die => (Behaviour::DieBySignal, timeout, None),
            Kind::IgnoreTerm => (Behaviour::IgnoreTerm { ms: rng.random_range(500..=8_000) }, maybe_short, None),
            Kind::Setsid => (Behaviour::Setsid { ms: rng.random_range(1_000..=20_000) }, maybe_short, None),
            Kind::HoldPipes => (Behaviour::HoldPipes { ms: rng.random_range(300..=12_000) }, timeout, None),
            Kind::ForkBomb => {
                let processes = rng.random_range(10..=MAX_PROCESSES);
                (Behaviour::ForkBomb { processes, ms: rng.random_range(1_000..=10_000) }, maybe_short, None)
            }
            Kind::Flood => (Behaviour::Print { bytes: FLOOD, pause_ms: 0 }, Duration::from_secs(20), Some(64 * KIB)),
        }
    }

    fn way(&mut self, kind: Kind) -> Way {
        let gateway = self.rng.random_range(0..self.gateways);
        match self.rng.random_range(0..10) {
            // These must not come later than they are expected.
            _ if matches!(kind, Kind::Flood | Kind::ForkBomb) => Way::Rest { gateway },
            0 | 1 => Way::Nats,
            2..=4 => Way::Queued { gateway },
            _ => Way::Rest { gateway },
        }
    }

    fn start_within(&mut self, kind: Kind, way: Way) -> Option<Duration> {
        let seconds = match (kind, way) {
            (Kind::Flood | Kind::ForkBomb, _) => 8,
            _ if self.rng.random_ratio(1, 3) => return None,
            (_, Way::Queued { .. }) => self.rng.random_range(20..=120),
            (_, Way::Rest { .. } | Way::Nats) => self.rng.random_range(5..=60),
        };
        Some(Duration::from_secs(seconds))
    }

    fn cancel_after(&mut self, kind: Kind, way: Way) -> Option<Duration> {
        let percent = match kind {
            Kind::Quick | Kind::Die => 2,
            Kind::Print | Kind::Cut | Kind::Flood => 8,
            Kind::Sleep | Kind::HoldPipes => 15,
            Kind::IgnoreTerm | Kind::Setsid | Kind::ForkBomb => 40,
        };
        // What waits for an agent that is away can be cancelled before it starts.
        let percent = if matches!(way, Way::Queued { .. }) { percent * 2 } else { percent };
        let at_once = self.rng.random_ratio(1, 3);
        let ms = if at_once { self.rng.random_range(0..30) } else { self.rng.random_range(100..3_000) };
        self.rng.random_ratio(percent, 100).then(|| Duration::from_millis(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(seed: u64) -> Mix {
        let agents: Vec<AgentId> = (0..5).map(|n| format!("agent-{n}").parse().unwrap()).collect();
        Mix::new(seed, "t", &agents, 2)
    }

    #[test]
    fn a_seed_repeats_itself() {
        let wishes = |seed| {
            let mut mix = mix(seed);
            (0..500).map(|_| mix.wish()).collect::<Vec<_>>()
        };
        assert_eq!(wishes(7), wishes(7));
        assert_ne!(wishes(7), wishes(8));
    }

    #[test]
    fn everything_occurs_and_names_are_ids() {
        let mut mix = mix(1);
        let wishes: Vec<Wish> = (0..10_000).map(|_| mix.wish()).collect();
        let count = |test: &dyn Fn(&Wish) -> bool| wishes.iter().filter(|wish| test(wish)).count();
        assert!((5_000..7_000).contains(&count(&|wish| matches!(wish.behaviour, Behaviour::Quick { .. }))));
        assert!((1..40).contains(&count(&|wish| matches!(wish.behaviour, Behaviour::Print { bytes: FLOOD, .. }))));
        assert!((10..100).contains(&count(&|wish| matches!(wish.behaviour, Behaviour::ForkBomb { .. }))));
        assert!((500..1_500).contains(&count(&|wish| wish.cancel_after.is_some())));
        assert!((700..1_300).contains(&count(&|wish| wish.is_followed)));
        for (at, wish) in wishes.iter().enumerate() {
            assert_eq!(wish.nonce, format!("t-{}", at + 1));
            assert!(!wish.command().as_str().is_empty());
            assert!(wish.timeout <= Duration::from_secs(30));
        }
    }
}
