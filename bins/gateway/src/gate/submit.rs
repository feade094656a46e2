//! Receives a proposal that was approved, sends its command.

use jiff::{SignedDuration, Timestamp};
use ogent_broker::{Ledger, ProposalRecord, ReadError, Submission, SubmitError};
use ogent_protocol::{Approval, CommandId, ProposalState, Run};

use crate::limits::START_AFTER_APPROVAL;

/// Why an approved command is not in the ledger, or may not be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The ledger did not take it, or did not say so.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// What the ledger has instead cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The ledger has something else under this id, and never takes two.
    #[error("another command has the id {0}: what was approved was not sent, and will not be")]
    Taken(CommandId),
}

/// Puts the command of an approved proposal into the ledger, with its approval inside. Whoever finds an approved proposal
/// without its command does this: all of them make the same message, and the ledger takes one.
///
/// # Errors
/// See [`SendError`].
pub(super) async fn carry_out(ledger: &Ledger, proposal: &ProposalRecord) -> Result<Submission, SendError> {
    let ProposalState::Approved(approval) = &proposal.state else {
        let problem = format!("it is {}, not approved", proposal.state.name());
        return Err(SubmitError::Refused(problem).into());
    };
    let run = approved(proposal, approval);
    let submission = ledger.submit(&proposal.agent, &run).await?;
    if submission == Submission::Existing {
        // That something has the id does not mean that this has it.
        match ledger.find(&run.id).await? {
            Some(found) if found.agent == proposal.agent && is_that(&found.run, &run) => {}
            Some(_) => return Err(SendError::Taken(run.id)),
            // A copy of the ledger that lags, or a record that cannot be read.
            None => return Err(SubmitError::Unavailable("what has its id cannot be seen yet".to_owned()).into()),
        }
    }
    Ok(submission)
}

/// Whether what the ledger has is what was approved.
fn is_that(found: &Run, approved: &Run) -> bool {
    found.asks_the_same(approved) && found.approval == approved.approval
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
    let wanted = match proposal.start_within_s {
        Some(within) => Some(later(approval.at, SignedDuration::try_from_secs_f64(within).ok())),
        None => run.not_after,
    };
    // By the time of the approval, not by the clock: all who send it have to make the same message.
    let last = later(approval.at, SignedDuration::try_from(START_AFTER_APPROVAL).ok());
    run.not_after = Some(wanted.map_or(last, |wanted| wanted.min(last)));
    run
}

/// A time that cannot be told is as late as can be told.
fn later(at: Timestamp, within: Option<SignedDuration>) -> Timestamp {
    within.and_then(|within| at.checked_add(within).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::{Decision, Intent, IntentWire, PolicyMode, Ruling, Verdict};

    fn run(line: &str) -> Run {
        let wire = IntentWire { command: Some(line.to_owned()), ..IntentWire::default() };
        match wire.admit(CommandId::generate).unwrap() {
            Intent::Run(run) => *run,
            Intent::Cancel(_) => unreachable!(),
        }
    }

    fn approval(at: Timestamp) -> Approval {
        Approval { by: "bob".into(), at, reason: None, hash: "0".repeat(64) }
    }

    fn proposal(not_after: Option<Timestamp>, start_within_s: Option<f64>, at: Timestamp) -> ProposalRecord {
        let because = String::new();
        ProposalRecord {
            agent: "web-1".parse().unwrap(),
            run: Run { not_after, ..run("true") },
            verdict: Verdict::default(),
            ruling: Ruling { decision: Decision::Ask, enforced: Decision::Ask, mode: PolicyMode::Enforce, because },
            hash: None,
            expires_at: None,
            start_within_s,
            state: ProposalState::Approved(approval(at)),
            opened_at: at,
            decision: None,
            sequence: 1,
            last_sequence: 2,
            stored_at: at,
        }
    }

    #[test]
    fn what_was_approved_starts_within_a_day_or_never() {
        let at = Timestamp::UNIX_EPOCH;
        let hours = |hours: i64| at + SignedDuration::from_hours(hours);
        for (not_after, within, last) in [
            (None, None, 24),
            (None, Some(3600.0), 1),
            (None, Some(1e9), 24),
            (None, Some(f64::INFINITY), 24),
            (Some(hours(2)), None, 2),
            (Some(hours(1000)), None, 24),
        ] {
            let proposal = proposal(not_after, within, at);
            assert_eq!(approved(&proposal, &approval(at)).not_after, Some(hours(last)), "{not_after:?} {within:?}");
            assert!(is_too_late(&proposal, hours(last)) && !is_too_late(&proposal, hours(0)));
        }
    }

    #[test]
    fn another_command_or_another_approval_is_not_what_was_approved() {
        let (at, base) = (Timestamp::UNIX_EPOCH, run("true"));
        let ours = Run { approval: Some(approval(at)), ..base.clone() };
        assert!(is_that(&Run { not_after: Some(at), ..ours.clone() }, &ours));
        let other = Approval { by: "eve".into(), ..approval(at) };
        assert!(!is_that(&base, &ours) && !is_that(&Run { approval: Some(other), ..base }, &ours));
        assert!(!is_that(&Run { program: run("false").program, ..ours.clone() }, &ours));
    }
}
