//! Receives a question what a command would do on an agent, asks an analyst, and gives the answer with what policy would
//! say. Nothing is stored here and nothing runs. Without an analyst the gateway answers by itself.

use std::time::Instant;

use jiff::Timestamp;
use ogent_broker::{Directory, Ledger, ReadError, Scan};
use ogent_protocol::rest::AnalyzeRequest;
use ogent_protocol::{
    AdvisorState, AgentId, AgentInfo, Analysis, AnalysisRequest, CommandId, InvalidIntent, PolicyMode, Program, limits,
};
use ogent_risk::{Context, Reach};

use super::memory::clip;
use super::{Gate, unjudged};
use crate::limits::ANALYST_WITHIN;

/// Why there is no analysis.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnalyzeError {
    /// The request is not a command.
    #[error(transparent)]
    Invalid(#[from] InvalidIntent),
    /// No agent has that id.
    #[error("there is no agent {0}")]
    UnknownAgent(AgentId),
    /// There is no analysis of that id, or not any more.
    #[error("there is no analysis {0}")]
    NotFound(CommandId),
    /// The ledger cannot be read.
    #[error("the history cannot be read")]
    Read(#[from] ReadError),
}

/// Answers what commands would do.
pub(crate) struct Analyzer {
    gate: Gate,
    ledger: Ledger,
    directory: Directory,
}

// === impl Analyzer ===

impl Analyzer {
    #[must_use]
    pub(crate) fn new(gate: Gate, ledger: Ledger, directory: Directory) -> Self {
        Self { gate, ledger, directory }
    }

    /// What that would do on that agent.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub(crate) async fn analyze(&self, agent: AgentId, asked: AnalyzeRequest) -> Result<Analysis, AnalyzeError> {
        let state = self.directory.get(&agent).ok_or_else(|| AnalyzeError::UnknownAgent(agent.clone()))?;
        let has_history = asked.history.is_some();
        let mut request = asked.into_request(CommandId::generate(), agent);
        let program = request.program()?;
        complete(&mut request, &state.info);
        if !has_history {
            request.history = self.history(&state.info.id).await?;
        }
        if !request.env.contains_key("PATH") {
            request.programs = self.directory.inventory(&state.info.id).await?.map(|inventory| inventory.programs);
        }
        let own = self.own(&request, &program, &state.info);
        // Of an analyst only what its model says counts, and only upwards: whoever answers could say anything.
        Ok(match self.gate.shared.advisors.ask(&request, ANALYST_WITHIN).await {
            Ok(theirs) if Some(&theirs.id) == request.id.as_ref() => advised(own, theirs),
            Ok(_) => own,
            Err(error) => {
                tracing::debug!(%error, "analysed without an analyst");
                own
            }
        })
    }

    /// The latest analysis with that id.
    ///
    /// # Errors
    /// See [`AnalyzeError`].
    pub(crate) async fn find(&self, id: &CommandId) -> Result<Analysis, AnalyzeError> {
        let found = self.gate.shared.advisors.latest(id).await?;
        found.ok_or_else(|| AnalyzeError::NotFound(id.clone()))
    }

    fn own(&self, request: &AnalysisRequest, program: &Program, info: &AgentInfo) -> Analysis {
        let policy = &self.gate.shared.policy;
        let context = Context::from(request);
        let started = Instant::now();
        let verdict = ogent_risk::explain(program, &context);
        let micros = started.elapsed().as_secs_f64() * 1e6;
        let ruling = match policy.mode {
            PolicyMode::Off => unjudged(),
            PolicyMode::Advise | PolicyMode::Enforce => {
                policy.rule(&verdict, Reach { labels: &info.labels, targets: 1 })
            }
        };
        Analysis {
            id: request.id.clone().unwrap_or_else(CommandId::generate),
            agent: request.agent.clone(),
            command: program.to_string(),
            level: verdict.level,
            verdict: verdict.bounded(),
            advisor: AdvisorState::Absent,
            advice: None,
            ruling: Some(ruling),
            micros,
            analysed_at: Timestamp::now(),
        }
    }

    /// The last commands of that agent, the oldest first.
    async fn history(&self, agent: &AgentId) -> Result<Vec<String>, ReadError> {
        let (agent, limit) = (Some(agent.clone()), limits::MAX_HISTORY);
        let scan = Scan { agent, before: None, until: None, since: None, limit, keep: Box::new(|_| true) };
        let page = self.ledger.list(&scan).await?;
        Ok(page.records.iter().rev().map(|record| clip(&record.run.program.to_string())).collect())
    }
}

/// The gateway's own analysis with what a model has said.
fn advised(own: Analysis, theirs: Analysis) -> Analysis {
    let advice = theirs.advice.map(|mut advice| {
        advice.raise = advice.raise.filter(|raise| raise.level > own.level);
        advice
    });
    let level = advice.as_ref().and_then(|advice| advice.raise.as_ref()).map_or(own.level, |raise| raise.level);
    Analysis { level, advisor: theirs.advisor, advice, ..own }
}

/// What the request does not say, the agent does.
fn complete(request: &mut AnalysisRequest, info: &AgentInfo) {
    let machine = Context::on(info, request.user.as_deref());
    request.system.get_or_insert(machine.system);
    request.shell.get_or_insert(machine.shell);
    request.user = request.user.take().or(machine.user);
    request.home = request.home.take().or_else(|| request.env.get("HOME").cloned()).or(machine.home);
    request.cwd = request.cwd.take().or(machine.cwd);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::{Advice, Raise, RiskLevel, Verdict};

    fn analysis(level: RiskLevel, raise: Option<RiskLevel>) -> Analysis {
        let raise = raise.map(|level| Raise { level, reason: "so it says".into() });
        let (model, explanation) = ("m".to_owned(), "words".to_owned());
        Analysis {
            id: CommandId::generate(),
            agent: None,
            command: "ls".into(),
            level,
            verdict: Verdict { level, ..Verdict::default() },
            advisor: AdvisorState::Answered,
            advice: Some(Advice { model, explanation, suggestions: Vec::new(), raise }),
            ruling: None,
            micros: 0.0,
            analysed_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_analyst_may_raise_and_nothing_else() {
        use RiskLevel::{Critical, High, Low};
        for (raise, level) in [(Some(Critical), Critical), (Some(Low), High), (None, High)] {
            let own = Analysis { ruling: Some(unjudged()), advice: None, ..analysis(High, None) };
            let theirs = Analysis { command: "other".into(), ..analysis(Low, raise) };
            let told = advised(own.clone(), theirs);
            assert_eq!((told.level, told.verdict.level, told.command.as_str()), (level, High, "ls"));
            assert_eq!((&told.id, &told.ruling), (&own.id, &own.ruling));
            assert_eq!(told.advice.unwrap().raise.is_some(), level == Critical);
        }
    }
}
