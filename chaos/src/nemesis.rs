//! Receives a plan, carries it out on the stage, writes down what it did and how long healing took (`faults.jsonl`).

mod disk;
mod healing;
mod links;
mod parts;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::evidence::{FaultLine, Log, Micros, now};
use crate::load::Load;
use crate::plan::{Fault, Part, Plan, Step};
use crate::readers::{Reader, Slow};
use crate::rogue::{Rogue, Trick};
use crate::stage::{Stage, agent_id};
use healing::Causes;

/// Carries a plan out.
pub struct Nemesis {
    stage: Arc<Stage>,
    load: Load,
    rogue: Rogue,
    log: Log,
    causes: Causes,
    skipped: Mutex<Vec<String>>,
    /// The begin of the first fault and the end of the last one.
    span: Mutex<Option<(Micros, Micros)>>,
}

/// A fault whose cause is gone again.
#[derive(Debug, Clone, Copy)]
struct Done {
    from: Micros,
    count: u64,
    set_back_to: Option<Micros>,
}

// === impl Nemesis ===

impl Nemesis {
    /// One for this stage; it writes to `log`.
    #[must_use]
    pub fn new(stage: Arc<Stage>, load: Load, rogue: Rogue, log: Log) -> Self {
        let (causes, skipped, span) = (Causes::default(), Mutex::default(), Mutex::default());
        Self { stage, load, rogue, log, causes, skipped, span }
    }

    /// Does all that the plan says, and waits for all to heal. `began` is when the load began.
    pub async fn carry_out(self: Arc<Self>, plan: &Plan, began: Instant) {
        let mut tasks = JoinSet::new();
        for (number, step) in plan.steps.iter().cloned().enumerate() {
            sleep_until(began + step.at).await;
            tasks.spawn(Arc::clone(&self).fault(number, step));
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The begin of the first fault and the end of the last one, so far.
    #[must_use]
    pub fn span(&self) -> Option<(Micros, Micros)> {
        *self.span.lock().unwrap()
    }

    /// Faults that could not be done, and why.
    #[must_use]
    pub fn skipped(&self) -> Vec<String> {
        self.skipped.lock().unwrap().clone()
    }

    async fn fault(self: Arc<Self>, number: usize, step: Step) {
        let Step { lasts, fault, .. } = &step;
        let cause = self.causes.begin(fault.parts());
        let done = self.inflict(number, fault, *lasts).await;
        let (to, ended) = (now(), Instant::now());
        self.causes.end(cause, ended);
        let done = match done {
            Ok(done) => done,
            Err(problem) => {
                self.skipped.lock().unwrap().push(format!("{fault}: {problem}"));
                return;
            }
        };
        self.extend_span(done.from, to);
        let healed_after_us = self.healed(number, fault, cause, ended).await;
        self.log.write(&FaultLine {
            from: done.from,
            to,
            kind: fault.kind(),
            parts: fault.parts().iter().map(Part::to_string).collect(),
            can_lose: fault.can_lose().into_iter().map(agent_id).collect(),
            set_back_to: done.set_back_to,
            healed_after_us,
            count: done.count,
        });
    }

    fn extend_span(&self, from: Micros, to: Micros) {
        let mut span = self.span.lock().unwrap();
        *span = Some(span.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
    }

    /// Lets the fault happen and takes its cause away again.
    async fn inflict(&self, number: usize, fault: &Fault, lasts: Duration) -> Result<Done, String> {
        match fault {
            Fault::Kill(part) => self.kill(*part, lasts).await,
            Fault::Crash(agent) => self.crash(*agent, lasts).await,
            Fault::Pause(part) => self.pause(*part, lasts).await,
            Fault::Clone { agent, killed } => self.double(*agent, *killed, lasts).await,
            Fault::Clock(part, by) => self.misset(*part, *by, lasts).await,
            Fault::LinkDown(_) => self.unplug(lasts).await,
            Fault::Reset(part) => self.reset(*part, lasts).await,
            Fault::SetBack(by) => self.set_back(*by, lasts).await,
            Fault::FullDisk => self.fill_disk(lasts).await,
            Fault::Rogue => {
                let from = now();
                let trick = Trick::ALL[number % Trick::ALL.len()];
                Ok(Done::new(from, self.rogue.strike(trick, lasts).await))
            }
            Fault::SlowReaders => self.read_slowly(number, lasts).await,
            other => self.disturb(number, other, lasts).await,
        }
    }

    async fn read_slowly(&self, number: usize, lasts: Duration) -> Result<Done, String> {
        let from = now();
        let agent = agent_id(number % crate::plan::AGENTS);
        let mut readers = Vec::new();
        for (gateway, slow) in [(0, Slow::Sse), (1, Slow::WebSocket), (0, Slow::Nats)] {
            readers.push(Reader::start(slow, &self.load, gateway, &agent));
        }
        tokio::time::sleep(lasts).await;
        let count = readers.len() as u64;
        for reader in readers {
            let _ = reader.stop();
        }
        Ok(Done::new(from, count))
    }
}

// === impl Done ===

impl Done {
    fn new(from: Micros, count: u64) -> Self {
        Self { from, count, set_back_to: None }
    }
}
