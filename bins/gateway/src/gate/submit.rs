//! Receives a proposal that was approved, sends its command.

use jiff::{SignedDuration, Timestamp};
use ogent_broker::{Ledger, ProposalRecord, Submission, SubmitError};
use ogent_protocol::{Approval, ProposalState, Run};

/// Puts the command of an approved proposal into the ledger, with its approval inside. Whoever finds an approved proposal
/// without its command does this: all of them make the same message, and the ledger takes one.
///
/// # Errors
/// See [`SubmitError`].
pub(crate) async fn carry_out(ledger: &Ledger, proposal: &ProposalRecord) -> Result<Submission, SubmitError> {
    match &proposal.state {
        ProposalState::Approved(approval) => ledger.submit(&proposal.agent, &approved(proposal, approval)).await,
        other => Err(SubmitError::Refused(format!("it is {}, not approved", other.name()))),
    }
}

/// Whether it is too late to send the command of an approved proposal. Where it was sent, the ledger may have forgotten it
/// meanwhile: it must not be sent again.
#[must_use]
pub(crate) fn is_too_late(proposal: &ProposalRecord, now: Timestamp) -> bool {
    let ProposalState::Approved(approval) = &proposal.state else { return true };
    approved(proposal, approval).not_after.is_some_and(|not_after| not_after <= now)
}

/// The command as it is sent.
pub(super) fn approved(proposal: &ProposalRecord, approval: &Approval) -> Run {
    let mut run = proposal.run.clone();
    run.agent = Some(proposal.agent.clone());
    run.approval = Some(approval.clone());
    if let Some(within) = proposal.start_within_s {
        run.not_after = Some(later(approval.at, within));
    }
    run
}

/// A time that cannot be told is as late as can be told.
fn later(at: Timestamp, seconds: f64) -> Timestamp {
    let within = SignedDuration::try_from_secs_f64(seconds).ok();
    within.and_then(|within| at.checked_add(within).ok()).unwrap_or(Timestamp::MAX)
}
