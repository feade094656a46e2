//! Real parts for tests: a nats-server a test on its own port, gateway and agents in this process, bounded waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod agent;
mod analyst;
mod broker;
mod folder;
pub mod fuzz;
mod gateway;
mod keys;
mod model_server;
mod proxy;
mod registrar;
mod wait;
mod wire;

pub use agent::TestAgent;
pub use analyst::TestAnalyst;
pub use broker::{TestBroker, nats_server};
pub use folder::copy_folder;
pub use gateway::{JWT_SECRET, PASSWORD, TestGateway, people_file};
pub use keys::TestKeys;
pub use model_server::{Behaviour, ModelServer};
pub use proxy::{Action, Direction, Link, Match, Proxy, Rule};
pub use registrar::TestRegistrar;
pub use wait::wait_until;
pub use wire::{Delivery, Wire};
