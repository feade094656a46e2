//! What every part does in the same way: read secrets, write logs, stop.

pub mod secret;
pub mod shutdown;
pub mod telemetry;

pub use secret::{Secret, SecretError, random_secret, secret_from_env};
