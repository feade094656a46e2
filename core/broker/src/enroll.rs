//! Enrolment on the broker: a machine's question and its answer ([`ask`]), the records that registrars share ([`book`]), and the
//! account in which the broker finds who is revoked ([`claims`]).

pub mod ask;
pub mod book;
pub mod claims;

pub use ask::{RegistrarError, Registrars};
pub use book::{Book, Noted};
pub use claims::{AccountClaimsError, Accounts};
