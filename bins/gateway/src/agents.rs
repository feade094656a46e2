//! Receives what the broker's directory knows of an agent, gives `http` what people are shown of it.

use ogent_broker::AgentState;
use ogent_protocol::rest::{AgentStatus, AgentView};

/// An agent as people see it.
#[must_use]
pub(crate) fn view(state: &AgentState) -> AgentView {
    let info = &state.info;
    let heartbeat = state.heartbeat.as_ref().filter(|_| state.is_online());
    AgentView {
        id: info.id.clone(),
        status: match (state.is_revoked, state.is_online()) {
            (true, _) => AgentStatus::Revoked,
            (false, true) => AgentStatus::Online,
            (false, false) => AgentStatus::Offline,
        },
        hostname: info.hostname.clone(),
        platform: info.platform.clone(),
        version: info.version.clone(),
        capabilities: info.capabilities.clone(),
        labels: info.labels.clone(),
        user: info.user.clone(),
        home: info.home.clone(),
        shell: info.shell.clone(),
        programs: info.programs.clone(),
        started_at: info.started_at,
        last_seen: state.last_seen,
        running: heartbeat.map(|heartbeat| heartbeat.running),
        queued: heartbeat.map(|heartbeat| heartbeat.queued),
        max_concurrent: info.max_concurrent,
    }
}
