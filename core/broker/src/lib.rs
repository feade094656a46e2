//! The only crate that knows NATS.
//!
//! In the order in which data passes: [`connect`] opens the connection, [`topology`] makes the streams and buckets,
//! [`ledger`] appends and reads history, [`intake`] is the agent's ear, [`presence`] its pulse, and [`directory`]
//! the gateway's picture of all agents; [`people`] keeps who may log in and what they may; a [`service`] answers requests. [`permissions`], [`keys`] and [`server_config`] say who may do what.

pub mod connect;
pub mod credentials;

pub mod accounts;
pub mod keys;
pub mod permissions;
pub mod server_config;
pub mod topology;

mod append;
mod direct;
mod listen;

pub mod analysis;
pub mod directory;
pub mod enroll;
pub mod grants;
pub mod intake;
pub mod ledger;
pub mod logins;
pub mod people;
pub mod presence;
pub mod service;
pub mod sign;
pub mod vault;

pub use analysis::{Analysts, AskError};
pub use append::AppendError;
pub use connect::{
    Broker, BrokerArgs, BrokerError, ConnectError, ConnectOptions, ConnectionState, Credentials, LOG_FILTER,
};
pub use direct::ReadError;
pub use directory::{AgentState, Directory};
pub use grants::Grants;
pub use ledger::{
    AgentFeed, Analyses, ApprovalPage, ApprovalStart, AuditPage, AuditRecord, AuditScan, CommandRecord, Ledger,
    ProposalPage, ProposalRecord, ProposalScan, ProposalWatch, Scan, ScanPage, StoredApproval, StoredEvent, Submission,
    SubmitError, Usage, Watch, WatchStart,
};
pub use logins::{LoginOutcome, Logins};
pub use people::{Shelf, ShelfError, Shelved};
pub use vault::{Kept, Vault};
