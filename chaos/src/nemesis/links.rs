//! Faults of what lies between a part and the broker: links and single messages.

use std::time::Duration;

use ogent_protocol::subject;
use ogent_testkit::{Action, Direction, Link, Match, Rule};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Done, Nemesis};
use crate::evidence::now;
use crate::plan::{Fault, Part, Silenced, Twist};
use crate::stage::agent_id;

/// Pause between two resets of the same connections.
const RESET_EVERY: Duration = Duration::from_secs(1);

impl Nemesis {
    /// Everything that stays as it is for a while.
    pub(super) async fn disturb(&self, number: usize, fault: &Fault, lasts: Duration) -> Result<Done, String> {
        let from = now();
        let wire = self.stage.wire(fault.parts()[0]);
        let before = wire.touched();
        let is_link = match (link(fault), rule(fault)) {
            (Some(link), _) => {
                wire.disturb(number, link);
                true
            }
            (None, Some(rule)) => {
                wire.twist(number, vec![rule]);
                false
            }
            (None, None) => return Err("the nemesis does not know it".to_owned()),
        };
        sleep(lasts).await;
        wire.heal(number);
        Ok(Done::new(from, if is_link { 1 } else { wire.touched() - before }))
    }

    pub(super) async fn reset(&self, part: Part, lasts: Duration) -> Result<Done, String> {
        let from = now();
        let (wire, end) = (self.stage.wire(part), Instant::now() + lasts);
        let mut count = 0;
        while Instant::now() < end {
            count += wire.reset();
            sleep_until(end.min(Instant::now() + RESET_EVERY)).await;
        }
        Ok(Done::new(from, count))
    }

    pub(super) async fn unplug(&self, lasts: Duration) -> Result<Done, String> {
        let namespace = self.stage.namespace().ok_or("there is no network namespace")?;
        let from = now();
        namespace.set_link(false)?;
        sleep(lasts).await;
        namespace.set_link(true)?;
        Ok(Done::new(from, 1))
    }
}

fn link(fault: &Fault) -> Option<Link> {
    Some(match fault {
        Fault::Cut(_) => Link::Cut,
        Fault::HalfOpen(_, Silenced::Part) => Link::HalfOpen(Direction::ToServer),
        Fault::HalfOpen(_, Silenced::Broker) => Link::HalfOpen(Direction::ToClient),
        Fault::Slow(_, delay) => Link::Slow { delay: *delay, jitter: *delay / 4 },
        Fault::Trickle(_, bytes) => Link::Trickle { bytes_per_second: *bytes },
        Fault::Refuse(_) => Link::Refused,
        _ => return None,
    })
}

fn rule(fault: &Fault) -> Option<Rule> {
    Some(match fault {
        Fault::LoseAcks(_, every) => Rule { on: Match::PubAck, action: Action::Drop, every: *every },
        Fault::Deliveries(agent, twist, every) => {
            let action = match twist {
                Twist::Drop => Action::Drop,
                Twist::Double => Action::Duplicate,
                Twist::Swap => Action::Swap,
                Twist::Replay(after) => Action::Replay(*after),
            };
            Rule { on: Match::Delivered(subject::exec(&agent_id(*agent))), action, every: *every }
        }
        _ => return None,
    })
}
