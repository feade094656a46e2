//! Receives what the ledger says after a reconnect, notices when it was restored from an older copy.

use std::time::Duration;

use ogent_protocol::CommandId;
use tokio::time::Instant;

/// How often the ledger has to seem to be set back before that is believed: one server of a cluster may lag behind the
/// others for a moment.
const TRIES: u32 = 3;
/// A forged bell could make the ledger seem to be set back: that must not keep the agent busy.
const AT_MOST_EVERY: Duration = Duration::from_secs(30);

/// What the ledger held before, and whether it still does.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    /// The command that was the last to end here.
    last_ended: Option<CommandId>,
    /// What is to be asked since the connection was last lost.
    open: Option<Question>,
    is_down: bool,
    /// How often in a row the ledger seemed to be set back.
    seen: u32,
    noticed_at: Option<Instant>,
}

/// What the ledger should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// About this command.
    pub(super) command: CommandId,
    /// Its end, and not only that it was claimed.
    pub(super) has_ended: bool,
}

/// What to make of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The ledger holds what it held.
    Trust,
    /// It seems to be set back: ask again in a moment.
    AskAgain,
    /// It was set back.
    SetBack,
}

// === impl Doubt ===

impl Doubt {
    /// At the start of an agent, whose last life had started this command: the ledger should know it.
    pub(super) fn after(latest: Option<CommandId>) -> Self {
        Self { open: latest.map(|command| Question { command, has_ended: false }), ..Self::default() }
    }

    /// A command has ended, and the ledger has its end.
    pub(super) fn ended(&mut self, command: CommandId) {
        if self.is_down {
            // The answer came just before the connection was lost.
            self.open = Some(Question { command: command.clone(), has_ended: true });
        }
        self.last_ended = Some(command);
    }

    /// The connection was lost or is made anew: it may be another broker, or another store.
    pub(super) fn connection_changed(&mut self, is_up: bool) {
        self.is_down = !is_up;
        if self.open.is_none() {
            self.open = self.last_ended.clone().map(|command| Question { command, has_ended: true });
        }
    }

    /// What the ledger is to be asked.
    pub(super) fn question(&self) -> Option<Question> {
        self.open.clone()
    }

    /// After the ledger was read.
    pub(super) fn judge(&mut self, is_set_back: bool) -> Verdict {
        if !is_set_back {
            self.open = None;
            self.seen = 0;
            return Verdict::Trust;
        }
        self.seen += 1;
        if self.seen < TRIES { Verdict::AskAgain } else { Verdict::SetBack }
    }

    /// Somebody has noticed that the ledger was set back. Says whether that is news.
    pub(super) fn notice(&mut self) -> bool {
        if self.noticed_at.is_some_and(|at| at.elapsed() < AT_MOST_EVERY) {
            return false;
        }
        *self = Self { noticed_at: Some(Instant::now()), is_down: self.is_down, ..Self::default() };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_after_a_reconnect_answers_no_question_from_before() {
        let mut doubt = Doubt::default();
        doubt.ended("before".parse().unwrap());
        doubt.connection_changed(false);
        doubt.connection_changed(true);
        doubt.ended("after".parse().unwrap());
        doubt.connection_changed(true);
        assert_eq!(doubt.question().unwrap().command.as_str(), "before");
        assert_eq!(
            [true, true, true].map(|it| doubt.judge(it)),
            [Verdict::AskAgain, Verdict::AskAgain, Verdict::SetBack]
        );
        assert!(doubt.notice() && !doubt.notice());
        assert_eq!(doubt.question(), None);
    }
}
