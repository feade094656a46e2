//! Which commands wait, run and have ended, as far as this agent knows. No I/O.
//!
//! The ledger is the truth; this is the part of it that the agent has looked at. `caught_up` is the sequence up to
//! which it has read the ledger without gaps; beyond it, it knows what the bell told.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use ogent_broker::sign::Original;
use ogent_protocol::{Cancel, CommandId, Run};
use tokio::sync::watch;

/// Commands that wait in memory. The ledger keeps those that come on top until there is room.
pub(crate) const MAX_WAITING: usize = 1024;
/// Commands beyond `caught_up` that have ended. More than that, and it is time to read the ledger.
const MAX_DONE: usize = 4096;
/// Cancellations that came before their command.
const MAX_EARLY: usize = 256;

/// What the agent has taken on.
#[derive(Debug)]
pub(crate) struct Queue {
    max_running: usize,
    caught_up: u64,
    waiting: VecDeque<Waiting>,
    running: HashMap<CommandId, Running>,
    /// Commands beyond `caught_up` that have ended.
    done: BTreeSet<(u64, CommandId)>,
    /// Sequences of commands that wait or run, and of those whose end is not known.
    open: BTreeSet<(u64, CommandId)>,
    /// The names of both: a command is known by its name, because a sequence in a message may be made up.
    ids: HashSet<CommandId>,
    early: HashMap<CommandId, Cancel>,
    was_full: bool,
}

/// A command as it came.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) run: Run,
    /// Its exact bytes, and its signature.
    pub(crate) original: Original,
    /// Whether it was read from the ledger, and not only announced by the bell, which anybody may ring who may publish here.
    pub(crate) was_read: bool,
}

/// A command that waits its turn.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) sequence: u64,
    pub(crate) order: Order,
    /// Whether a claim without an end can only be that of an earlier life.
    pub(crate) may_settle: bool,
    /// Whether it stands where the ledger has been read already.
    pub(crate) is_old: bool,
    /// Set when it is there only to be ended as cancelled.
    cancelled: Option<Cancel>,
}

#[derive(Debug)]
struct Running {
    sequence: u64,
    cancel: watch::Sender<Option<Cancel>>,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It waits now.
    Taken,
    /// It was known before.
    Known,
    /// There is no room; the ledger keeps it.
    Full,
}

