//! Receives commands from two streams, newest first each, gives one page of them, newest first.
//!
//! A stream may have looked through much and found little. What the other one has is only shown down to the moment that
//! this one has looked through, so that nothing older comes before something newer.

use std::collections::VecDeque;

use jiff::Timestamp;
use ogent_protocol::rest::CommandView;

/// A command with its place in its stream.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) sequence: u64,
    pub(super) view: CommandView,
}

/// What one look into a stream has found.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Newest first.
    pub(super) rows: Vec<Row>,
    /// Where the next look begins; `None` at the end.
    pub(super) next_before: Option<u64>,
    /// The oldest moment that was looked at.
    pub(super) reached: Option<Timestamp>,
}

/// One of the two streams.
#[derive(Debug)]
pub(super) struct Source {
    rows: VecDeque<Row>,
    /// Where the next look begins: `None` before the first one.
    before: Option<u64>,
    /// Whether there is nothing behind what is in `rows`.
    is_read: bool,
    reached: Timestamp,
}

/// A page as it fills.
#[derive(Debug)]
pub(super) struct Page {
    rows: Vec<CommandView>,
    limit: usize,
}

/// A place before which there is nothing.
const THE_END: u64 = 0;

// === impl Source ===

impl Source {
    /// From where the page before has ended; from the newest on without one. What is not wanted has ended.
    pub(super) fn from(before: Option<u64>, is_wanted: bool) -> Self {
        let is_read = !is_wanted || before == Some(THE_END);
        Self { rows: VecDeque::new(), before, is_read, reached: Timestamp::MAX }
    }

    /// Whether another look is needed to know what comes next.
    pub(super) fn is_dry(&self) -> bool {
        self.rows.is_empty() && !self.is_read
    }

    pub(super) fn has_ended(&self) -> bool {
        self.rows.is_empty() && self.is_read
    }

    pub(super) fn before(&self) -> Option<u64> {
        self.before
    }

    pub(super) fn fill(&mut self, batch: Batch) {
        self.rows.extend(batch.rows);
        self.is_read = batch.next_before.is_none();
        self.before = batch.next_before.or(self.before);
        self.reached = batch.reached.map_or(self.reached, |reached| reached.min(self.reached));
    }

    /// Where the next page begins.
    pub(super) fn resume(&self) -> u64 {
        match self.rows.front() {
            Some(row) => row.sequence + 1,
            None if self.is_read => THE_END,
            None => self.before.unwrap_or(u64::MAX),
        }
    }

    /// Nothing newer than this is still to come from here.
    fn horizon(&self) -> Timestamp {
        match self.rows.front() {
            Some(row) => row.at,
            None if self.is_read => Timestamp::MIN,
            None => self.reached,
        }
    }
}

// === impl Page ===

impl Page {
    pub(super) fn new(limit: usize) -> Self {
        Self { rows: Vec::new(), limit }
    }

    /// How many more fit.
    pub(super) fn room(&self) -> usize {
        self.limit - self.rows.len()
    }

    /// Takes what is known to come next.
    pub(super) fn take(&mut self, one: &mut Source, other: &mut Source) {
        while self.room() > 0 {
            let (source, behind) = match one.horizon() >= other.horizon() {
                true => (&mut *one, &*other),
                false => (&mut *other, &*one),
            };
            // Where the newer horizon is that of a stream without rows, it has to be looked into first.
            let Some(row) = source.rows.pop_front_if(|row| row.at >= behind.horizon()) else { return };
            self.rows.push(row.view);
        }
    }

    pub(super) fn into_rows(self) -> Vec<CommandView> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::{Intent, IntentWire};

    fn row(second: i64, sequence: u64) -> Row {
        let at = Timestamp::from_second(second).unwrap();
        let wire = IntentWire { command: Some("true".into()), ..IntentWire::default() };
        let Intent::Run(run) = wire.admit(|| format!("c{second}").parse().unwrap()).unwrap() else { unreachable!() };
        Row { at, sequence, view: CommandView::queued(&"a".parse().unwrap(), &run, at) }
    }

    fn batch(rows: &[(i64, u64)], next_before: Option<u64>, reached: i64) -> Batch {
        let rows = rows.iter().map(|(second, sequence)| row(*second, *sequence)).collect();
        Batch { rows, next_before, reached: Some(Timestamp::from_second(reached).unwrap()) }
    }

    fn ids(page: Page) -> Vec<String> {
        page.into_rows().into_iter().map(|view| view.id.to_string()).collect()
    }

    #[test]
    fn both_streams_are_one_row_by_time() {
        let (mut one, mut other) = (Source::from(None, true), Source::from(None, true));
        one.fill(batch(&[(9, 3), (5, 2), (1, 1)], None, 1));
        other.fill(batch(&[(7, 2), (6, 1)], None, 6));
        let mut page = Page::new(4);
        page.take(&mut one, &mut other);
        assert_eq!(ids(page), ["c9", "c7", "c6", "c5"]);
        assert_eq!((one.resume(), other.resume()), (2, THE_END));
        assert!(other.has_ended() && !one.has_ended());
        let mut rest = Page::new(4);
        rest.take(&mut one, &mut other);
        assert_eq!(ids(rest), ["c1"]);
        assert!(one.has_ended());
    }

    #[test]
    fn nothing_is_shown_before_the_other_stream_was_looked_through() {
        let (mut one, mut other) = (Source::from(None, true), Source::from(None, true));
        one.fill(batch(&[(9, 9), (2, 2)], None, 2));
        other.fill(batch(&[], Some(50), 5));
        let mut page = Page::new(10);
        page.take(&mut one, &mut other);
        assert!(other.is_dry() && !one.is_dry());
        assert_eq!((one.resume(), other.resume()), (3, 50));
        other.fill(batch(&[(4, 40)], None, 4));
        page.take(&mut one, &mut other);
        assert_eq!(ids(page), ["c9", "c4", "c2"]);
    }

    #[test]
    fn what_is_not_wanted_has_ended() {
        let (mut one, mut other) = (Source::from(None, true), Source::from(None, false));
        assert!(other.has_ended() && !other.is_dry());
        one.fill(batch(&[(9, 9)], None, 9));
        let mut page = Page::new(1);
        page.take(&mut one, &mut other);
        assert_eq!(page.room(), 0);
        assert!(Source::from(Some(THE_END), true).has_ended());
    }
}
