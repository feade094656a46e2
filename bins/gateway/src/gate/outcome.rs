//! Receives a proposal, gives what people are shown of it: the same as of a command.

use jiff::Timestamp;
use ogent_broker::ProposalRecord;
use ogent_protocol::rest::{ApprovalState, ApprovalView, CommandResult, CommandView};
use ogent_protocol::{Cause, CommandStatus, ProposalState};

use super::is_too_late;

/// What people see of a proposal. An approved one is about to be a command.
#[must_use]
pub(crate) fn view(record: &ProposalRecord) -> CommandView {
    let mut view = CommandView::queued(&record.agent, &record.run, record.stored_at);
    let (status, cause, message) = standing(record);
    view.status = status;
    view.cause = cause;
    view.message = message;
    view.risk = Some(record.verdict.level);
    view.verdict = Some(Box::new(record.verdict.clone()));
    view.ruling = Some(record.ruling.clone());
    view.approval = approval(record, status);
    if status.is_final() {
        let decided_at = record.decision.as_ref().map(|decision| decision.time);
        view.finished_at = decided_at.or(record.expires_at).or(Some(record.opened_at));
    }
    view
}

/// The end of a proposal that never becomes a command, as `execute` answers it. `None` while it may.
#[must_use]
pub(crate) fn result(record: &ProposalRecord) -> Option<CommandResult> {
    let (status, cause, message) = standing(record);
    status.is_final().then(|| CommandResult {
        id: record.run.id.clone(),
        agent_id: record.agent.clone(),
        status,
        exit_code: None,
        signal: None,
        stdout: "".into(),
        stderr: "".into(),
        stdout_bytes: 0,
        stderr_bytes: 0,
        stdout_cut: 0,
        stderr_cut: 0,
        truncated: false,
        duration_ms: None,
        cause,
        message,
        verdict: Some(Box::new(record.verdict.clone())),
        ruling: Some(record.ruling.clone()),
        approval: approval(record, status),
    })
}

/// How far the approval of a waiting proposal is.
#[must_use]
pub(crate) fn approval(record: &ProposalRecord, status: CommandStatus) -> Option<ApprovalView> {
    let mut view = ApprovalView::of(&record.state, record.hash.as_deref(), record.expires_at)?;
    if status == CommandStatus::Expired && view.state == ApprovalState::Awaiting {
        view.state = ApprovalState::Expired;
    }
    Some(view)
}

fn standing(record: &ProposalRecord) -> (CommandStatus, Option<Cause>, Option<String>) {
    let told = |what: &str, by: &str, reason: &Option<String>| match reason {
        Some(reason) => Some(format!("{what} by {by}: {reason}")),
        None => Some(format!("{what} by {by}")),
    };
    let expired = (CommandStatus::Expired, Some(Cause::NotApproved), Some("nobody approved it in time".to_owned()));
    match &record.state {
        // It counts as expired from that moment on, also before somebody writes it down.
        ProposalState::Awaiting(terms) if terms.expires_at <= Timestamp::now() => expired,
        ProposalState::Unasked | ProposalState::Awaiting(_) => (CommandStatus::AwaitingApproval, None, None),
        ProposalState::Approved(_) if is_too_late(record, Timestamp::now()) => {
            let message = "it was approved, but not sent in time".to_owned();
            (CommandStatus::Expired, Some(Cause::TooLate), Some(message))
        }
        ProposalState::Approved(_) => (CommandStatus::Queued, None, None),
        ProposalState::Denied(one) => {
            (CommandStatus::Denied, Some(Cause::Denied), told("denied", &one.by, &one.reason))
        }
        ProposalState::Withdrawn(one) => {
            (CommandStatus::Cancelled, Some(Cause::Cancelled), told("cancelled", &one.by, &one.reason))
        }
        ProposalState::Expired(_) => expired,
        ProposalState::Blocked => {
            let message = format!("policy refuses it: {}", record.ruling.because);
            (CommandStatus::Rejected, Some(Cause::Risk), Some(message))
        }
    }
}
