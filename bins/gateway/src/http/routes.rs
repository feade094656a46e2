//! Receives typed requests, gives them to the service that answers them. Nothing is decided here but who may ask.

pub(super) mod agents;
pub(super) mod analyses;
pub(super) mod api_tokens;
pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod browser;
pub(super) mod commands;
pub(super) mod enroll;
pub(super) mod events;
pub(super) mod evidence;
pub(super) mod execute;
pub(super) mod oidc;
pub(super) mod output;
pub(super) mod policy;
pub(super) mod sessions;
pub(super) mod status;
pub(super) mod token;
pub(super) mod users;
