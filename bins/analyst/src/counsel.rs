//! Receives questions from the desk, gives what the model says, or why it says nothing. Never on the way of a verdict:
//! [`Counsel::refer`] answers at once whether there will be an opinion, and [`Counsel::ask`] brings it later.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ogent_protocol::{AdvisorState, AnalysisRequest, Program, Verdict};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::advisor::{Advisor, AdvisorError, Opinion, Question};
use crate::breaker::Breaker;
use crate::cache::Cache;
use crate::limits;
use crate::queue::{Place, Queue};

/// The model, and what keeps it from being asked too much.
pub(crate) struct Counsel {
    advisor: Box<dyn Advisor>,
    deadline: Duration,
    queue: Queue,
    cache: Mutex<Cache>,
    breaker: Mutex<Breaker>,
}

/// What there is to be had for a question.
#[derive(Debug)]
pub(crate) enum Referral {
    /// It was asked before.
    Known(Opinion),
    /// The model can be asked, from this place on.
    Later(Place),
    /// Too many wait.
    Busy,
    /// The model does not answer these days.
    Absent,
}

// === impl Counsel ===

impl Counsel {
    /// Asks `advisor`, and gives each question up after `deadline`.
    pub(crate) fn new(advisor: Box<dyn Advisor>, deadline: Duration) -> Self {
        Self {
            advisor,
            deadline,
            queue: Queue::new(limits::QUEUE, limits::ASKING),
            cache: Mutex::new(Cache::new(limits::CACHE)),
            breaker: Mutex::new(Breaker::new(deadline)),
        }
    }

    /// Which model it is.
    pub(crate) fn model(&self) -> &str {
        self.advisor.model()
    }

    /// The question about a command.
    pub(crate) fn question(&self, request: &AnalysisRequest, program: &Program, verdict: &Verdict) -> Question {
        Question::new(self.model(), request, program, verdict)
    }

    /// What there is to be had. Waits for nothing.
    pub(crate) fn refer(&self, question: &Question) -> Referral {
        if let Some(opinion) = lock(&self.cache).get(&question.key) {
            return Referral::Known(opinion);
        }
        if !lock(&self.breaker).would_admit(Instant::now()) {
            return Referral::Absent;
        }
        self.queue.join().map_or(Referral::Busy, Referral::Later)
    }

    /// Waits for a turn, asks, and remembers the answer. `stop` ends both.
    ///
    /// # Errors
    /// What those who wait are told instead of an opinion.
    pub(crate) async fn ask(
        &self,
        place: Place,
        question: &Question,
        stop: &CancellationToken,
    ) -> Result<Opinion, AdvisorState> {
        tokio::select! {
            answer = self.in_turn(place, question) => answer,
            () = stop.cancelled() => Err(AdvisorState::NoOpinion),
        }
    }

    async fn in_turn(&self, place: Place, question: &Question) -> Result<Opinion, AdvisorState> {
        let Some(_turn) = place.turn(limits::PATIENCE).await else { return Err(AdvisorState::Busy) };
        // Somebody may have asked the same meanwhile, or found that nobody answers.
        if let Some(opinion) = lock(&self.cache).get(&question.key) {
            return Ok(opinion);
        }
        if !lock(&self.breaker).admit(Instant::now()) {
            return Err(AdvisorState::Absent);
        }
        let began = Instant::now();
        let answer = timeout(self.deadline, self.advisor.advise(question)).await.unwrap_or(Err(AdvisorError::Late));
        self.note(&answer);
        let answer = answer.map_err(|error| {
            tracing::debug!(%error, "the model has no opinion");
            error.state()
        })?;
        tracing::debug!(took = ?began.elapsed(), "the model has answered");
        lock(&self.cache).put(question.key, answer.clone());
        Ok(answer)
    }

    fn note(&self, answer: &Result<Opinion, AdvisorError>) {
        let mut breaker = lock(&self.breaker);
        match answer {
            Err(error) if error.is_fault() => {
                if breaker.failed(Instant::now()) {
                    tracing::warn!(%error, model = self.model(), "the model does not answer, and is left alone for a while");
                }
            }
            _ => {
                if breaker.succeeded() {
                    tracing::info!(model = self.model(), "the model answers again");
                }
            }
        }
    }

