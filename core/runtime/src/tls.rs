//! Receives certificates and keys as PEM files, gives TLS to the parts.

pub mod files;
pub mod server;

pub use files::{TlsFileError, TlsFiles};
pub use server::ServerTls;
