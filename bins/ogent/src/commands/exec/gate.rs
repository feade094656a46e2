//! Receives what is said of a command's risk before it runs, tells the user: what it would do, who has to approve it,
//! why it is refused.

use jiff::Timestamp;
use ogent_protocol::approval::ProposalKind;
use ogent_protocol::rest::{ApprovalView, DryRun};
use ogent_protocol::{CommandStatus, Ruling, Verdict};

use crate::client::{ClientError, Submitted};
use crate::output::format::Format;
use crate::output::verdict::{self, Extent, Judged};
use crate::output::{Output, WriteError, humane};

/// Shows what would become of a command.
///
/// # Errors
/// When it cannot be written.
pub(super) fn dry_run(answer: &DryRun, format: Format, out: &Output) -> Result<(), WriteError> {
    let nothing = Verdict::default();
    let verdict = answer.verdict.as_ref().unwrap_or(&nothing);
    out.shown(format, answer, |look| judged(verdict, Some(&answer.ruling), &answer.command).text(look))
}

/// Shows why a command was refused, where it was for its risk. The error itself is still to be told.
pub(super) fn show_refusal(error: &ClientError, command: &str, out: &Output) {
    let ClientError::Refused(problem) = error else { return };
    if let Some(verdict) = &problem.verdict {
        show_verdict(verdict, problem.ruling.as_ref(), command, out);
    }
    if let Some(id) = &problem.command_id {
        out.hint_to_person(&format!("it is in the history: ogent show {id}"));
    }
}

/// Says that a command waits for its approval, where it does; and that it would, where a policy only advises.
pub(super) fn show_wait(submitted: &Submitted, command: &str, is_waited_for: bool, out: &Output) {
    if submitted.status != Some(CommandStatus::AwaitingApproval) {
        if let Some(ruling) = submitted.ruling.as_ref().filter(|ruling| ruling.enforced > ruling.decision) {
            out.hint_to_person(&verdict::in_words(ruling));
        }
        return;
    }
    if let Some(verdict) = &submitted.verdict {
        show_verdict(verdict, submitted.ruling.as_ref(), command, out);
    }
    out.warning(&waiting(submitted.approval.as_ref(), Timestamp::now()));
    out.hint(&format!("somebody else who may approve it looks at it with: ogent approve {}", submitted.id));
    if is_waited_for {
        out.hint_to_person("this program waits for that; Ctrl-C withdraws the command");
    }
}

/// Shows a verdict beside the output of commands.
pub(super) fn show_verdict(verdict: &Verdict, ruling: Option<&Ruling>, command: &str, out: &Output) {
    out.say_shown(|look| format!("{}\n", judged(verdict, ruling, command).text(look)));
}

/// What has happened to the question whether a command may run. Nothing where that was told already, or is told as the
/// command's end.
pub(crate) fn news(kind: &ProposalKind) -> Option<String> {
    match kind {
        ProposalKind::Approved(approval) => {
            let reason = approval.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(format!("approved by {}{reason}", approval.by))
        }
        ProposalKind::Proposed(_)
        | ProposalKind::Denied(_)
        | ProposalKind::Expired(_)
        | ProposalKind::Withdrawn(_)
        | ProposalKind::Blocked(_) => None,
    }
}

fn waiting(approval: Option<&ApprovalView>, now: Timestamp) -> String {
    let until = approval.and_then(|approval| approval.expires_at).map(|end| {
        let left = std::time::Duration::try_from(end.duration_since(now)).unwrap_or_default();
        format!(", until {} ({})", humane::moment(end), humane::duration(left))
    });
    format!("the command waits for somebody else to approve it{}", until.unwrap_or_default())
}

fn judged<'a>(verdict: &'a Verdict, ruling: Option<&'a Ruling>, command: &'a str) -> Judged<'a> {
    Judged { command, level: verdict.level, verdict, ruling, advice: None, extent: Extent::Excerpt }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_end_of_the_wait_is_said() {
        let view: ApprovalView =
            serde_json::from_value(json!({"state": "awaiting", "expires_at": "2026-05-01T08:30:00Z"})).unwrap();
        let now = "2026-05-01T08:00:00Z".parse().unwrap();
        assert_eq!(
            waiting(Some(&view), now),
            "the command waits for somebody else to approve it, until 2026-05-01T08:30:00.000Z (30m0s)"
        );
        assert!(waiting(Some(&view), "2026-05-01T09:00:00Z".parse().unwrap()).ends_with("(0ms)"));
        assert_eq!(waiting(None, now), "the command waits for somebody else to approve it");
    }

    #[test]
    fn of_an_approval_is_said_who_and_why() {
        let approved = |reason: Option<&str>| {
            let data = json!({"by": "bob", "at": "2026-05-01T08:30:00Z", "reason": reason, "hash": "0"});
            news(&serde_json::from_value(json!({"type": "ogent.approval.approved", "data": data})).unwrap())
        };
        assert_eq!(approved(Some("go")).unwrap(), "approved by bob: go");
        assert_eq!(approved(None).unwrap(), "approved by bob");
    }
}
