//! Receives messages with their headers, gives who has signed them, or why that does not count.
//!
//! A [`Signer`] seals what its owner writes; an [`Original`] is an intent exactly as it came, because a signature is over
//! bytes and not over what they mean; a [`Verifier`] checks both against `trust.json`. The [`proof`] of a command's whole
//! history is made from what the ledger holds, without believing anybody who has handed it over.

pub mod proof;

mod intent;
mod original;
mod signer;
mod verifier;

pub use intent::{Asked, IntentCheck, IntentRules};
pub use original::Original;
pub(crate) use original::seal_in;
pub use signer::Signer;
pub use verifier::Verifier;
