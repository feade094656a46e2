//! Receives a command that policy does not let run, gives what the history says of it from then on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::approval::{self, Blocked, Proposed};
use ogent_protocol::{AgentId, Program, ProposalEvent, ProposalKind, Run};

use super::{Gate, Judged};

/// So much is kept of a line that is refused: it is never run, and whoever sends many must not fill the history.
const MAX_REFUSED_BYTES: usize = 4096;

// === impl Gate ===

impl Gate {
    /// The opening of a proposal: somebody else has to approve `run`. It waits no longer than this gateway lets
    /// proposals wait, and no longer than its own `not_after`; without one, it has `start_within` from its approval.
    pub(crate) fn proposal(
        &self,
        agent: &AgentId,
        run: &Run,
        start_within: Option<Duration>,
        judged: Judged,
    ) -> ProposalEvent {
        let now = Timestamp::now();
        let mut intent = run.clone();
        if start_within.is_some() {
            intent.not_after = None;
        }
        let end = SignedDuration::try_from(self.shared.window).ok().and_then(|window| now.checked_add(window).ok());
        let end = end.unwrap_or(Timestamp::MAX);
        let proposed = Proposed {
            hash: approval::hash(agent, &intent),
            expires_at: intent.not_after.map_or(end, |not_after| not_after.min(end)),
            verdict: judged.verdict.unwrap_or_default().bounded(),
            ruling: judged.ruling,
            start_within_s: start_within.map(|within| within.as_secs_f64()),
            intent,
        };
        opening(agent, run, now, ProposalKind::Proposed(Box::new(proposed)))
    }

    /// What the history says of a command that policy refuses.
    pub(crate) fn block(agent: &AgentId, run: &Run, judged: Judged) -> ProposalEvent {
        let (intent, verdict) = (refused(run), judged.verdict.unwrap_or_default().bounded());
        let blocked = Blocked { intent, verdict, ruling: judged.ruling };
        opening(agent, run, Timestamp::now(), ProposalKind::Blocked(Box::new(blocked)))
    }
}

/// What is kept of a command that is refused: neither the values of its variables nor its input, which may be secrets.
fn refused(run: &Run) -> Run {
    let mut kept = run.clone();
    kept.stdin = None;
    kept.env.values_mut().for_each(String::clear);
    match &mut kept.program {
        Program::Shell(line) => line.truncate(line.floor_char_boundary(MAX_REFUSED_BYTES)),
        Program::Argv(argv) => {
            let mut left = MAX_REFUSED_BYTES;
            argv.retain_mut(|word| {
                let has_room = left > 0;
                word.truncate(word.floor_char_boundary(left));
                left = left.saturating_sub(word.len() + 1);
                has_room
            });
        }
    }
    kept
}

/// Whether `kept` is what is kept of `run` where it is refused.
#[must_use]
pub(crate) fn is_refused_as(run: &Run, kept: &Run) -> bool {
    kept.asks_the_same(&refused(run))
}

fn opening(agent: &AgentId, run: &Run, time: Timestamp, kind: ProposalKind) -> ProposalEvent {
    ProposalEvent { agent: agent.clone(), command: run.id.clone(), n: 0, time, kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::{CommandId, Intent, IntentWire};

    fn run(argv: Option<Vec<String>>, command: Option<String>) -> Run {
        let (env, stdin) = ([("TOKEN".to_owned(), "hunter2".to_owned())].into(), Some("hunter2".into()));
        match (IntentWire { command, argv, env, stdin, ..IntentWire::default() }).admit(CommandId::generate).unwrap() {
            Intent::Run(run) => *run,
            Intent::Cancel(_) => unreachable!(),
        }
    }

    #[test]
    fn what_is_refused_is_kept_short_and_without_secrets() {
        let argv = vec!["rm".to_owned(), "ü".repeat(4000), "x".repeat(9), "y".to_owned()];
        for run in [run(None, Some("ü".repeat(4000))), run(Some(argv), None), run(None, Some("rm x".into()))] {
            let kept = refused(&run);
            let text = serde_json::to_string(&kept).unwrap();
            assert!(text.len() < 5000 && !text.contains("hunter2") && text.contains("TOKEN"), "{text}");
            assert!(is_refused_as(&run, &kept) && !is_refused_as(&Run { cwd: Some("/x".into()), ..run }, &kept));
        }
    }
}
