//! Receives everything that the ledger holds of one command, record by record, says who asked for it, who approved it, what
//! ran and what came out; or names the first thing that does not fit. No I/O: only the records and `trust.json` count,
//! and whoever has handed the records over need not be believed.
//!
//! ```text
//! approvals (a gateway signs) ──▶ intent (a gateway or a person signs) ──▶ event 0 ──▶ event 1 ──▶ …  (the agent signs)
//!              the same command, hash and approval        each names the hash of the one before it
//! ```

mod record;
mod report;

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::approval::{self, Proposed};
use ogent_protocol::event::{Accepted, Finished};
use ogent_protocol::rest::EvidenceRecord;
use ogent_protocol::subject::{APPROVALS, COMMANDS, RESULTS};
use ogent_protocol::{
    AgentId, Cancel, Cause, CommandId, Event, EventKind, Intent, Lifecycle, Link, ProposalEvent, ProposalKind,
    ProposalState, Purpose, Run, SignatureFault, SignedBy, SignerRole,
};

pub use report::{End, Misfit, Report, Step};

use super::{Asked, Verifier};
use record::Read;

/// How much longer than its time limit a command may take to get its end into the ledger before that counts as missing.
const END_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// Cancellations of one command that are remembered: the ledger holds one, or a few.
const MAX_CANCELS: usize = 64;

/// A proof that is being made: give it all records of the command, approvals first, then intents, then events.
pub struct Proof {
    verifier: Verifier,
    command: CommandId,
    agent: Option<AgentId>,
    /// Stream and sequence of the record before.
    at: (usize, u64),
    proposal: ProposalState,
    proposed: Option<Proposed>,
    decisions: u64,
    run: Option<(Run, SignedBy)>,
    cancels: HashSet<Link>,
    life: Lifecycle,
    events: u64,
    /// What the next event has to name.
    link: Option<Link>,
    /// The certificate that the events before carried.
    certificate: Option<String>,
    /// When a command that was claimed should have its end.
    due: Option<Timestamp>,
    report: Report,
}

// === impl Proof ===

impl Proof {
    /// Begins a proof of this command's history.
    #[must_use]
    pub fn new(verifier: Verifier, command: CommandId) -> Self {
        Self {
            verifier,
            report: Report::new(command.clone()),
            command,
            agent: None,
            at: (0, 0),
            proposal: ProposalState::default(),
            proposed: None,
            decisions: 0,
            run: None,
            cancels: HashSet::new(),
            life: Lifecycle::default(),
            events: 0,
            link: None,
            certificate: None,
            due: None,
        }
    }

    /// Takes the next record. After the first that does not fit, nothing counts any more.
    pub fn see(&mut self, record: &EvidenceRecord) {
        if self.report.misfit.is_none()
            && let Err(problem) = self.take(record)
        {
            self.report.misfit = Some(Misfit::of(record, problem));
        }
    }

    /// What has come out, once all records were seen.
    #[must_use]
    pub fn finish(mut self, now: Timestamp) -> Report {
        if self.report.misfit.is_none() {
            self.report.end = self.end();
            self.report.misfit = self.missing(now).map(Misfit::of_nothing);
        }
        self.report
    }

    fn take(&mut self, record: &EvidenceRecord) -> Result<(), String> {
        let rank = [APPROVALS, COMMANDS, RESULTS].iter().position(|stream| *stream == record.stream);
        let rank = rank.ok_or("it comes from no stream that holds history")?;
        if (rank, record.sequence) <= self.at && self.at.1 > 0 {
            return Err("it stands behind one that came later".to_owned());
        }
        self.at = (rank, record.sequence);
        let read = Read::of(record)?;
        let agent = read.about(rank, &self.command)?;
        if self.agent.get_or_insert_with(|| agent.clone()) != &agent {
            return Err(format!("it is for the agent {agent}, what stands before it is for another"));
        }
        match rank {
            0 => self.see_approval(&read, &agent),
            1 => self.see_intent(&read, &agent),
            _ => self.see_event(&read, &agent),
        }
    }