/// What a cancellation met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// A command that runs, or waits.
    Found,
    /// A command that has ended.
    Ended,
    /// Nothing: perhaps its command is still to come.
    Unknown,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new(max_running: usize, settled_through: u64) -> Self {
        Self {
            max_running,
            caught_up: settled_through,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            done: BTreeSet::new(),
            open: BTreeSet::new(),
            ids: HashSet::new(),
            early: HashMap::new(),
            was_full: false,
        }
    }

    /// Whether the ledger has been read beyond this command, and it is not known: it has ended and was forgotten here,
    /// or the ledger was restored from an older copy and has given its sequence out a second time.
    pub(crate) fn is_old(&self, sequence: u64, id: &CommandId) -> bool {
        sequence <= self.caught_up && !self.ids.contains(id)
    }

    /// A command of which the bell told. Where it is old, its claim will tell.
    pub(crate) fn offer(&mut self, sequence: u64, order: impl Into<Order>, may_settle: bool) -> Offer {
        // Older commands wait in the ledger for want of room: new ones must not overtake them.
        if self.was_full { Offer::Full } else { self.take(sequence, order.into(), may_settle) }
    }

    /// A command that was read from the ledger.
    pub(crate) fn offer_read(&mut self, sequence: u64, order: impl Into<Order>, may_settle: bool) -> Offer {
        if sequence <= self.caught_up { Offer::Known } else { self.take(sequence, order.into(), may_settle) }
    }

    fn take(&mut self, sequence: u64, order: Order, may_settle: bool) -> Offer {
        let id = order.run.id.clone();
        if self.ids.contains(&id) {
            return Offer::Known;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.was_full = true;
            return Offer::Full;
        }
        let cancelled = self.early.remove(&id);
        self.open.insert((sequence, id.clone()));
        self.ids.insert(id);
        let is_old = sequence <= self.caught_up;
        self.waiting.push_back(Waiting { sequence, order, may_settle, is_old, cancelled });
        Offer::Taken
    }

    /// Whether the command waits, runs, or has ended a short while ago.
    pub(crate) fn knows(&self, id: &CommandId) -> bool {
        self.ids.contains(id)
    }

    /// The next command whose turn it is, and where its cancellation will come from.
    pub(crate) fn start(&mut self) -> Option<(Waiting, watch::Receiver<Option<Cancel>>)> {
        // One that only has to be ended as cancelled takes nobody's place.
        let cancelled = self.waiting.iter().position(|one| one.cancelled.is_some());
        let next = match cancelled {
            Some(at) => self.waiting.remove(at)?,
            None if self.running.len() < self.max_running => self.waiting.pop_front()?,
            None => return None,
        };
        let (cancel, receiver) = watch::channel(next.cancelled.clone());
        self.running.insert(next.order.run.id.clone(), Running { sequence: next.sequence, cancel });
        Some((next, receiver))
    }

    /// A command is over. Where its end could not be written, it stays open for the next life.
    pub(crate) fn finish(&mut self, id: &CommandId, is_settled: bool) {
        let Some(running) = self.running.remove(id) else { return };
        let entry = (running.sequence, id.clone());
        if !is_settled {
            return;
        }
        self.open.remove(&entry);
        if running.sequence > self.caught_up {
            self.done.insert(entry);
        } else {
            self.ids.remove(id);
        }
    }

    /// A command was made up: there is none of that name.
    pub(crate) fn forget(&mut self, id: &CommandId) {
        if let Some(running) = self.running.remove(id) {
            self.open.remove(&(running.sequence, id.clone()));
            self.ids.remove(id);
        }
    }

    /// A command that had stayed open has its end now.
    pub(crate) fn settled(&mut self, id: &CommandId) {
        // Unless it is here again, after the ledger was set back.
        if self.running.contains_key(id) || self.waiting.iter().any(|one| one.order.run.id == *id) {
            return;
        }
        self.open.retain(|(_, open)| open != id);
        if !self.done.iter().any(|(_, done)| done == id) {
            self.ids.remove(id);
        }
    }

    pub(crate) fn cancel(&mut self, cancel: Cancel) -> Cancelled {
        if let Some(running) = self.running.get(&cancel.id) {
            running.cancel.send_if_modified(|wish| {
                let is_first = wish.is_none();
                wish.get_or_insert(cancel);
                is_first
            });
            return Cancelled::Found;
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|one| one.order.run.id == cancel.id) {
            waiting.cancelled.get_or_insert(cancel);
            return Cancelled::Found;
        }
        if self.ids.contains(&cancel.id) {
            return Cancelled::Ended;
        }
        if self.early.len() < MAX_EARLY {
            self.early.insert(cancel.id.clone(), cancel);
        }
        Cancelled::Unknown
    }

    /// The ledger has been read without gaps up to `sequence`: what was kept to recognise it can be forgotten.
    pub(crate) fn caught_up_to(&mut self, sequence: u64) {
        if sequence > self.caught_up {
            self.caught_up = sequence;
            while let Some(first) = self.done.pop_first() {
                if first.0 > sequence {
                    self.done.insert(first);
                    break;
                }
                self.ids.remove(&first.1);
            }
        }
    }

    /// The ledger has been read to its end: a cancellation whose command has not come belongs to none.
    pub(crate) fn caught_up_fully(&mut self) {
        self.was_full = false;
        self.early.clear();
        // Everything that was stored until now is below `caught_up`. What is not was stored just now, and if it is
        // offered again its claim tells that it has ended; or its sequence was made up.
        for (_, id) in std::mem::take(&mut self.done) {
            self.ids.remove(&id);
        }
    }

    /// The ledger was restored from an older copy: what lies up to `distance` before where it has been read has to be
    /// read again.
    pub(crate) fn set_back(&mut self, distance: u64) {
        self.caught_up = self.caught_up.saturating_sub(distance);
        self.done.clear();
        // What could not be settled gets another chance.
        let is_here =
            |id: &CommandId| self.running.contains_key(id) || self.waiting.iter().any(|one| one.order.run.id == *id);
        self.open.retain(|(_, id)| is_here(id));
        self.ids = self.open.iter().map(|(_, id)| id.clone()).collect();
    }

    pub(crate) fn caught_up(&self) -> u64 {
        self.caught_up
    }

    /// The sequence up to which everything of this agent has ended.
    pub(crate) fn settled_through(&self) -> u64 {
        match self.open.first() {
            Some((first, _)) => self.caught_up.min(first.saturating_sub(1)),
            None => self.caught_up,
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the ledger may hold commands for which there was no room, and there is some now.
    pub(crate) fn has_room_again(&self) -> bool {
        self.was_full && self.waiting.len() <= MAX_WAITING / 2
    }

    /// Whether it is time to read the ledger, to be able to forget.
    pub(crate) fn remembers_much(&self) -> bool {
        self.done.len() >= MAX_DONE || self.early.len() >= MAX_EARLY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::{Intent, IntentWire};
    use proptest::prelude::*;

    fn run(id: &str) -> Run {
        let wire = IntentWire { command: Some("true".into()), ..IntentWire::default() };
        match wire.admit(|| id.parse().unwrap()).unwrap() {
            Intent::Run(run) => *run,
            Intent::Cancel(_) => unreachable!(),
        }
    }

    impl From<Run> for Order {
        fn from(run: Run) -> Self {
            Self { run, original: Original::of_payload(b"{}"), was_read: true }
        }
    }

    fn cancel(id: &str) -> Cancel {
        Cancel { id: id.parse().unwrap(), agent: None, requested_by: None, requested_at: None, reason: None }
    }

    #[test]
    fn a_cancellation_may_come_first() {
        let mut queue = Queue::new(1, 0);
        assert_eq!(queue.cancel(cancel("a")), Cancelled::Unknown);
        queue.offer(1, run("a"), false);
        let (_, wish) = queue.start().unwrap();
        assert!(wish.borrow().is_some());
    }

    #[test]
    fn what_was_cancelled_takes_nobody_s_place() {
        let mut queue = Queue::new(1, 0);
        for (sequence, id) in [(1, "a"), (2, "b"), (3, "c")] {
            queue.offer(sequence, run(id), false);
        }
        assert_eq!(queue.start().unwrap().0.order.run.id.as_str(), "a");
        assert!(queue.start().is_none());
        assert_eq!(queue.cancel(cancel("c")), Cancelled::Found);
        assert_eq!(queue.start().unwrap().0.order.run.id.as_str(), "c");
        assert!(queue.start().is_none());
    }

    #[test]
    fn a_ledger_that_was_set_back_is_read_again() {
        let mut queue = Queue::new(2, 0);
        queue.offer(5, run("ended"), false);
        queue.offer(6, run("running"), false);
        for id in ["ended", "running"] {
            assert_eq!(queue.start().unwrap().0.order.run.id.as_str(), id);
        }
        queue.finish(&"ended".parse().unwrap(), true);
        queue.caught_up_to(9);
        assert!(queue.is_old(5, &"new".parse().unwrap()) && !queue.is_old(6, &"running".parse().unwrap()));
        queue.set_back(100);
        assert_eq!(queue.offer_read(5, run("new"), true), Offer::Taken);
        assert_eq!(queue.offer_read(6, run("running"), true), Offer::Known);
        assert_eq!(queue.offer_read(7, run("ended"), true), Offer::Taken, "its claim will tell");
    }

    #[test]
    fn what_could_not_be_settled_stays_open() {
        let mut queue = Queue::new(2, 0);
        queue.offer(5, run("a"), false);
        queue.offer(6, run("b"), false);
        queue.caught_up_to(6);
        assert_eq!(queue.settled_through(), 4);
        let (first, _) = queue.start().unwrap();
        queue.start().unwrap();
        queue.finish(&first.order.run.id, true);
        assert_eq!(queue.settled_through(), 5);
        let second = "b".parse().unwrap();
        queue.finish(&second, false);
        assert_eq!(queue.settled_through(), 5);
        assert!(queue.knows(&second));
        queue.settled(&second);
        assert_eq!(queue.settled_through(), 6);
        assert!(!queue.knows(&second));
    }

    proptest! {
        /// Bells and reads of the ledger in any order, with doubles: each command is started at most once. (Where
        /// sequences are made up, it is the claim that says no.)
        #[test]
        fn nothing_starts_twice(offers in proptest::collection::vec((1u64..20, any::<bool>(), any::<bool>()), 0..200)) {
            let mut queue = Queue::new(3, 0);
            let mut started = std::collections::HashSet::new();
            let mut runs = VecDeque::new();
            for (sequence, read_ledger, finish) in offers {
                if read_ledger {
                    for one in queue.caught_up() + 1..=sequence {
                        queue.offer_read(one, run(&format!("c{one}")), false);
                    }
                    queue.caught_up_to(sequence);
                } else if !queue.is_old(sequence, &format!("c{sequence}").parse().unwrap()) {
                    queue.offer(sequence, run(&format!("c{sequence}")), false);
                }
                while let Some((next, _)) = queue.start() {
                    prop_assert!(started.insert(next.order.run.id.clone()), "{} started twice", next.order.run.id);
                    runs.push_back(next.order.run.id);
                }
                prop_assert!(queue.running() <= 3);
                if let (true, Some(id)) = (finish, runs.pop_front()) {
                    queue.finish(&id, true);
                }
                prop_assert!(queue.settled_through() <= queue.caught_up());
            }
        }
    }
}
