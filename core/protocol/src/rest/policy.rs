//! What people send and see about the access policy: who may do what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analysis::Ruling;
use crate::id::AgentId;
use crate::intent::ExecutionTarget;
use crate::verdict::Verdict;

/// An access policy that holds, or has held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyView {
    /// Counts from 1; 0 is the policy that is shipped.
    pub version: u64,
    /// What it says, in Cedar's language.
    pub text: String,
    /// Who has set it; nobody has set the one that is shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why a later one, which is stored, does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Answer of `GET /policy/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyHistory {
    /// The latest first, as far as they are kept.
    pub versions: Vec<PolicyView>,
}

/// Body of `PUT /policy`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetPolicy {
    /// What holds from now on, in place of everything before.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 262144))]
    pub text: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(max_length = 4096))]
    pub note: Option<String>,
    /// The version that it was made from: nothing is done where another one holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// Body of `POST /policy/test`: might that person do that?
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyTest {
    /// Who.
    pub user: String,
    /// What they would be; what they are, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// What they would do, as policies write it; `execute` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// On which machine, where it is done to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// A line of shell. Either this or `argv`, where a command is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program and its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Where the agent would run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub execution_target: Option<ExecutionTarget>,
    /// The account that it would run as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
    /// Who has asked for the command, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Another policy to ask than the one that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Answer of `POST /policy/test`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyAnswer {
    /// Whether the access policy lets them.
    pub allowed: bool,
    /// The rules that say so; none where no rule permits it.
    pub rules: Vec<PolicyRule>,
    /// Who was asked about.
    pub user: String,
    /// What they are.
    pub roles: Vec<String>,
    /// To do what.
    pub action: String,
    /// What the rules of Ogent make of the command; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<Verdict>>,
    /// What the risk policy says to that, whoever asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
}

/// A rule that has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyRule {
    /// Its name.
    pub id: String,
    /// What it means, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
}