    fn signed_by(&self, read: &Read<'_>, purpose: Purpose) -> Result<SignedBy, String> {
        let seal = read.seal().and_then(|seal| seal.ok_or(SignatureFault::Unsigned)).map_err(text)?;
        let carried = self.certificate.as_deref().filter(|_| purpose == Purpose::Event);
        self.verifier.verify(purpose, &read.payload, &seal, carried, read.time).map_err(text)
    }

    // === approvals ===

    fn see_approval(&mut self, read: &Read<'_>, agent: &AgentId) -> Result<(), String> {
        let by = self.signed_by(read, Purpose::Approval)?;
        if by.role != SignerRole::Gateway {
            return Err(format!("only gateways write down decisions, but it is signed by {by}"));
        }
        let event: ProposalEvent = read.decode()?;
        if event.agent != *agent || event.command != self.command {
            return Err("it says that it is about another command".to_owned());
        }
        if event.n != self.decisions {
            return Err(format!("it is number {} of its kind, but number {} was to come", event.n, self.decisions));
        }
        self.decisions += 1;
        self.proposal = std::mem::take(&mut self.proposal).apply(&event.kind).map_err(text)?;
        if let ProposalKind::Proposed(proposed) = &event.kind {
            if proposed.hash != approval::hash(agent, &proposed.intent) {
                return Err("what it asks about is not what its hash names".to_owned());
            }
            self.proposed = Some((**proposed).clone());
        }
        self.report.add(Step::of_decision(read, &event, by));
        Ok(())
    }

    // === intents ===

    fn see_intent(&mut self, read: &Read<'_>, agent: &AgentId) -> Result<(), String> {
        let by = self.signed_by(read, Purpose::Intent)?;
        if !matches!(by.role, SignerRole::Gateway | SignerRole::Person) {
            return Err(format!("only gateways and people ask for commands, but it is signed by {by}"));
        }
        let intent = read.intent(&self.command)?;
        super::intent::says_who_it_is(Asked::from(&intent), &by).map_err(text)?;
        match intent.agent() {
            Some(named) if named == agent => {}
            Some(_) => return Err(text(SignatureFault::ForeignAgent)),
            None => return Err(text(SignatureFault::Incomplete("its agent"))),
        }
        match (intent, &self.run) {
            (Intent::Run(run), None) => self.see_run(read, *run, by),
            (Intent::Run(_), Some(_)) => Err("the command was asked for before".to_owned()),
            (Intent::Cancel(cancel), Some(_)) => self.see_cancel(read, &cancel, by),
            (Intent::Cancel(_), None) => Err("it cancels what nobody has asked for".to_owned()),
        }
    }

    fn see_run(&mut self, read: &Read<'_>, run: Run, by: SignedBy) -> Result<(), String> {
        if run.not_after.is_none() {
            return Err(text(SignatureFault::Incomplete("its not_after")));
        }
        self.check_approval(&run)?;
        self.link = Some(Link::to(&read.payload));
        self.report.add(Step::of_run(read, &run, by.clone()));
        self.run = Some((run, by));
        Ok(())
    }

    /// What was approved is what was sent, and what was not approved was not sent.
    fn check_approval(&self, run: &Run) -> Result<(), String> {
        match (&self.proposal, &run.approval) {
            (ProposalState::Unasked, None) => return Ok(()),
            (ProposalState::Unasked, Some(_)) => return Err("it holds an approval that nobody has given".to_owned()),
            (ProposalState::Approved(given), Some(held)) if given == held => {}
            (ProposalState::Approved(_), _) => return Err("it does not hold the approval that was given".to_owned()),
            (state, _) => return Err(format!("its proposal is {}, not approved", state.name())),
        }
        let asked = self.proposed.as_ref().ok_or("nobody has asked for its approval")?;
        let proposed = Run { agent: run.agent.clone(), ..asked.intent.clone() };
        if !run.asks_the_same(&proposed) || run.requested_by != proposed.requested_by {
            return Err("it is not what was approved".to_owned());
        }
        Ok(())
    }

