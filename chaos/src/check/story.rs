//! Receives the pieces that belong together, gives what can be asked of one wish and of one command.

use ogent_protocol::event::Finished;
use ogent_protocol::{AgentId, CommandId, Event, EventKind, Outcome, OutputStream, Run};

use crate::evidence::{Behaviour, Micros, Phase, Told, Way, Witnessed};

/// What the load client wanted once, and what it heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    /// What it wanted; missing when the log is torn.
    pub(crate) offer: Option<Offer>,
    pub(crate) accepted: Vec<Yes>,
    /// Status and code.
    pub(crate) refused: Vec<(u16, String)>,
    pub(crate) unknown: usize,
    /// How often it asked to cancel it.
    pub(crate) cancels: usize,
}

/// What was wanted.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) at: Micros,
    pub(crate) agent: AgentId,
    pub(crate) way: Way,
    pub(crate) behaviour: Behaviour,
    pub(crate) timeout: Micros,
    pub(crate) start_by: Micros,
    pub(crate) max_output_bytes: Option<u64>,
}

/// An answer by which a command was taken.
#[derive(Debug, Clone)]
pub(crate) struct Yes {
    pub(crate) at: Micros,
    pub(crate) command: CommandId,
    pub(crate) outcome: Option<Outcome>,
}

/// All that is known of one command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    pub(crate) nonce: Option<String>,
    pub(crate) orders: Vec<Order>,
    /// When a wish to cancel it was stored.
    pub(crate) cancels: Vec<Micros>,
    /// In the order of the ledger.
    pub(crate) events: Vec<Stored>,
    pub(crate) witnessed: Vec<Witnessed>,
    pub(crate) told: Vec<Told>,
    /// Gateway, numbers, whether the stream came to its end.
    pub(crate) followed: Vec<(usize, Vec<u64>, bool)>,
}

/// An intent in COMMANDS.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) at: Micros,
    pub(crate) sequence: u64,
    pub(crate) agent: AgentId,
    pub(crate) run: Run,
}

/// An event in RESULTS.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) at: Micros,
    pub(crate) sequence: u64,
    pub(crate) event: Event,
}

/// The end of a command, as the ledger has it first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) at: Micros,
    pub(crate) agent: &'a AgentId,
    pub(crate) finished: &'a Finished,
}

// === impl Story ===

impl Story {
    /// Starts that the witness wrote down, by time.
    pub(crate) fn starts(&self) -> impl Iterator<Item = &Witnessed> {
        self.witnessed.iter().filter(|line| line.phase == Phase::Start)
    }

    /// Exit codes that the witness wrote down, and when.
    pub(crate) fn exits(&self) -> impl Iterator<Item = (Micros, i32)> {
        self.witnessed.iter().filter_map(|line| match line.phase {
            Phase::End { code } => Some((line.at, code)),
            Phase::Start => None,
        })
    }

    /// Its ends; there has to be one.
    pub(crate) fn ends(&self) -> impl Iterator<Item = End<'_>> {
        self.events.iter().filter_map(|stored| match &stored.event.kind {
            EventKind::Finished(finished) => Some(End { at: stored.at, agent: &stored.event.agent, finished }),
            _ => None,
        })
    }

    /// The first of them.
    pub(crate) fn end(&self) -> Option<End<'_>> {
        self.ends().next()
    }

    /// When it was claimed, if it was.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Stored> {
        self.events.iter().filter(|stored| matches!(stored.event.kind, EventKind::Accepted(_)))
    }

    /// The pieces of one stream of its output, in the order of the ledger.
    pub(crate) fn pieces(&self, stream: OutputStream) -> impl Iterator<Item = (u64, &[u8])> {
        let chunks = self.events.iter().flat_map(|stored| stored.event.kind.chunks());
        chunks.filter(move |chunk| chunk.stream == stream).map(|chunk| (chunk.offset, chunk.data.as_bytes()))
    }

    /// The first and the last moment at which anything happened about it.
    pub(crate) fn moments(&self) -> impl Iterator<Item = Micros> {
        let events = self.events.iter().map(|stored| stored.at);
        let orders = self.orders.iter().map(|order| order.at);
        events.chain(orders).chain(self.witnessed.iter().map(|line| line.at)).chain(self.cancels.iter().copied())
    }
}
