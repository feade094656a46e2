//! What people send and see about verdicts and approvals.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CommandView;
use crate::analysis::{AnalysisRequest, Ruling};
use crate::approval::{Approval, ProposalState};
use crate::id::{AgentId, CommandId};
use crate::verdict::Verdict;

/// Who has decided about a command that somebody had to approve, or until when it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct ApprovalView {
    /// What has become of it.
    pub state: ApprovalState,
    /// What exactly is to be approved; give it back with the approval. Absent where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// When it is too late to approve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Who has approved, denied or withdrawn it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What has become of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum ApprovalState {
    /// It waits for a decision.
    Awaiting,
    /// Somebody else has approved it; its status tells how it goes on.
    Approved,
    /// Somebody has denied it.
    Denied,
    /// Nobody approved it in time.
    Expired,
    /// It was cancelled before anybody decided.
    Withdrawn,
    /// Policy refuses it, and nobody was asked.
    Blocked,
    /// Another state, of a later version.
    #[serde(other)]
    Other,
}

/// Answer of `GET /approvals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApprovalList {
    /// Newest first, each with its verdict.
    pub approvals: Vec<CommandView>,
    /// Give it as `cursor` to go on with older ones; absent at the end. A page may be short and not be the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Body of `POST /commands/{id}/approve`; may be empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApproveRequest {
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 4096))]
    pub reason: Option<String>,
    /// The `hash` of what you have seen. Where it is not that of what waits, nothing is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9a-f]{64}$"))]
    pub hash: Option<String>,
}

/// Body of `POST /commands/{id}/deny`; may be empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DenyRequest {
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 4096))]
    pub reason: Option<String>,
}

/// Body of `POST /agents/{id}/analyze`. What is absent is what the agent says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AnalyzeRequest {
    /// A line of shell. Either this or `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 65536))]
    pub command: Option<String>,
    /// A program and its arguments. Either this or `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 1024))]
    pub argv: Option<Vec<String>>,
    /// The operating system: `Linux`, `macOS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The shell that reads the line: `sh`, `bash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// The account that would run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Absolute path of the folder that it would run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The home of that account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Variables that it would be given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What it would read on its standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// The commands before it on that machine, the oldest first; those of the history when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<String>>,
}

/// Answer of `POST /agents/{id}/execute` with `dry_run`: nothing was stored, nothing was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DryRun {
    /// Always true.
    pub dry_run: bool,
    /// The agent that it would be for.
    pub agent_id: AgentId,
    /// What would run, as a line.
    pub command: String,
    /// What the rules make of it; absent where policy judges nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What would become of it.
    pub ruling: Ruling,
}

// === impl ApprovalView ===

impl ApprovalView {
    /// Of a proposal that stands there now. `None` where nobody has asked.
    #[must_use]
    pub fn of(state: &ProposalState, hash: Option<&str>, expires_at: Option<Timestamp>) -> Option<Self> {
        let plain = |state| Self { state, hash: hash.map(str::to_owned), expires_at, by: None, at: None, reason: None };
        let by = |state, by: &str, at, reason: &Option<String>| Self {
            by: Some(by.to_owned()),
            at: Some(at),
            reason: reason.clone(),
            ..plain(state)
        };
        Some(match state {
            ProposalState::Unasked => return None,
            ProposalState::Awaiting(_) => plain(ApprovalState::Awaiting),
            ProposalState::Approved(one) => by(ApprovalState::Approved, &one.by, one.at, &one.reason),
            ProposalState::Denied(one) => by(ApprovalState::Denied, &one.by, one.at, &one.reason),
            ProposalState::Withdrawn(one) => by(ApprovalState::Withdrawn, &one.by, one.at, &one.reason),
            ProposalState::Expired(at) => Self { at: Some(*at), ..plain(ApprovalState::Expired) },
            ProposalState::Blocked => plain(ApprovalState::Blocked),
        })
    }
}

impl From<&Approval> for ApprovalView {
    fn from(approval: &Approval) -> Self {
        Self {
            state: ApprovalState::Approved,
            hash: Some(approval.hash.clone()),
            expires_at: None,
            by: Some(approval.by.clone()),
            at: Some(approval.at),
            reason: approval.reason.clone(),
        }
    }
}

// === impl AnalyzeRequest ===

impl AnalyzeRequest {
    /// The same for an analyst, as far as the request says it.
    #[must_use]
    pub fn into_request(self, id: CommandId, agent: AgentId) -> AnalysisRequest {
        AnalysisRequest {
            id: Some(id),
            agent: Some(agent),
            command: self.command,
            argv: self.argv,
            system: self.system,
            shell: self.shell,
            user: self.user,
            cwd: self.cwd,
            home: self.home,
            programs: None,
            history: self.history.unwrap_or_default(),
            env: self.env,
            stdin: self.stdin,
        }
    }
}
