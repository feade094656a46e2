//! The agent: hears intents, claims them in the ledger, runs them on this machine, reports what happened.
//!
//! In the order in which a command passes: the `desk` hears it and lets it wait its turn, `trust` says
//! whether somebody who counts has signed it, the `ceiling` says whether this
//! machine lets it run, a `job` claims it, a `process` runs it, and what it prints goes through the `outbox` into the ledger. Whatever is killed on the way, a
//! command starts at most once and ends exactly once; what an earlier life of this agent left open is settled at the
//! start.

pub mod config;
pub mod launch;

pub mod enrolment;

mod app;
mod facts;
mod identity;
mod inventory;
mod journal;
mod pulse;
mod settle;

mod desk;
mod queue;

mod trust;

mod ceiling;
mod job;
mod outbox;
mod process;

pub use app::{Agent, join_process, run, run_process};
pub use config::{AgentArgs, AgentConfig};
pub use enrolment::{Enrolled, JoinArgs, join};
pub use identity::Identity;
pub use trust::{TrustArgs, TrustConfig, TrustError, TrustMode};
