//! Receives intents and events, keeps them for good, and gives them back: replay, then follow.

mod analyses;
mod approvals;
mod audit;
mod catch_up;
mod evidence;
mod hub;
mod read;
mod record;
mod scan;
mod watch;
mod write;

use std::sync::Arc;

use ogent_protocol::subject::{APPROVALS, COMMANDS, RESULTS};
use ogent_protocol::{Purpose, Seal};

use crate::append::ApiError;
use crate::connect::Broker;
use crate::direct::ReadError;
use crate::sign::{Signer, Verifier};

pub use analyses::Analyses;
pub use approvals::{
    ApprovalPage, ApprovalStart, ProposalPage, ProposalRecord, ProposalScan, ProposalWatch, StoredApproval,
};
pub use audit::{AuditPage, AuditRecord, AuditScan};
pub use catch_up::{CaughtUp, Held, Unreadable};
pub use record::{CommandRecord, LastEvent, StoredEvent};
pub use scan::{Scan, ScanPage};
pub use watch::{AgentFeed, Watch, WatchStart};
pub use write::{Claim, EventWriter, Submission, SubmitError};

/// The history of all commands.
#[derive(Clone)]
pub struct Ledger {
    broker: Broker,
    hub: Arc<hub::Hub>,
    /// Who signs what is written here; `None` leaves it unsigned.
    signer: Option<Signer>,
    /// What checks decisions before anything is made of them; `None` believes the broker.
    verifier: Option<Verifier>,
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
            signer: None,
            verifier: None,
            audit: Arc::new(audit::Desk::new(broker.clone())),
        }
    }

    /// The same, for somebody who signs what they write.
    #[must_use]
    pub fn signed(self, signer: Option<Signer>) -> Self {
        Self { signer, ..self }
    }

    /// The same, for somebody who makes nothing of a decision that no gateway has signed: whoever signs what was approved
    /// must not be led to it by those who have no key.
    #[must_use]
    pub fn checked(self, verifier: Option<Verifier>) -> Self {
        Self { verifier, ..self }
    }

    /// The same, for what is written down for somebody else: nobody signs what others say.
    #[must_use]
    pub fn unsigned(self) -> Self {
        self.signed(None)
    }

    /// The seal beside a payload, where somebody signs here.
    fn seal(&self, purpose: Purpose, payload: &[u8]) -> Result<Option<Seal>, SubmitError> {
        let sealed = self.signer.as_ref().map(|signer| signer.seal(purpose, payload, None)).transpose();
        sealed.map_err(|error| SubmitError::Refused(error.to_string()))
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
            .request(self.broker.api(&format!("STREAM.INFO.{stream}")), bytes::Bytes::new())
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
