//! Measures Ogent against the floor of the machine that it runs on, in one run.
//!
//! In the order of a run: [`stage`] brings up what is measured, [`floor`] measures what no system could beat, [`rest`]
//! and [`wire`] measure Ogent, [`memory`] weighs its parts, and [`report`] sets each against the floor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

pub mod floor;
pub mod memory;
pub mod report;
pub mod rest;
pub mod stage;
pub mod stats;
pub mod wire;
