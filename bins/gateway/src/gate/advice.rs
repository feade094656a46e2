//! Receives commands that were sent, tells analysts about them where one has a model: its advice comes later, is kept
//! under the command's id, and is shown with the command. Nobody waits for any of this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ogent_broker::{Analysts, AskError, ReadError};
use ogent_protocol::{AdvisorState, AgentInfo, Analysis, AnalysisRequest, CommandId, Program, Run};
use ogent_risk::Context;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::limits::{ASK_FOR_MODEL_EVERY, MAX_TELLING, MODEL_WITHIN};

/// Analysts, and whether one of them has a model.
#[derive(Clone)]
pub(crate) struct Advisors {
    analysts: Analysts,
    have_model: Arc<AtomicBool>,
    telling: Arc<Semaphore>,
}

// === impl Advisors ===

impl Advisors {
    #[must_use]
    pub(super) fn new(analysts: Analysts) -> Self {
        Self { analysts, have_model: Arc::default(), telling: Arc::new(Semaphore::new(MAX_TELLING)) }
    }

    /// Finds out again and again, until `stop`, whether an analyst has a model.
    pub(crate) async fn look_for_model(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(ASK_FOR_MODEL_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let have_model = tokio::select! {
                () = stop.cancelled() => return,
                have_model = self.analysts.have_model(MODEL_WITHIN) => have_model,
            };
            self.have_model.store(have_model, Ordering::Relaxed);
        }
    }

    /// Tells an analyst about a command. Where too many are being told, this one has no advice.
    pub(super) fn tell(&self, info: &AgentInfo, run: &Run, history: Vec<String>) {
        if !self.have_model.load(Ordering::Relaxed) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.telling).try_acquire_owned() else { return };
        let (analysts, request) = (self.analysts.clone(), request(info, run, history));
        tokio::spawn(async move {
            analysts.tell(&request).await;
            drop(permit);
        });
    }

    /// Asks one, and waits so long at most.
    ///
    /// # Errors
    /// See [`AskError`].
    pub(super) async fn ask(&self, request: &AnalysisRequest, within: Duration) -> Result<Analysis, AskError> {
        let analysis = self.analysts.ask(request, within).await?;
        if analysis.advisor != AdvisorState::Absent {
            self.have_model.store(true, Ordering::Relaxed);
        }
        Ok(analysis)
    }

    /// What was said under this id.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(crate) async fn latest(&self, id: &CommandId) -> Result<Option<Analysis>, ReadError> {
        self.analysts.latest(id).await
    }
}

/// A command as an analyst is told of it. Without the names of all programs: that would be the most of it.
fn request(info: &AgentInfo, run: &Run, history: Vec<String>) -> AnalysisRequest {
    let (command, argv) = match &run.program {
        Program::Shell(line) => (Some(line.clone()), None),
        Program::Argv(argv) => (None, Some(argv.clone())),
    };
    let context = Context::of(info, run);
    AnalysisRequest {
        id: Some(run.id.clone()),
        agent: Some(info.id.clone()),
        command,
        argv,
        system: Some(context.system),
        shell: Some(context.shell),
        user: context.user,
        cwd: context.cwd,
        home: context.home,
        programs: None,
        history,
        env: context.env,
        stdin: context.stdin,
    }
}
