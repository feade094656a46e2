//! Receives what somebody calls an account, gives what stands for it where names do not fit or should not be seen.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Digits in what stands for an account.
pub(super) const DIGITS: usize = 32;

/// The first digits of a hash. People type passwords into the field for the name, so it is not kept as it is; case makes
/// no other account.
pub(super) fn account(name: &str) -> String {
    let mut digits = HEXLOWER.encode(&Sha256::digest(name.to_lowercase().as_bytes()));
    digits.truncate(DIGITS);
    digits
}
