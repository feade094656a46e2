//! What people send and see about machines that join.

use serde::{Deserialize, Serialize};

pub use crate::enroll::admin::{InviteCreated, InviteRequest, InviteState, InviteView};
use crate::enroll::identity::Identity;

/// Answer of `GET /agents/invites`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InviteList {
    /// Newest first.
    pub invites: Vec<InviteView>,
}

/// Answer of `GET /agents/pending`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct IdentityList {
    /// By id.
    pub identities: Vec<Identity>,
}

/// Body of `POST /agents/{id}/accept`, `reject` and `revoke`. Every field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecideAgentRequest {
    /// Which generation of the agent was seen; if it is another one by now, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
