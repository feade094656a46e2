//! Receives proposals and decisions from gateways, keeps them for good, and gives them back.
//!
//! The opening of a proposal has to be the first message on its subject and a decision the next one, by compare-and-set:
//! of several who decide at once, one does. What is read is taken only where `ProposalState::apply` takes it.

mod record;
mod scan;
mod watch;

use ogent_protocol::subject::{self, APPROVALS};
use ogent_protocol::{AgentId, CommandId, Encoding, ProposalEvent, Purpose, SignatureFault, SignerRole, limits};

use super::Ledger;
use super::write::{Submission, SubmitError};
use crate::append::{AppendError, Entry, Stored};
use crate::direct::{MAX_BATCH, Query, ReadError, Record};
use crate::sign::{Verifier, seal_in};

pub use record::ProposalRecord;
pub use scan::{ApprovalPage, ApprovalStart, ProposalPage, ProposalScan, StoredApproval};
pub use watch::ProposalWatch;

/// Messages about one proposal that are looked at: its opening, the decision, and what does not belong there.
const MAX_ABOUT_ONE: u64 = 16;

// === impl Ledger ===

impl Ledger {
    /// Opens a proposal, unless there is one of this command.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn propose(&self, opening: &ProposalEvent) -> Result<Submission, SubmitError> {
        let entry = self.approval_entry(opening)?.expect_last(0).message_id(opening.command.as_str());
        match self.append_again(entry).await {
            Ok(Stored { duplicate: true, .. }) | Err(AppendError::Conflict(_)) => Ok(Submission::Existing),
            Ok(Stored { sequence, .. }) => Ok(Submission::New { sequence }),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides about a proposal. `false` when somebody else has, or when this was done before: read it again to know.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn decide(&self, record: &ProposalRecord, decision: &ProposalEvent) -> Result<bool, SubmitError> {
        match self.append_again(self.approval_entry(decision)?.expect_last(record.last_sequence)).await {
            Ok(_) => Ok(true),
            Err(AppendError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The proposal of this command, whichever agent it is for.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn proposal(&self, id: &CommandId) -> Result<Option<ProposalRecord>, ReadError> {
        let query = Query { multi_last: vec![subject::approval_of_any(id)], batch: MAX_BATCH, ..Query::default() };
        let mut last = self.broker.read(APPROVALS, &query).await?.records;
        // Two agents could have been given one id by hand: the older one has it.
        last.sort_unstable_by_key(|record| record.sequence);
        for record in last {
            if let Some(found) = self.proposal_at(record.subject).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The same where the agent is known.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn proposal_of(&self, agent: &AgentId, id: &CommandId) -> Result<Option<ProposalRecord>, ReadError> {
        self.proposal_at(subject::approval(agent, id)).await
    }

    async fn proposal_at(&self, subject: String) -> Result<Option<ProposalRecord>, ReadError> {
        let query = Query { seq: Some(1), next_by_subj: Some(subject), batch: MAX_ABOUT_ONE, ..Query::default() };
        let mut found: Option<ProposalRecord> = None;
        for stored in self.broker.read(APPROVALS, &query).await?.records {
            found = record::fold(found, &stored, self.verifier.as_ref());
        }
        Ok(found)
    }

    fn approval_entry(&self, event: &ProposalEvent) -> Result<Entry, SubmitError> {
        let payload = Encoding::Json.encode(event).map_err(|_| SubmitError::TooLarge)?;
        let seal = self.seal(Purpose::Approval, &payload)?;
        let entry = Entry::new(subject::approval(&event.agent, &event.command), payload);
        let entry = entry.header("Content-Type", "application/cloudevents+json");
        Ok(seal.iter().fold(entry, Entry::sealed))
    }
}

/// Whether a gateway has signed it, whose certificate was good when the broker stored it.
fn check(stored: &Record, verifier: &Verifier) -> Result<(), SignatureFault> {
    let seal = seal_in(&stored.headers)?.ok_or(SignatureFault::Unsigned)?;
    let by = verifier.verify(Purpose::Approval, &stored.payload, &seal, None, stored.stored_at)?;
    match by.role {
        SignerRole::Gateway => Ok(()),
        _ => Err(SignatureFault::NotAllowed("only gateways write down decisions")),
    }
}

/// The event in a stored message.
fn read(stored: &Record, verifier: Option<&Verifier>) -> Result<ProposalEvent, ReadError> {
    let wrong = |problem: &str| super::record::corrupt(stored.sequence, problem);
    if stored.is_led_here {
        return Err(wrong(super::record::LED_HERE));
    }
    if let Some(verifier) = verifier {
        check(stored, verifier).map_err(|fault| wrong(&fault.to_string()))?;
    }
    let encoding = super::record::encoding_of(&stored.headers).map_err(|problem| wrong(&problem))?;
    let event: ProposalEvent =
        encoding.decode(&stored.payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| wrong(&error.to_string()))?;
    let about = subject::parse_ledger(&stored.subject);
    if about.is_none_or(|(agent, command)| agent != event.agent || command != event.command) {
        return Err(wrong("it names another command or agent than its subject"));
    }
    Ok(event)
}
