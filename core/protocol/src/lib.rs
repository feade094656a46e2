//! The contract of Ogent: what may be said on which subject, and in which order. No I/O, no async.
//!
//! The modules stand in the order in which a command passes them: an [`id`] names it, a [`subject`] carries its
//! [`intent`], the agent makes a [`claim`] and answers with [`event`]s that follow one [`lifecycle`] to one [`outcome`], and [`rest`]
//! shows all of it to HTTP clients. An [`analysis`] asks for a [`verdict`] on it before. [`wire`] turns messages into bytes and back, within [`limits`];
//! a [`signature`] says whose word they are, and a [`chain`] that none is missing.

pub mod id;
pub mod subject;

pub mod approval;
pub mod blob;
pub mod intent;

pub mod chain;
pub mod claim;
pub mod event;
pub mod lifecycle;
pub mod outcome;

pub mod agent;
pub mod analysis;
pub mod audit;
pub mod enroll;
pub mod rest;
pub mod session;
pub mod verdict;

pub mod limits;
pub mod signature;
pub mod wire;

#[cfg(feature = "schema")]
pub mod schema;

pub use agent::{AgentInfo, Heartbeat, Inventory, Platform, Programs};
pub use analysis::{Advice, AdvisorState, Analysis, AnalysisRequest, Decision, PolicyMode, Raise, Ruling};
pub use approval::{Approval, ProposalEvent, ProposalKind, ProposalState};
pub use audit::{AuditEvent, AuditKind};
pub use blob::Blob;
pub use chain::Link;
pub use enroll::identity::{Identity, IdentityState};
pub use enroll::token::JoinToken;
pub use enroll::{EnrollRequest, EnrollResponse, UserKey};
pub use event::{Cause, Event, EventKind, OutputChunk, OutputStream};
pub use id::{AgentId, CommandId, InvalidId};
pub use intent::{Cancel, ExecutionTarget, Intent, IntentWire, InvalidIntent, Program, Run};
pub use lifecycle::{InvalidTransition, Lifecycle};
pub use outcome::{CommandStatus, Outcome};
pub use session::{ApiToken, Grant, GrantId, Session};
pub use signature::{Purpose, Seal, SignatureFault, SignedBy, SignerRole};
pub use verdict::{RiskLevel, Verdict};
pub use wire::Encoding;
