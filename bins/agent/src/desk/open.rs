//! Receives commands whose end could not be written or is another's to write, looks at them again, until each has its
//! end.

use ogent_protocol::CommandId;
use tokio::task::JoinSet;

use crate::job::{Context, JobEnd, Later};
use crate::settle;

/// Commands that are kept in sight. Of more, the next start of this agent takes care.
const MAX_OPEN: usize = 4096;

/// Commands without an end.
#[derive(Debug, Default)]
pub(super) struct Open(JoinSet<(CommandId, JobEnd)>);

// === impl Open ===

impl Open {
    /// Looks at the command later.
    pub(super) fn keep(&mut self, context: &Context, command: CommandId, later: Later) {
        if self.0.len() >= MAX_OPEN {
            return tracing::error!(%command, "too many commands without an end: the next start takes care of this one");
        }
        let context = context.clone();
        self.0.spawn(async move {
            tokio::time::sleep(later.after).await;
            let end = settle::taken(&context, &command, later.may_settle, later.patience).await;
            (command, end)
        });
    }

    /// What became of one of them; never, while there is none.
    pub(super) async fn next(&mut self) -> (CommandId, JobEnd) {
        loop {
            match self.0.join_next().await {
                Some(Ok(looked_at)) => return looked_at,
                Some(Err(error)) => tracing::error!(%error, "a look at an open command broke"),
                None => std::future::pending().await,
            }
        }
    }
}
