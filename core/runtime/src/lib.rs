//! What every part does in the same way: read secrets and policies, write logs, stop.

pub mod policy;
pub mod secret;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

pub use policy::{PolicyArgs, PolicyFileError};
pub use secret::{Secret, SecretError, random_secret, secret_from_env};
