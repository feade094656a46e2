//! Receives a record as it was handed over, gives what it says.

use jiff::Timestamp;
use ogent_protocol::rest::EvidenceRecord;
use ogent_protocol::signature::{CERTIFICATE, SIGNATURE, SIGNER, Seal, SignatureFault};
use ogent_protocol::{AgentId, CommandId, Encoding, Intent, IntentWire, limits, subject};
use serde::de::DeserializeOwned;

/// A record, with its exact payload.
pub(super) struct Read<'a> {
    record: &'a EvidenceRecord,
    pub(super) payload: Vec<u8>,
    pub(super) time: Timestamp,
}

// === impl Read ===

impl<'a> Read<'a> {
    pub(super) fn of(record: &'a EvidenceRecord) -> Result<Self, String> {
        let payload = record.bytes().ok_or("its payload is not base64")?;
        Ok(Self { record, payload, time: record.time })
    }

    pub(super) fn record(&self) -> &EvidenceRecord {
        self.record
    }

    /// The agent that its subject names; the command has to be that one.
    pub(super) fn about(&self, rank: usize, command: &CommandId) -> Result<AgentId, String> {
        let subject = &self.record.subject;
        let prefix = ["approvals.", "commands.", "results."].get(rank).copied().unwrap_or_default();
        match subject::parse_ledger(subject).filter(|_| subject.starts_with(prefix)) {
            Some((agent, about)) if about == *command => Ok(agent),
            Some(_) => Err("it stands under another command".to_owned()),
            None => Err("it stands where no history is kept".to_owned()),
        }
    }

    pub(super) fn seal(&self) -> Result<Option<Seal>, SignatureFault> {
        Seal::parse(self.one(SIGNATURE)?, self.one(SIGNER)?, self.one(CERTIFICATE)?)
    }

    pub(super) fn decode<T: DeserializeOwned>(&self) -> Result<T, String> {
        let content_type = self.one("Content-Type").map_err(|fault| fault.to_string())?;
        let encoding = Encoding::from_content_type(content_type).map_err(|error| error.to_string())?;
        encoding.decode(&self.payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| error.to_string())
    }

    /// What is signed has to say itself what it is about: its subject is not.
    pub(super) fn intent(&self, command: &CommandId) -> Result<Intent, String> {
        let wire: IntentWire = self.decode()?;
        if wire.id.as_ref() != Some(command) {
            return Err(SignatureFault::WrongCommand.to_string());
        }
        wire.admit(|| command.clone()).map_err(|error| error.to_string())
    }

    fn one(&self, name: &str) -> Result<Option<&str>, SignatureFault> {
        let headers = &self.record.headers;
        let mut all = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(SignatureFault::Malformed("a header comes twice")),
            (found, None) => Ok(found.map(|(_, value)| value.as_str())),
        }
    }
}
