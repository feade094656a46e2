//! What HTTP clients send and get. The gateway and the command line use the same types.

mod agent;
mod approval;
mod command;
mod enroll;
mod evidence;
mod policy;
mod problem;
mod request;
mod session;
mod user;

use serde::{Deserialize, Serialize};

pub use agent::{AgentList, AgentStatus, AgentView};
pub use approval::{AnalyzeRequest, ApprovalList, ApprovalState, ApprovalView, ApproveRequest, DenyRequest, DryRun};
pub use command::{CommandPage, CommandResult, CommandView, PendingCommand, ResultFold};
pub use enroll::{DecideAgentRequest, IdentityList, InviteCreated, InviteList, InviteRequest, InviteState, InviteView};
pub use evidence::{EvidencePage, EvidenceRecord};
pub use policy::{PolicyAnswer, PolicyHistory, PolicyRule, PolicyTest, PolicyView, SetPolicy};
pub use problem::Problem;
pub use request::{CancelRequest, ExecuteRequest};
pub use session::{
    AuditEntry, AuditList, CreatedToken, Me, SessionList, SessionView, TokenList, TokenRequest, TokenView,
};
pub use user::{ChangeUser, CreateUser, SetPassword, UserList, UserView};

/// Answer of `POST /token`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokenResponse {
    /// The token; send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// Seconds until it ends.
    pub expires_in: u64,
    /// Exchange it for the next access token, once: `grant_type=refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds until that ends, and the session with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_expires_in: Option<u64>,
}