    fn see_cancel(&mut self, read: &Read<'_>, cancel: &Cancel, by: SignedBy) -> Result<(), String> {
        if self.cancels.len() >= MAX_CANCELS || !self.cancels.insert(Link::to(&read.payload)) {
            return Err("it stands there before".to_owned());
        }
        self.report.add(Step::of_cancel(read, cancel, by));
        Ok(())
    }

    // === events ===

    fn see_event(&mut self, read: &Read<'_>, agent: &AgentId) -> Result<(), String> {
        let by = self.signed_by(read, Purpose::Event)?;
        if by.role != SignerRole::Agent || by.name != agent.as_str() {
            return Err(format!("only the agent {agent} tells of it, but it is signed by {by}"));
        }
        let event: Event = read.decode()?;
        if event.agent != *agent || event.command != self.command {
            return Err("it says that it is about another command".to_owned());
        }
        if event.n != self.events {
            return Err(format!("it is event number {}, but number {} was to come", event.n, self.events));
        }
        let Some((run, asked_by)) = &self.run else {
            return Err("nobody has asked for the command of which it tells".to_owned());
        };
        if event.previous.is_none() || event.previous != self.link {
            return Err("it does not follow what stands before it".to_owned());
        }
        self.life = self.life.apply(&event.kind).map_err(text)?;
        match &event.kind {
            EventKind::Accepted(accepted) => {
                check_accepted(accepted, run, asked_by)?;
                let timeout = SignedDuration::try_from(run.timeout).unwrap_or(SignedDuration::MAX);
                self.due = event.time.checked_add(timeout).and_then(|end| end.checked_add(END_WITHIN)).ok();
            }
            EventKind::Finished(end) => self.check_end(end)?,
            EventKind::Started(_) | EventKind::Output(_) => {}
        }
        self.events += 1;
        self.link = Some(Link::to(&read.payload));
        if let Ok(Some(seal)) = read.seal() {
            self.certificate = seal.certificate.or(self.certificate.take());
        }
        self.report.tell(read, &event, by);
        Ok(())
    }

    fn check_end(&self, end: &Finished) -> Result<(), String> {
        let is_cancelled = end.cause == Some(Cause::Cancelled);
        if is_cancelled && self.cancels.is_empty() {
            return Err("it says that the command was cancelled, but the ledger holds nobody's wish".to_owned());
        }
        Ok(())
    }

    // === the end ===

    fn end(&self) -> End {
        match (&self.run, self.life, &self.proposal) {
            (Some(_), Lifecycle::Ended(outcome), _) => End::Ended(outcome),
            (Some(_), _, _) | (None, _, ProposalState::Awaiting(_) | ProposalState::Approved(_)) => End::Open,
            (None, _, closed) => End::NeverSent(closed.name()),
        }
    }

    fn missing(&self, now: Timestamp) -> Option<String> {
        if self.at.1 == 0 {
            return Some("the ledger holds nothing of this command".to_owned());
        }
        let is_over = matches!(self.life, Lifecycle::Ended(_));
        let due = self.due.filter(|due| !is_over && *due < now)?;
        Some(format!("the command should have had its end by {due}, but the ledger holds none"))
    }
}

fn check_accepted(accepted: &Accepted, run: &Run, asked_by: &SignedBy) -> Result<(), String> {
    if accepted.intent != *run {
        return Err("the agent has claimed something else than what was asked for".to_owned());
    }
    match &accepted.signed_by {
        Some(seen) if seen != asked_by => Err(format!("the agent has seen the signature of {seen} instead")),
        _ => Ok(()),
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
