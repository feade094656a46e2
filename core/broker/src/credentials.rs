//! Who may connect and who may sign: keys and tokens in the forms of NATS (`nsc` reads and writes the same).
//!
//! An operator's key vouches for accounts, an account's role keys vouch for users, and the broker asks nobody. In the
//! order in which one is made from the other: [`keys`], [`jwt`] (the form that all tokens share), [`operator`],
//! [`account`], [`user`], and their [`armour`] in files. A [`signer`] certificate says whose signatures on messages
//! count; [`trust`] says who may issue one. An [`authority`] has all the keys that vouch, and [`layout`] keeps it and what
//! it issues in a folder.

pub mod keys;

pub mod jwt;

pub mod account;
pub mod operator;
pub mod user;

pub mod armour;
pub mod signer;
pub mod trust;

pub mod authority;
pub mod layout;

mod files;

pub use account::AccountClaims;
pub use armour::Creds;
pub use authority::Authority;
pub use jwt::{Claims, JwtError};
pub use keys::{Key, KeyError, KeyKind, PublicKey, Seed};
pub use layout::{Layout, LayoutError};
pub use operator::OperatorClaims;
pub use signer::{Certificate, SignerFile, SignerRole};
pub use trust::Trust;
pub use user::{Name, UserClaims};
