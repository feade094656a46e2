//! Receives the first event of a proposal, gives it as text: everything that an approval would be for.

use std::time::Duration;

use jiff::Timestamp;
use ogent_protocol::approval::{ProposalEvent, ProposalKind};
use ogent_protocol::{AgentId, Program, Ruling, Run, Verdict};

use crate::output::humane;
use crate::output::sanitize;
use crate::output::table::{Cell, Look, Table};
use crate::output::verdict::{Extent, Judged, plain};

/// What is shown of a proposal.
#[derive(Debug)]
pub(super) struct Shown {
    /// The command, as it will be sent.
    pub(super) run: Run,
    /// What an approval has to name, as the gateway says.
    pub(super) hash: String,
    agent: AgentId,
    verdict: Verdict,
    ruling: Ruling,
    expires_at: Timestamp,
    start_within_s: Option<f64>,
}

// === impl Shown ===

impl Shown {
    /// What the event proposes for that agent, if it does.
    pub(super) fn new(event: ProposalEvent, agent: &AgentId) -> Option<Self> {
        let ProposalKind::Proposed(proposed) = event.kind else { return None };
        (event.agent == *agent).then(|| Self {
            run: proposed.intent,
            hash: proposed.hash,
            agent: event.agent,
            verdict: proposed.verdict,
            ruling: proposed.ruling,
            expires_at: proposed.expires_at,
            start_within_s: proposed.start_within_s,
        })
    }

    /// All of it: nothing that the hash names is left out or cut.
    pub(super) fn text(&self, look: Look) -> String {
        let command = self.run.program.to_string();
        let judged = Judged {
            command: &command,
            level: self.verdict.level,
            verdict: &self.verdict,
            ruling: Some(&self.ruling),
            advice: None,
            extent: Extent::Whole,
        };
        let mut text = format!("{}\n{}", judged.text(look), self.terms().render(look));
        if !self.run.env.is_empty() {
            text.push_str("\nwith the variables:\n");
            self.run.env.iter().for_each(|(name, value)| text.push_str(&plain(&format!("{name}={value}"), look)));
        }
        if let Some(stdin) = &self.run.stdin {
            text.push_str("\nit reads:\n");
            text.push_str(&plain(&sanitize::decoded(stdin.as_bytes()), look));
        }
        text.push('\n');
        text
    }

    /// Until when it may start, once it is approved.
    fn not_after(&self) -> String {
        match (self.start_within_s, self.run.not_after) {
            (Some(within), _) => {
                let within = Duration::try_from_secs_f64(within).map_or_else(|_| within.to_string(), humane::duration);
                format!("{within} after the approval")
            }
            (None, Some(not_after)) => humane::moment(not_after),
            (None, None) => "a day after the approval".to_owned(),
        }
    }

    fn terms(&self) -> Table {
        let run = &self.run;
        let mut table = Table::default();
        table.field("agent", self.agent.as_str());
        table.field("shell", if matches!(run.program, Program::Shell(_)) { "yes" } else { "no" });
        table.field("folder", run.cwd.as_deref().unwrap_or("the agent's own"));
        table.field("user", run.user.as_deref().unwrap_or("the agent's own"));
        table.field("target", run.target.to_string());
        table.field("timeout", humane::duration(run.timeout));
        table.field("asked by", run.requested_by.as_deref().unwrap_or("nobody knows"));
        table.optional_field("reason", run.reason.as_deref().map(Cell::lines));
        table.field("expires", humane::moment(self.expires_at));
        table.field("not after", self.not_after());
        table.field("id", run.id.as_str());
        table.field("hash", self.hash.as_str());
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(intent: &serde_json::Value) -> Shown {
        let event = json!({
            "specversion": "1.0", "id": "c1/0", "source": "/approvals/web-1", "subject": "c1",
            "time": "2026-05-01T08:00:00Z", "datacontenttype": "application/json", "type": "ogent.approval.proposed",
            "data": {
                "intent": intent, "hash": "0".repeat(64), "expires_at": "2026-05-01T08:30:00Z",
                "verdict": {"level": "high", "reasons": [
                    {"code": "delete", "level": "high", "message": "removes x", "span": {"start": 0, "end": 2}}]},
                "ruling": {"decision": "ask", "enforced": "ask", "mode": "enforce", "because": "risk high"}
            }
        });
        Shown::new(serde_json::from_value(event).unwrap(), &"web-1".parse().unwrap()).unwrap()
    }

    #[test]
    fn everything_that_is_approved_is_shown() {
        let lines: Vec<String> = (0..200).map(|n| format!("rm {n}\u{1b}[2K")).collect();
        let stdin: Vec<String> = (0..200).map(|n| format!("input {n}")).collect();
        let shown = shown(&json!({
            "type": "run", "id": "c1", "command": lines.join("\n"), "cwd": "/srv/x", "user": "www", "timeout_s": 60.0,
            "env": {"LD_PRELOAD": "/tmp/evil\u{202e}.so", "B": "two\nli\u{200b}nes"}, "stdin": stdin.join("\n"),
            "not_after": "2026-05-02T09:00:00Z", "requested_by": "alice", "reason": "why not", "execution_target": "ssh:db1"
        }));
        for width in [None, Some(60)] {
            let text = shown.text(Look { width, has_color: false });
            for n in 0..200 {
                assert!(text.contains(&format!("rm {n}^[[2K\n")) && text.contains(&format!("input {n}\n")), "{n}");
            }
            for part in [
                "/srv/x",
                "www",
                "LD_PRELOAD=/tmp/evil\\u{202e}.so",
                "B=two\n",
                "li\\u{200b}nes",
                "alice",
                "why not",
                "ssh:db1",
                "1m0s",
                "c1",
                "2026-05-01T08:30:00.000Z",
                "2026-05-02T09:00:00.000Z",
                "delete",
                "needs approval: risk high",
                "web-1",
            ] {
                assert!(text.contains(part), "{part:?} in\n{text}");
            }
            assert!(text.matches('0').count() >= 64, "{text}");
        }
    }

    #[test]
    fn a_proposal_for_another_agent_is_none() {
        let shown = shown(&json!({"type": "run", "id": "c1", "command": "ls"}));
        let event = ProposalEvent {
            agent: "web-2".parse().unwrap(),
            command: shown.run.id.clone(),
            n: 0,
            time: shown.expires_at,
            kind: ProposalKind::Proposed(Box::new(ogent_protocol::approval::Proposed {
                intent: shown.run,
                verdict: shown.verdict,
                ruling: shown.ruling,
                hash: shown.hash,
                expires_at: shown.expires_at,
                start_within_s: None,
            })),
        };
        assert!(Shown::new(event, &"web-1".parse().unwrap()).is_none());
    }
}
