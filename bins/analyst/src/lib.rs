//! The analyst: receives commands from the broker, gives what the rules say of them at once, and what a language model
//! says later, if there is one. It keeps nothing, so any number of analysts may run side by side.
//!
//! The modules in the order in which a request passes them: [`config`] says how to start, [`app`] wires the parts
//! together, the [`desk`] judges, answers and stores; the [`counsel`] has the model asked, if the [`cache`] does not
//! know the answer, the [`breaker`] lets it and the [`queue`] has room, by an [`advisor`]. [`limits`] bound all of it and
//! the [`tally`] counts it.

mod app;
mod config;

mod desk;

mod breaker;
mod cache;
mod counsel;
mod queue;

mod advisor;

mod limits;
mod tally;

#[doc(hidden)]
pub use advisor::read_opinion;
pub use app::{Analyst, run};
pub use config::{AdvisorArgs, AdvisorConfig, AnalystArgs, AnalystConfig, ConfigError, Protocol};
