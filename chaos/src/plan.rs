//! Receives a seed, gives what the nemesis will do and when. Pure: the same seed gives the same plan, everywhere.

mod fault;
mod mix;
mod sabotage;

use std::fmt;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

pub use fault::{AGENTS, Fault, GATEWAYS, Part, Silenced, Twist};
pub use sabotage::Sabotage;

/// From the begin of the load to the first fault: what the parts use in peace is measured here.
pub const WARM_UP: Duration = Duration::from_secs(10);

/// From the end of the last fault to the end of the load.
pub const CALM: Duration = Duration::from_secs(8);

/// What the nemesis will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it was made from.
    pub seed: u64,
    /// On what kind of stage.
    pub scene: Scene,
    /// How long the load runs.
    pub length: Duration,
    /// Faults, by their begin.
    pub steps: Vec<Step>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When it begins, from the begin of the load.
    pub at: Duration,
    /// How long its cause stays.
    pub lasts: Duration,
    /// What it is.
    pub fault: Fault,
}

/// A kind of stage, with its own faults beside those that are everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scene {
    /// One broker.
    Single,
    /// Three brokers, each message in all three; one is killed every few seconds.
    Cluster,
    /// The broker's store is on a small disk, which fills.
    Disk,
    /// The broker is restarted with its store as it was some seconds ago.
    Setback,
    /// The clocks of agents and gateways jump by an hour.
    Clock,
}

/// `Single` most often: it has the most of what is common to all.
const SCENES: [Scene; 8] = [
    Scene::Single,
    Scene::Single,
    Scene::Single,
    Scene::Single,
    Scene::Cluster,
    Scene::Disk,
    Scene::Setback,
    Scene::Clock,
];

// === impl Plan ===

impl Plan {
    /// The plan of a seed; the seed also chooses the scene when there is none given.
    #[must_use]
    pub fn new(seed: u64, length: Duration, scene: Option<Scene>) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        // Drawn in any case, so that naming the scene that the seed would choose changes nothing.
        let drawn = SCENES.choose(&mut dice).copied().unwrap_or(Scene::Single);
        let scene = scene.unwrap_or(drawn);
        Self { seed, scene, length, steps: mix::steps(&mut dice, length, scene) }
    }

    /// A short, directed plan that meets what `sabotage` takes away.
    #[must_use]
    pub fn directed(seed: u64, length: Duration, sabotage: Sabotage) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        Self { seed, scene: Scene::Single, length, steps: sabotage::steps(&mut dice, length, sabotage) }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, scene {}, {} s", self.seed, self.scene, self.length.as_secs())?;
        for Step { at, lasts, fault } in &self.steps {
            writeln!(f, "{:>7.1} s  for {:>5.1} s  {fault}", at.as_secs_f64(), lasts.as_secs_f64())?;
        }
        Ok(())
    }
}

// === impl Scene ===

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "single",
            Self::Cluster => "cluster",
            Self::Disk => "disk",
            Self::Setback => "setback",
            Self::Clock => "clock",
        })
    }
}

#[cfg(test)]
mod tests;