    /// For the statistics.
    pub(crate) fn show(&self) -> Value {
        json!({
            "model": self.model(),
            "breaker": lock(&self.breaker).as_str(),
            "waiting": self.queue.len(),
        })
    }
}

/// Nothing panics while it holds one of these; if something did, what is behind it would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::{BoxFuture, FutureExt as _};
    use ogent_protocol::RiskLevel;

    use super::*;

    /// Takes ten seconds for each answer; fails for commands that say so.
    #[derive(Default)]
    struct Slow {
        asked: Arc<AtomicUsize>,
    }

    impl Advisor for Slow {
        fn model(&self) -> &str {
            "slow"
        }

        fn advise<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Opinion, AdvisorError>> {
            async move {
                self.asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(10)).await;
                if question.command.starts_with("fail") {
                    return Err(AdvisorError::Unreachable);
                }
                Ok(Opinion {
                    explanation: question.command.clone(),
                    suggestions: Vec::new(),
                    level: RiskLevel::None,
                    level_reason: String::new(),
                })
            }
            .boxed()
        }
    }

    fn counsel(deadline: u64) -> (Counsel, Arc<AtomicUsize>) {
        let slow = Slow::default();
        let asked = slow.asked.clone();
        (Counsel::new(Box::new(slow), Duration::from_secs(deadline)), asked)
    }

    fn question(counsel: &Counsel, command: &str) -> Question {
        counsel.question(&AnalysisRequest::default(), &Program::Shell(command.to_owned()), &Verdict::default())
    }

    async fn ask(counsel: &Counsel, command: &str) -> Result<Opinion, AdvisorState> {
        let question = question(counsel, command);
        match counsel.refer(&question) {
            Referral::Known(opinion) => Ok(opinion),
            Referral::Later(place) => counsel.ask(place, &question, &CancellationToken::new()).await,
            Referral::Busy => Err(AdvisorState::Busy),
            Referral::Absent => Err(AdvisorState::Absent),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_asked_as_often_as_at_once() {
        let (counsel, asked) = counsel(60);
        let answers = futures::future::join_all((0..6).map(|_| ask(&counsel, "a"))).await;
        assert!(answers.iter().all(|answer| *answer == answers[0] && answer.is_ok()));
        assert_eq!(asked.load(Ordering::Relaxed), limits::ASKING, "those behind found the answer when their turn came");
        assert!(matches!(counsel.refer(&question(&counsel, "a")), Referral::Known(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn late_is_no_opinion_and_after_some_nobody_asks() {
        let (counsel, asked) = counsel(5);
        for at in 0..3 {
            assert_eq!(ask(&counsel, &format!("{at}")).await, Err(AdvisorState::NoOpinion));
        }
        assert_eq!(ask(&counsel, "again").await, Err(AdvisorState::Absent));
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!(counsel.show()["breaker"], "open");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(ask(&counsel, "later").await, Err(AdvisorState::NoOpinion));
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_learn_that_it_has_gone() {
        let (counsel, asked) = counsel(60);
        let names: Vec<String> = (0..8).map(|at| format!("fail {at}")).collect();
        let answers = futures::future::join_all(names.iter().map(|name| ask(&counsel, name))).await;
        assert!(answers.iter().all(|answer| *answer == Err(AdvisorState::Absent)));
        assert_eq!(asked.load(Ordering::Relaxed), 4, "two at a time, until three have failed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_busy_and_empties() {
        let (counsel, _) = counsel(60);
        let names: Vec<String> = (0..limits::QUEUE + 1).map(|at| at.to_string()).collect();
        let answers = futures::future::join_all(names.iter().map(|name| ask(&counsel, name))).await;
        assert_eq!(answers.last(), Some(&Err(AdvisorState::Busy)));
        // 120 s of patience at 10 s each, two at once.
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 24);
        assert_eq!(counsel.show()["waiting"], 0);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_waits_for_nobody() {
        let (counsel, _) = counsel(60);
        let (question, stop) = (question(&counsel, "a"), CancellationToken::new());
        let Referral::Later(place) = counsel.refer(&question) else { panic!() };
        stop.cancel();
        assert_eq!(counsel.ask(place, &question, &stop).await, Err(AdvisorState::NoOpinion));
        assert_eq!(counsel.queue.len(), 0);
    }
}
