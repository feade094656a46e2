//! Receives intents and events, keeps them for good, and gives them back: replay, then follow.

mod analyses;
mod approvals;
mod audit;
mod catch_up;
mod hub;
mod read;
mod record;
mod scan;
mod watch;
mod write;

use std::sync::Arc;

use ogent_protocol::subject::{APPROVALS, COMMANDS, RESULTS};

use crate::append::ApiError;
use crate::connect::Broker;
use crate::direct::ReadError;

pub use analyses::Analyses;
pub use approvals::{
    ApprovalPage, ApprovalStart, ProposalPage, ProposalRecord, ProposalScan, ProposalWatch, StoredApproval,
};
pub use audit::{AuditPage, AuditRecord, AuditScan};
pub use catch_up::CaughtUp;
pub use record::{CommandRecord, StoredEvent};
pub use scan::{Scan, ScanPage};
pub use watch::{AgentFeed, Watch, WatchStart};
pub use write::{Claim, EventWriter, Submission, SubmitError};

/// The history of all commands.
#[derive(Clone)]
pub struct Ledger {
    broker: Broker,
    hub: Arc<hub::Hub>,
    audit: Arc<audit::Desk>,
}

/// How full the three streams are, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Intents: used, at most.
    pub commands: (u64, u64),
    /// Events: used, at most.
    pub results: (u64, u64),
    /// Proposals and decisions: used, at most.
    pub approvals: (u64, u64),
}

// === impl Ledger ===

impl Ledger {
    /// The ledger behind this connection.
    #[must_use]
    pub fn new(broker: &Broker) -> Self {
        Self {
            broker: broker.clone(),
            hub: Arc::new(hub::Hub::new(broker.clone())),
            audit: Arc::new(audit::Desk::new(broker.clone())),
        }
    }

    /// How full it is.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn usage(&self) -> Result<Usage, ReadError> {
        let commands = self.stream_info(COMMANDS).await?;
        let results = self.stream_info(RESULTS).await?;
        let approvals = self.stream_info(APPROVALS).await?;
        Ok(Usage { commands: commands.usage(), results: results.usage(), approvals: approvals.usage() })
    }

    async fn stream_info(&self, stream: &str) -> Result<StreamInfo, ReadError> {
        let unavailable = |problem: String| ReadError::Unavailable(problem);
        let answer = self
            .broker
            .client()
            .request(format!("$JS.API.STREAM.INFO.{stream}"), bytes::Bytes::new())
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let info: StreamInfo =
            serde_json::from_slice(&answer.payload).map_err(|error| unavailable(error.to_string()))?;
        match info.error {
            Some(error) => Err(unavailable(error.description)),
            None => Ok(info),
        }
    }
}

#[derive(serde::Deserialize)]
struct StreamInfo {
    #[serde(default)]
    config: StreamLimits,
    #[serde(default)]
    state: StreamState,
    error: Option<ApiError>,
}

#[derive(Default, serde::Deserialize)]
struct StreamLimits {
    #[serde(default)]
    max_bytes: i64,
}

#[derive(Default, serde::Deserialize)]
struct StreamState {
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    first_seq: u64,
    #[serde(default)]
    last_seq: u64,
}

impl StreamInfo {
    fn usage(&self) -> (u64, u64) {
        (self.state.bytes, u64::try_from(self.config.max_bytes).unwrap_or(u64::MAX))
    }
}
