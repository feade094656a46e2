//! How the events of one command come into the ledger exactly once: the claim, the chain behind it, and what to do with
//! a claim that somebody else has made. Pure; the broker's answers come in, what to do next comes out.
//!
//! Each event names the sequence of the one before it, and the broker stores it only there (compare-and-set). Its
//! answer may be lost, and a request may arrive after its sender has given it up; so after every doubt the writer
//! looks back at what stands there. `tests/model.rs` tries every order of these for two agents with one id.
//!
//! ```text
//!            ┌── no answer: pause, again ──┐
//!            ▼                             │
//!   publish behind `last` ──▶ answer ──────┤
//!            ▲                  │ conflict └─ stored ──▶ Done
//!            │                  ▼
//!            └── Again ──── look back ──▶ Done (ours) · Taken (another's) · SetBack (the ledger has forgotten)
//! ```

use crate::event::EventKind;

/// Where a writer stands among the events of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Chain {
    n: u64,
    last: u64,
}

/// What the broker says of an event that it was asked to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is stored under this sequence.
    Stored(u64),
    /// Something else is the last one on the subject: under this sequence, where the broker says so. Zero: nothing.
    Conflict(Option<u64>),
    /// No answer. It may be stored, now or later.
    Unknown,
}

/// What a look at the last event of the command shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// No answer, or no event. A copy that lags behind says that too.
    Nothing,
    /// An event of this process.
    Own {
        /// Its sequence.
        sequence: u64,
        /// Whether it is the very event that is being written.
        same: bool,
    },
    /// An event of somebody else.
    Other {
        /// Its sequence.
        sequence: u64,
    },
    /// Something that nobody wrote as an event: it counts for nothing, but stands there.
    Stray {
        /// Its sequence.
        sequence: u64,
    },
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// The event is in the ledger, under this sequence.
    Done(u64),
    /// Publish it now, behind what [`Chain::last`] says.
    Again,
    /// Look at the last event; only one behind this sequence, or at it, tells anything.
    LookBack(u64),
    /// Pause, then publish it again.
    Pause,
    /// Somebody else writes about this command.
    Taken,
    /// The ledger does not hold any more what it had acknowledged: it was restored from an older copy.
    SetBack,
}

/// What becomes of a command that somebody has claimed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// It has ended.
    Ended,
    /// It is another's, which may be at work.
    Leave,
    /// Nobody will end it any more: end it as lost.
    EndAsLost,
}

// === impl Chain ===

impl Chain {
    /// Behind event number `n`, which stands at `sequence`.
    #[must_use]
    pub fn behind(n: u64, sequence: u64) -> Self {
        Self { n: n + 1, last: sequence }
    }

    /// Number of the next event.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The sequence behind which the next event has to come; 0 for the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// After the broker's answer.
    #[must_use]
    pub fn answered(&mut self, answer: Answer) -> Next {
        match answer {
            Answer::Stored(sequence) => self.stored(sequence),
            Answer::Conflict(Some(at)) if at < self.last => Next::SetBack,
            Answer::Conflict(at) => Next::LookBack(at.unwrap_or(0).max(self.last + 1)),
            Answer::Unknown => Next::Pause,
        }
    }

    /// After a look at the last event, which had to be at `least` or behind it.
    #[must_use]
    pub fn looked_back(&mut self, least: u64, found: Found) -> Next {
        match found {
            Found::Own { sequence, same: true } if sequence >= least => self.stored(sequence),
            // What somebody led there must not keep a command from its end: go on behind it. But a claim is the first
            // on its subject or none.
            Found::Stray { sequence } if sequence >= least && self.n > 0 => {
                self.last = sequence;
                Next::Again
            }
            Found::Own { sequence, .. } | Found::Other { sequence } | Found::Stray { sequence }
                if sequence >= least =>
            {
                Next::Taken
            }
            _ => Next::Pause,
        }
    }

    fn stored(&mut self, sequence: u64) -> Next {
        self.n += 1;
        self.last = sequence;
        Next::Done(sequence)
    }
}

// === impl Settlement ===

impl Settlement {
    /// What becomes of a command whose last event is this, for an agent that did not get it. `may_settle`: a claim
    /// without an end can only be that of an earlier life of this agent.
    #[must_use]
    pub fn of(last: &EventKind, may_settle: bool) -> Self {
        match (last, may_settle) {
            (EventKind::Finished(_), _) => Self::Ended,
            (_, true) => Self::EndAsLost,
            (_, false) => Self::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_acknowledgement_is_found_again() {
        let mut chain = Chain::default();
        assert_eq!(chain.answered(Answer::Unknown), Next::Pause);
        assert_eq!(chain.answered(Answer::Conflict(Some(7))), Next::LookBack(7));
        assert_eq!(chain.looked_back(7, Found::Own { sequence: 7, same: true }), Next::Done(7));
        assert_eq!((chain.n(), chain.last()), (1, 7));
    }

    #[test]
    fn a_copy_that_lags_behind_decides_nothing() {
        let mut chain = Chain::behind(0, 5);
        assert_eq!(chain.answered(Answer::Conflict(Some(9))), Next::LookBack(9));
        for stale in [Found::Nothing, Found::Other { sequence: 8 }, Found::Own { sequence: 5, same: true }] {
            assert_eq!(chain.looked_back(9, stale), Next::Pause);
        }
        assert_eq!(chain.looked_back(9, Found::Other { sequence: 9 }), Next::Taken);
    }

    #[test]
    fn a_ledger_that_forgets_is_noticed() {
        assert_eq!(Chain::behind(3, 9).answered(Answer::Conflict(Some(0))), Next::SetBack);
        assert_eq!(Chain::behind(3, 9).answered(Answer::Conflict(Some(4))), Next::SetBack);
        assert_eq!(Chain::behind(3, 9).answered(Answer::Conflict(None)), Next::LookBack(10));
    }

    #[test]
    fn what_was_led_there_is_passed() {
        let mut chain = Chain::behind(0, 5);
        assert_eq!(chain.looked_back(6, Found::Stray { sequence: 6 }), Next::Again);
        assert_eq!((chain.n(), chain.last()), (1, 6));
        assert_eq!(Chain::default().looked_back(1, Found::Stray { sequence: 6 }), Next::Taken);
    }
}
