//! Receives which guard is taken away on purpose, gives a plan that runs into the gap.

use std::fmt;
use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::fault::{AGENTS, Fault, Part};
use super::{CALM, Step};

/// A guard that is taken away between agents and broker, to show that the rig sees what it guards against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// Claims are stored whatever was stored before.
    Claim,
    /// Terminal events are stored whatever was stored before.
    End,
    /// Agents cannot read what they have missed.
    CatchUp,
}

/// What each guard is there for begins so soon.
const SOON: Duration = Duration::from_secs(4);

pub(super) fn steps(dice: &mut ChaCha8Rng, length: Duration, sabotage: Sabotage) -> Vec<Step> {
    let end = length.saturating_sub(CALM);
    let lasts = end.saturating_sub(SOON);
    let all = || 0..AGENTS;
    match sabotage {
        // Two processes hear each command.
        Sabotage::Claim => {
            all().map(|agent| Step { at: SOON, lasts, fault: Fault::Clone { agent, killed: false } }).collect()
        }
        // Each event whose acknowledgement is lost is sent again.
        Sabotage::End => {
            all().map(|agent| Step { at: SOON, lasts, fault: Fault::LoseAcks(Part::Agent(agent), 2) }).collect()
        }
        // What is asked for while an agent is away waits in the ledger only.
        Sabotage::CatchUp => {
            let mut steps = Vec::new();
            for agent in all() {
                let mut at = SOON + Duration::from_secs(agent as u64);
                while at + Duration::from_secs(4) < end {
                    steps.push(Step { at, lasts: Duration::from_secs(3), fault: Fault::Kill(Part::Agent(agent)) });
                    at += Duration::from_millis(dice.random_range(9_000..=14_000));
                }
            }
            steps.sort_by_key(|step| step.at);
            steps
        }
    }
}

// === impl Sabotage ===

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claim => "claim",
            Self::End => "end",
            Self::CatchUp => "catch-up",
        })
    }
}
