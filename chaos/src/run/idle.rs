//! Waits until nothing is left to do and everybody is well, or says what is not.

use std::time::Duration;

use ogent_protocol::rest::{AgentList, AgentStatus, TokenResponse};
use tokio::time::Instant;

use crate::evidence::{Micros, now};
use crate::load::Load;
use crate::plan::{AGENTS, GATEWAYS};
use crate::stage::Stage;

/// Issue 3: within 60 s of the last fault, everything is idle and healthy again, without help.
const LIMIT: Duration = Duration::from_secs(60);

/// Pause between two looks.
const EVERY: Duration = Duration::from_millis(500);

/// When everything was idle and healthy; else what was not at the last look.
pub(super) async fn wait(stage: &Stage, load: &Load) -> (Option<Micros>, Vec<String>) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap_or_default();
    let deadline = Instant::now() + LIMIT;
    let mut tokens = vec![None; GATEWAYS];
    loop {
        let mut problems = Vec::new();
        for (gateway, token) in tokens.iter_mut().enumerate() {
            let found = look(&client, &stage.url(gateway), stage.password(), token).await;
            let found = found.unwrap_or_else(|error| {
                *token = None;
                vec![format!("{error:#}")]
            });
            problems.extend(found.into_iter().map(|problem| format!("gateway-{gateway}: {problem}")));
        }
        let unfinished = load.unfinished().await;
        problems.extend(unfinished.iter().map(|(agent, command)| format!("{agent} has not ended {command}")));
        if problems.is_empty() {
            return (Some(now()), problems);
        }
        if Instant::now() > deadline {
            return (None, problems);
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(
    client: &reqwest::Client,
    url: &str,
    password: &str,
    token: &mut Option<String>,
) -> anyhow::Result<Vec<String>> {
    let ready = client.get(format!("{url}/readyz")).send().await?.status();
    if !ready.is_success() {
        return Ok(vec![format!("is not ready ({ready})")]);
    }
    let access = match token {
        Some(token) => token.clone(),
        // A login is dear, and what it costs the gateway would show in the samples.
        None => {
            let login = client.post(format!("{url}/token")).form(&[("username", "admin"), ("password", password)]);
            let new: TokenResponse = login.send().await?.error_for_status()?.json().await?;
            token.insert(new.access_token).clone()
        }
    };
    let request = client.get(format!("{url}/agents")).bearer_auth(access);
    let list: AgentList = request.send().await?.error_for_status()?.json().await?;
    let mut problems = Vec::new();
    if list.agents.len() != AGENTS {
        problems.push(format!("knows {} agents", list.agents.len()));
    }
    for agent in list.agents {
        let busy = agent.running.unwrap_or(0) + agent.queued.unwrap_or(0);
        match agent.status {
            AgentStatus::Offline => problems.push(format!("{} is offline", agent.id)),
            AgentStatus::Revoked => problems.push(format!("{} is revoked", agent.id)),
            AgentStatus::Online if busy > 0 => problems.push(format!("{} has {busy} commands", agent.id)),
            AgentStatus::Online => {}
        }
    }
    Ok(problems)
}
