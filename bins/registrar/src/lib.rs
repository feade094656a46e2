//! The registrar: receives invitations' tokens and public keys from new machines, gives them credentials. It holds the
//! signing keys of agents, and nothing else does. All else is in the broker, so that any number of registrars may run side by side.
//!
//! The modules in the order in which a request passes them: [`config`] says how to start, [`app`] wires the parts
//! together, the [`desk`] hears who asks; the [`door`] lets machines in by the [`rules`] (with a [`limiter`] for those who
//! guess), [`admin`] does what admins want, [`issue`] signs with the [`keys`], and [`revocations`] tells the broker who is out.

mod app;
mod config;

mod desk;

mod admin;
mod door;
mod limiter;
mod rules;

mod issue;
mod keys;
mod revocations;

pub use app::{Registrar, run};
pub use config::{RegistrarArgs, RegistrarConfig};
pub use keys::KeysError;
