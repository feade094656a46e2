//! What a proof has shown, for people and programs.

use jiff::Timestamp;
use ogent_protocol::rest::EvidenceRecord;
use ogent_protocol::{
    Cancel, CommandId, CommandStatus, Event, EventKind, Outcome, ProposalEvent, ProposalKind, Run, SignedBy,
};
use serde::Serialize;

use super::record::Read;

/// Steps that are told of one by one: a command has its few. Output is counted.
const MAX_STEPS: usize = 256;

/// What the history of one command proves.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Which command.
    pub command: CommandId,
    /// What happened, in order, as far as it fits.
    pub steps: Vec<Step>,
    /// Pieces of output, each signed and in its place.
    pub output_events: u64,
    /// How it came out, as far as everything fits.
    pub end: End,
    /// The first thing that does not fit.
    pub misfit: Option<Misfit>,
}

/// One thing that happened, and who has signed that it did.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Where it is kept.
    pub stream: String,
    /// Under which sequence.
    pub sequence: u64,
    /// When, as the one who has signed it says.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// Who has signed it.
    pub signed_by: SignedBy,
}

/// How a command came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It has ended like this.
    Ended(Outcome),
    /// It was never sent: what became of its proposal.
    NeverSent(&'static str),
    /// It has no end yet.
    Open,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// The stream of the record; absent where one is missing.
    pub stream: Option<String>,
    /// Its sequence.
    pub sequence: Option<u64>,
    /// What is wrong with it.
    pub problem: String,
}

// === impl Report ===

impl Report {
    pub(super) fn new(command: CommandId) -> Self {
        Self { command, steps: Vec::new(), output_events: 0, end: End::Open, misfit: None }
    }

    pub(super) fn add(&mut self, step: Step) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(step);
        }
    }

    pub(super) fn tell(&mut self, read: &Read<'_>, event: &Event, by: SignedBy) {
        let what = match &event.kind {
            EventKind::Output(_) => {
                self.output_events += 1;
                return;
            }
            EventKind::Accepted(accepted) => match &accepted.signed_by {
                Some(asked) => format!("claimed by {}, which has checked {}'s signature", event.agent, asked.name),
                None => format!("claimed by {}, which has checked no signature", event.agent),
            },
            EventKind::Started(started) => format!("started as process {}", started.pid),
            EventKind::Finished(end) => {
                let code = end.exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
                let message = end.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
                let (out, err) = (end.stdout.bytes, end.stderr.bytes);
                format!(
                    "{}{code}, {out} bytes on stdout, {err} on stderr{message}",
                    CommandStatus::from(end.outcome).as_str()
                )
            }
        };
        self.add(Step::new(read, event.time, what, by));
    }
}

// === impl Step ===

impl Step {
    fn new(read: &Read<'_>, at: Timestamp, what: String, signed_by: SignedBy) -> Self {
        let record = read.record();
        Self { stream: record.stream.clone(), sequence: record.sequence, at, what, signed_by }
    }

    pub(super) fn of_run(read: &Read<'_>, run: &Run, by: SignedBy) -> Self {
        let who = run.requested_by.as_deref().unwrap_or(&by.name);
        let approved = run.approval.as_ref().map(|given| format!(", approved by {}", given.by)).unwrap_or_default();
        let what = format!("asked for by {who}{approved}: {}", run.program);
        Self::new(read, run.requested_at.unwrap_or(read.time), what, by)
    }

    pub(super) fn of_cancel(read: &Read<'_>, cancel: &Cancel, by: SignedBy) -> Self {
        let who = cancel.requested_by.as_deref().unwrap_or(&by.name);
        let what = format!("cancellation asked for by {who}");
        Self::new(read, cancel.requested_at.unwrap_or(read.time), what, by)
    }

    pub(super) fn of_decision(read: &Read<'_>, event: &ProposalEvent, by: SignedBy) -> Self {
        let what = match &event.kind {
            ProposalKind::Proposed(proposed) => {
                let who = proposed.intent.requested_by.as_deref().unwrap_or("nobody");
                format!("proposed by {who}: {}", proposed.intent.program)
            }
            ProposalKind::Approved(approval) => format!("approved by {}", approval.by),
            ProposalKind::Denied(refusal) => format!("denied by {}", refusal.by),
            ProposalKind::Withdrawn(refusal) => format!("withdrawn by {}", refusal.by),
            ProposalKind::Expired(_) => "expired: nobody decided in time".to_owned(),
            ProposalKind::Blocked(_) => "refused by policy".to_owned(),
        };
        Self::new(read, event.time, what, by)
    }
}

// === impl Misfit ===

impl Misfit {
    pub(super) fn of(record: &EvidenceRecord, problem: String) -> Self {
        Self { stream: Some(record.stream.clone()), sequence: Some(record.sequence), problem }
    }

    pub(super) fn of_nothing(problem: String) -> Self {
        Self { stream: None, sequence: None, problem }
    }
}
