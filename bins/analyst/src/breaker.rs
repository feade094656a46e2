//! Receives how asking the model went, gives whether to ask again: a circuit breaker. Pure; whoever uses it says what
//! time it is.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which nobody asks for a while.
const FAILURES: u32 = 3;
/// The first such while; it doubles with each attempt that fails, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// A model that comes back is noticed after this at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Keeps a model that does not answer from being asked for each command.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    state: State,
    /// How long one attempt may take. One of which nothing is heard for longer has failed.
    attempt: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Whoever wants to may ask.
    Closed { failures: u32 },
    /// Nobody may.
    Open { until: Instant, pause: Duration },
    /// One is trying, and nobody else may until that is known.
    HalfOpen { until: Instant, pause: Duration },
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new(attempt: Duration) -> Self {
        Self { state: State::Closed { failures: 0 }, attempt }
    }

    /// Whether [`Breaker::admit`] would say yes. Takes nobody's place.
    pub(crate) fn would_admit(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until, .. } | State::HalfOpen { until, .. } => now >= until,
        }
    }

    /// Whether one may ask now. Whoever may has to tell how it went.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let may = self.would_admit(now);
        if let (true, State::Open { pause, .. } | State::HalfOpen { pause, .. }) = (may, self.state) {
            self.state = State::HalfOpen { until: now + self.attempt, pause };
        }
        may
    }

    /// The model has answered. Says whether that is news.
    pub(crate) fn succeeded(&mut self) -> bool {
        let is_news = !matches!(self.state, State::Closed { .. });
        self.state = State::Closed { failures: 0 };
        is_news
    }

    /// It has not. Says whether nobody may ask any more, if that is news.
    pub(crate) fn failed(&mut self, now: Instant) -> bool {
        let open = |pause: Duration| State::Open { until: now + pause, pause };
        let (state, is_news) = match self.state {
            State::Closed { failures } if failures + 1 < FAILURES => (State::Closed { failures: failures + 1 }, false),
            State::Closed { .. } => (open(FIRST_PAUSE), true),
            State::HalfOpen { pause, .. } => (open((pause * 2).min(LONGEST_PAUSE)), false),
            // One who was let in before tells it late.
            State::Open { until, pause } => (State::Open { until: until.max(now + pause), pause }, false),
        };
        self.state = state;
        is_news
    }

    /// For people.
    pub(crate) fn as_str(&self) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half-open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ATTEMPT: Duration = Duration::from_secs(60);

    #[test]
    fn it_opens_tries_once_and_closes() {
        let (mut breaker, start) = (Breaker::new(ATTEMPT), Instant::now());
        assert_eq!([false, false, true], std::array::from_fn(|_| breaker.failed(start)));
        assert!(!breaker.admit(start) && !breaker.would_admit(start));
        let later = start + FIRST_PAUSE;
        assert!(breaker.admit(later), "one may try");
        assert!(!breaker.admit(later), "and only one");
        assert!(!breaker.failed(later));
        assert!(!breaker.admit(later + FIRST_PAUSE), "the pause has doubled");
        assert!(breaker.admit(later + FIRST_PAUSE * 2));
        assert!(breaker.succeeded());
        assert!(breaker.admit(later) && breaker.admit(later));
    }

    #[test]
    fn an_attempt_of_which_nothing_is_heard_does_not_hold_it_open() {
        let (mut breaker, start) = (Breaker::new(ATTEMPT), Instant::now());
        for _ in 0..FAILURES {
            breaker.failed(start);
        }
        assert!(breaker.admit(start + FIRST_PAUSE));
        assert!(!breaker.would_admit(start + FIRST_PAUSE + ATTEMPT - Duration::from_millis(1)));
        assert!(breaker.admit(start + FIRST_PAUSE + ATTEMPT));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask,
        Good,
        Bad,
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let wait = (0_u64..300).prop_map(Step::Wait);
        prop_oneof![3 => Just(Step::Ask), 1 => Just(Step::Good), 4 => Just(Step::Bad), 2 => wait]
    }

    proptest! {
        #[test]
        fn whatever_comes(steps in proptest::collection::vec(step(), 0..200)) {
            let (mut breaker, mut now) = (Breaker::new(ATTEMPT), Instant::now());
            let mut bad_in_a_row = 0;
            for step in steps {
                match step {
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                    Step::Good => {
                        breaker.succeeded();
                        bad_in_a_row = 0;
                        prop_assert!(breaker.would_admit(now), "an answer closes it");
                    }
                    Step::Bad => {
                        breaker.failed(now);
                        bad_in_a_row += 1;
                        prop_assert_eq!(breaker.would_admit(now), bad_in_a_row < FAILURES);
                    }
                    Step::Ask => {
                        let would = breaker.would_admit(now);
                        prop_assert_eq!(breaker.admit(now), would);
                        // A second one at the same moment: only while it is closed.
                        prop_assert_eq!(breaker.would_admit(now), breaker.as_str() == "closed");
                    }
                }
                // It is never shut for good.
                prop_assert!(breaker.would_admit(now + LONGEST_PAUSE.max(ATTEMPT)));
            }
        }
    }
}
