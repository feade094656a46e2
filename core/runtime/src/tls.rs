//! Receives certificates and keys as PEM files, gives TLS to the parts.

pub mod ca;

pub mod files;
pub mod server;

pub use ca::{Ca, CaError, Leaf};
pub use files::{TlsFileError, TlsFiles};
pub use server::ServerTls;
