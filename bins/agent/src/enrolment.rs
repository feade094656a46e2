//! Receives a join token, gives the files by which the agent is somebody; and keeps these files fresh as long as it runs.
//!
//! The seeds are made here and leave this machine in no message: a registrar gets public keys, and gives back tokens about
//! them. [`files`] is what the state folder holds, [`request`] asks a registrar, [`mod@join`] asks the first time, [`stay`]
//! renews, and comes back after the credentials have ended.

pub(crate) mod files;
pub(crate) mod join;
pub(crate) mod request;
pub(crate) mod stay;

pub use files::Enrolled;
pub use join::{JoinArgs, join};
