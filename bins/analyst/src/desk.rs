//! Receives requests from the service, answers each with the rules' verdict at once, and then sees to it that analysis
//! and advice get into the stream.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use ogent_broker::Analyses;
use ogent_broker::service::{Request, Service};
use ogent_protocol::rest::Problem;
use ogent_protocol::wire::DecodeError;
use ogent_protocol::{
    AdvisorState, Analysis, AnalysisRequest, CommandId, InvalidIntent, Program, Verdict, limits as wire,
};
use ogent_risk::Context;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::advisor::{Opinion, Question};
use crate::counsel::{Counsel, Referral};
use crate::limits;
use crate::queue::Place;
use crate::tally::Tally;

/// Judges. Clones share everything.
#[derive(Clone)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    analyses: Analyses,
    counsel: Option<Counsel>,
    tally: Tally,
    judging: Arc<Semaphore>,
    recording: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Ends questions to the model.
    stop: CancellationToken,
}

/// Why a request has no verdict.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    #[error("the rules have failed on this command: take it for a dangerous one")]
    RulesFailed,
}

/// A question whose answer comes later.
struct Errand {
    place: Place,
    question: Question,
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(analyses: Analyses, counsel: Option<Counsel>) -> Self {
        Self {
            shared: Arc::new(Shared {
                analyses,
                counsel,
                tally: Tally::default(),
                judging: Arc::new(Semaphore::new(limits::JUDGING)),
                recording: Arc::new(Semaphore::new(limits::RECORDING)),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        }
    }

    /// The counts, for the statistics of the service.
    pub(crate) fn show(&self) -> Value {
        self.shared.tally.show(self.shared.counsel.as_ref().map_or(Value::Null, Counsel::show))
    }

    /// Answers until `shutdown`, then brings what was begun to its end. Says whether it was told to stop.
    pub(crate) async fn work(self, mut service: Service, shutdown: CancellationToken) -> bool {
        let was_told = loop {
            tokio::select! {
                () = shutdown.cancelled() => break true,
                taken = self.take(&mut service) => if !taken { break false },
            }
        };
        service.close();
        // What has come before the broker knew that nobody listens any more. Without a connection it never learns.
        let rest = async { while self.take(&mut service).await {} };
        let _ = tokio::time::timeout(limits::STOP_WITHIN, rest).await;
        // Models take their time; what is asked now is told that there is no opinion.
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(limits::STOP_WITHIN, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("some analyses were answered, but could not be stored in time");
        }
        was_told
    }

    /// Takes one request, once there is room to judge it. Not if the service has ended.
    async fn take(&self, service: &mut Service) -> bool {
        let Ok(room) = self.shared.judging.clone().acquire_owned().await else { return false };
        let Some(request) = service.next().await else { return false };
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move { shared.handle(request, room).await });
        true
    }
}

// === impl Shared ===

impl Shared {
    async fn handle(&self, request: Request, room: OwnedSemaphorePermit) {
        let (analysis, errand) = match self.analyse(&request) {
            Ok(done) => done,
            Err(refusal) => {
                self.tally.refused.add();
                return request.refuse(&refusal.problem()).await;
            }
        };
        request.answer(&analysis).await;
        drop((request, room));
        self.record(analysis, errand).await;
    }

    fn analyse(&self, request: &Request) -> Result<(Analysis, Option<Errand>), Refusal> {
        let asked: AnalysisRequest = request.read(wire::MAX_INTENT_BYTES)?;
        let program = asked.program()?;
        let began = Instant::now();
        let verdict = judge(&program, &asked)?.bounded();
        let micros = began.elapsed().as_secs_f64() * 1e6;
        self.tally.judged(verdict.level);
        let mut analysis = Analysis {
            id: asked.id.clone().unwrap_or_else(CommandId::generate),
            agent: asked.agent.clone(),
            command: program.to_string(),
            level: verdict.level,
            verdict,
            advisor: AdvisorState::Absent,
            advice: None,
            ruling: None,
            micros,
            analysed_at: Timestamp::now(),
        };
        let errand = self.refer(&asked, &program, &mut analysis);
        Ok((analysis, errand))
    }

    /// Says in the analysis what can be had from the model, and gives what has to be asked later.
    fn refer(&self, asked: &AnalysisRequest, program: &Program, analysis: &mut Analysis) -> Option<Errand> {
        let counsel = self.counsel.as_ref()?;
        let question = counsel.question(asked, program, &analysis.verdict);
        let (state, errand) = match counsel.refer(&question) {
            Referral::Known(opinion) => {
                self.tally.from_cache.add();
                self.advise(analysis, counsel, opinion);
                return None;
            }
            Referral::Later(place) => (AdvisorState::Pending, Some(Errand { place, question })),
            Referral::Busy => (AdvisorState::Busy, None),
            Referral::Absent => (AdvisorState::Absent, None),
        };
        self.tally.advised(state);
        analysis.advisor = state;
        errand
    }

    fn advise(&self, analysis: &mut Analysis, counsel: &Counsel, opinion: Opinion) {
        let advice = opinion.advice(counsel.model(), analysis.verdict.level);
        if let Some(raise) = &advice.raise {
            self.tally.raised.add();
            analysis.level = analysis.level.max(raise.level);
        }
        analysis.advice = Some(advice);
        analysis.advisor = AdvisorState::Answered;
        self.tally.advised(AdvisorState::Answered);
    }

    async fn record(&self, mut analysis: Analysis, errand: Option<Errand>) {
        self.publish(&analysis).await;
        let (Some(counsel), Some(Errand { place, question })) = (&self.counsel, errand) else { return };
        match counsel.ask(place, &question, &self.stop).await {
            Ok(opinion) => self.advise(&mut analysis, counsel, opinion),
            Err(state) => {
                self.tally.advised(state);
                analysis.advisor = state;
            }
        }
        analysis.analysed_at = Timestamp::now();
        self.publish(&analysis).await;
    }

    async fn publish(&self, analysis: &Analysis) {
        let Ok(_room) = self.recording.try_acquire() else {
            self.tally.unrecorded.add();
            return tracing::debug!(id = %analysis.id, "too many analyses are on their way: this one is not stored");
        };
        if let Err(error) = self.analyses.publish(analysis).await {
            self.tally.unrecorded.add();
            tracing::warn!(id = %analysis.id, %error, "an analysis could not be stored");
        }
    }
}

// === impl Refusal ===

impl Refusal {
    fn problem(&self) -> Problem {
        let (code, status) = match self {
            Self::Malformed(_) => ("malformed_request", 400),
            Self::Invalid(_) => ("invalid_request", 400),
            Self::RulesFailed => ("internal_error", 500),
        };
        Problem::new(code, status, &self.to_string())
    }
}

/// The rules' verdict. They should never panic; where they do, one request has no answer, and the others have.
fn judge(program: &Program, asked: &AnalysisRequest) -> Result<Verdict, Refusal> {
    catch_unwind(AssertUnwindSafe(|| ogent_risk::explain(program, &Context::from(asked)))).map_err(|_| {
        tracing::error!("invariant violated: the rules have panicked");
        Refusal::RulesFailed
    })
}
