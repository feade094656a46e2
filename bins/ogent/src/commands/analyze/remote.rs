//! Receives a command, asks a gateway about it, gives its answer: the rules' verdict, with a model's words if one waits.

use std::time::Duration;

use ogent_protocol::rest::AnalyzeRequest;
use ogent_protocol::{AdvisorState, AgentId, Analysis};
use tokio::time::{Instant, sleep};

use super::WhatArgs;
use crate::client::{Client, ClientError};

/// How often is looked whether the model has answered: it takes seconds.
const LOOK: Duration = Duration::from_millis(300);

/// Asks, and waits so long for the model.
///
/// # Errors
/// When the gateway refuses, or does not answer.
pub(super) async fn analyze(
    client: &Client,
    agent: &AgentId,
    what: &WhatArgs,
    patience: Duration,
) -> Result<Analysis, ClientError> {
    let mut analysis = client.analyze(agent, &request(what)).await?;
    let until = Instant::now() + patience;
    while analysis.advisor == AdvisorState::Pending && Instant::now() < until {
        sleep(LOOK.min(until.saturating_duration_since(Instant::now()))).await;
        // The rules' verdict is there already: without the model's it is still an answer.
        let Ok(latest) = client.analysis(&analysis.id).await else { break };
        // What is kept of an analysis is not the gateway's policy.
        analysis = Analysis { ruling: latest.ruling.or(analysis.ruling), ..latest };
    }
    Ok(analysis)
}

/// What to send. What was not said is what the agent says of itself.
fn request(what: &WhatArgs) -> AnalyzeRequest {
    AnalyzeRequest {
        command: what.line.clone(),
        argv: what.line.is_none().then(|| what.argv.clone()),
        cwd: what.cwd.clone(),
        user: what.user.clone(),
        home: what.home.clone(),
        shell: what.shell.clone(),
        system: what.system.clone(),
        ..AnalyzeRequest::default()
    }
}
