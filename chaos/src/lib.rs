//! Tries to break Ogent's promises with real parts and real faults, and tells whether it did.
//!
//! In the order in which data passes: a [`plan`] is made from a seed; a [`stage`] of real processes is set up; the
//! [`load`] asks for commands, each of which is a [`witness`], while [`readers`] and a [`rogue`] disturb and the
//! [`nemesis`] carries the plan out. What each of them saw is [`evidence`], to which [`gather`] adds the ledger; from
//! it alone [`check`] finds what was broken, and [`report`] says so. [`run`] is all of that, [`cli`] its command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod evidence;

pub mod plan;

pub mod stage;

pub mod witness;

pub mod load;
pub mod readers;
pub mod rogue;

pub mod nemesis;

pub mod gather;

pub mod check;

pub mod report;

pub mod run;

pub mod cli;
