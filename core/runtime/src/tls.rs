//! Receives certificates and keys as PEM files, gives TLS to the parts.

pub mod ca;

pub use ca::{Ca, CaError, Leaf};
