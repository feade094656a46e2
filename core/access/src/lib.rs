//! Users, roles, policies: may this principal do this to that? No I/O.
//!
//! In the order in which a question passes: a [`Question`] names who wants to do which [`Action`] to which [`Resource`],
//! [`Policies`] decide about it by Cedar, and the [`Decision`] says yes or no and by which rules. The policies that are
//! shipped, and the schema that all policies are held to, are the files in `policies/`.

mod action;
mod person;
mod question;
mod role;

mod bounds;
mod load;
mod shipped;

mod decide;
mod entities;

pub use action::{Action, Scope};
pub use decide::{Decision, Policies};
pub use load::{PolicyError, PolicyFile, Rule};
pub use person::{InvalidName, PersonName};
pub use question::{AgentFacts, CommandFacts, Doing, Principal, Question, Resource, Target};
pub use role::{Role, UnknownRole};
pub use shipped::{SCHEMA, admins_only, shipped};
