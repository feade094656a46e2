//! What the ledger holds of one command, byte by byte: for those who believe nobody but the keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::CommandId;

/// Some of the records of one command: approvals first, then intents, then events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EvidencePage {
    /// Which command.
    pub command: CommandId,
    /// In the order in which the ledger holds them, stream by stream.
    pub records: Vec<EvidenceRecord>,
    /// Give it as `from` to go on with the events; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One stored message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EvidenceRecord {
    /// The stream that holds it: `APPROVALS`, `COMMANDS` or `RESULTS`.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// When the broker stored it.
    pub time: Timestamp,
    /// The subject under which it is stored.
    pub subject: String,
    /// Name and value of `Content-Type` and of those that begin with `Ogent-`; one may come twice.
    pub headers: Vec<(String, String)>,
    /// Its exact payload, in base64.
    pub payload: String,
}

// === impl EvidenceRecord ===

impl EvidenceRecord {
    /// The payload, or nothing where it is not base64.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.payload).ok()
    }

    /// The payload as it is written here.
    #[must_use]
    pub fn encode(payload: &[u8]) -> String {
        STANDARD.encode(payload)
    }
}
