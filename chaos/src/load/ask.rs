//! Receives an order, asks until it is clear whether it was taken, gives the command if it was.
//!
//! After a try that nobody answered, a clear refusal of the next one says nothing about the first: its bytes may still
//! be on their way in a pipe that is cut. So only a refusal without a doubt before it counts.

use std::time::Duration;

use ogent_protocol::{CommandId, Outcome};
use rand::Rng as _;
use tokio::time::{Instant, sleep};

use super::answer::{Answer, outcome};
use super::wish::Order;
use super::{Client, Way};

/// How long to try.
const TRY_FOR: Duration = Duration::from_secs(90);
/// And how long after the last moment of its start: from then on, whatever the answer, it does not run.
const TRY_BEYOND: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A command that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its id.
    pub(crate) command: CommandId,
    /// How it ended, if the answer told.
    pub(crate) outcome: Option<Outcome>,
}

/// What has been heard of one wish so far.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Why an earlier try may have been taken.
    doubt: Option<String>,
    /// Why the last try was not.
    last: (u16, String),
}

// === impl Client ===

impl Client {
    /// Asks until there is a clear answer, or no more time; writes down which.
    pub(crate) async fn ask(&self, order: &Order) -> Option<Taken> {
        let try_for = order.wish.start_within.map_or(TRY_FOR, |within| TRY_FOR.min(within + TRY_BEYOND));
        let give_up_at = Instant::now() + try_for;
        let mut doubts = Doubts::default();
        let mut pause = FIRST_PAUSE;
        for tries in 1.. {
            let asked = Instant::now();
            match self.try_once(order, tries).await {
                Answer::Taken { command, outcome } => {
                    self.book.accepted(&order.wish, &command, outcome, asked.elapsed(), tries);
                    return Some(Taken { command, outcome });
                }
                answer => {
                    if doubts.see(answer) || Instant::now() + pause >= self.give_up_at(give_up_at) {
                        break;
                    }
                }
            }
            let jitter = rand::rng().random_range(0.5..1.0);
            sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.settle(order, doubts);
        None
    }

    /// Writes down what became of a wish that was not taken.
    pub(super) fn settle(&self, order: &Order, doubts: Doubts) {
        match doubts.doubt {
            Some(problem) => self.book.unknown(&order.wish, &problem),
            None => self.book.refused(&order.wish, doubts.last.0, &doubts.last.1),
        }
    }

    async fn try_once(&self, order: &Order, tries: u32) -> Answer {
        let at = order.wish.gateway() + tries as usize - 1;
        match order.wish.way {
            Way::Nats => match self.person.execute(order).await {
                Answer::Exists => self.confirm(order).await,
                answer => answer,
            },
            Way::Rest { .. } | Way::Queued { .. } if tries == 1 && order.wish.is_doubled => {
                let (one, other) = tokio::join!(self.gateways.execute(at, order), self.gateways.execute(at + 1, order));
                one.and(other)
            }
            Way::Rest { .. } | Way::Queued { .. } => self.gateways.execute(at, order).await,
        }
    }

    /// An agent says that it has the command, but perhaps only on its way into the history: what a gateway shows is
    /// there.
    async fn confirm(&self, order: &Order) -> Answer {
        let command = order.wish.command();
        let mut status = 0;
        for at in 0..self.gateways.count() {
            match self.gateways.show(at, &command).await {
                Ok(view) => return Answer::Taken { command, outcome: outcome(view.status) },
                Err(other) => status = other,
            }
        }
        Answer::Unsure(format!("the agent has it, a gateway says {status}"))
    }
}

// === impl Doubts ===

impl Doubts {
    /// Takes in what a try has shown; whether that is the last word.
    pub(super) fn see(&mut self, answer: Answer) -> bool {
        match answer {
            Answer::Refused { status, code } => {
                self.last = (status, code);
                self.doubt.is_none()
            }
            Answer::NotSent(_) | Answer::LoggedOut => {
                self.last = (0, "unreachable".to_owned());
                false
            }
            Answer::Unsure(problem) => {
                self.doubt = Some(problem);
                false
            }
            Answer::Exists | Answer::Taken { .. } => {
                self.doubt = Some("it was taken".to_owned());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_after_a_doubt_is_none() {
        let refused = || Answer::Refused { status: 409, code: "agent_offline".to_owned() };
        let mut clear = Doubts::default();
        assert!(!clear.see(Answer::NotSent("nobody there".to_owned())));
        assert!(clear.see(refused()));
        assert_eq!((clear.doubt, clear.last.0), (None, 409));
        let mut doubtful = Doubts::default();
        assert!(!doubtful.see(Answer::Unsure("silence".to_owned())));
        assert!(!doubtful.see(refused()));
        assert_eq!(doubtful.doubt.as_deref(), Some("silence"));
    }
}
