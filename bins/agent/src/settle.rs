//! Receives a command that somebody has claimed before, gives it the end that an earlier life could not.

use std::time::Duration;

use ogent_broker::AppendError;
use ogent_broker::ledger::LastEvent;
use ogent_protocol::claim::Settlement;
use ogent_protocol::event::Finished;
use ogent_protocol::{Cause, CommandId, EventKind, Outcome};

use crate::job::{Context, JobEnd, Later};
use crate::process::Tree;

const MAX_TRIES: u32 = 10;
/// How soon to look again after that.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

/// Looks at a command whose claim was lost to somebody. An earlier life of this agent is known by its name; with
/// `may_settle`, it can be nobody else. What it left open is ended as lost, because nobody can know how far the command
/// came. Another process with this agent's id, a clone, has `patience` to end what it runs.
pub(crate) async fn taken(context: &Context, command: &CommandId, may_settle: bool, patience: Duration) -> JobEnd {
    let unsettled = JobEnd::Open(Later { after: LOOK_AGAIN, may_settle, patience });
    // Where an event of that life arrives late, what was looked at is not the last one any more.
    for _ in 0..MAX_TRIES {
        let Some(last) = last_event(context, command).await else { return unsettled };
        let was_here = last.stored.instance.as_ref().is_some_and(|instance| context.journal.has_lived(instance));
        match Settlement::of(&last.stored.event.kind, may_settle || was_here) {
            Settlement::Ended => {
                // The life that ended it as lost may have been killed before it could end what was left.
                if let EventKind::Finished(end) = &last.stored.event.kind
                    && end.cause == Some(Cause::AgentLost)
                {
                    on_leftover(context, command, Tree::kill).await;
                }
                return JobEnd::Ended;
            }
            Settlement::Leave => {
                tracing::warn!(%command, "another process with this agent's id has claimed a command");
                return JobEnd::Open(Later { after: patience, may_settle: true, patience });
            }
            Settlement::EndAsLost => {}
        }
        match end_as_lost(context, command, &last).await {
            Ok(_) => {
                tracing::warn!(%command, "ended a command that an earlier life of this agent left open");
                return JobEnd::Ended;
            }
            Err(error) => tracing::warn!(%command, %error, "a lost command could not be ended: looking again"),
        }
    }
    tracing::error!(%command, "a lost command could not be ended");
    unsettled
}

async fn end_as_lost(context: &Context, command: &CommandId, last: &LastEvent) -> Result<u64, AppendError> {
    let left = match on_leftover(context, command, |tree| !tree.survivors().is_empty()).await {
        Some(true) => "; what is left of it is being ended",
        _ => "",
    };
    let message = format!("the agent stopped while the command was at work; how far it came cannot be known{left}");
    let end = Finished::without_process(Outcome::Lost, Cause::AgentLost, message);
    let Context { ledger, agent, instance, .. } = context;
    let mut writer = ledger.resume(agent, command, instance, last);
    let stored = writer.append(EventKind::Finished(Box::new(end))).await?;
    // Only now: it could have been at work for a clone of this agent, which would have told another end.
    on_leftover(context, command, Tree::kill).await;
    Ok(stored)
}

/// Nobody watches over these processes any more, nobody can cancel them, and nobody reads what they print.
async fn on_leftover<T: Send + 'static>(context: &Context, command: &CommandId, act: fn(&Tree) -> T) -> Option<T> {
    let (agent, command, cgroups) = (context.agent.clone(), command.clone(), context.cgroups.clone());
    let acting = tokio::task::spawn_blocking(move || act(&Tree::left_over(&agent, &command, cgroups.as_ref())));
    acting.await.ok()
}

/// Asks until the broker answers: the next chance would be the next start of this agent.
async fn last_event(context: &Context, command: &CommandId) -> Option<LastEvent> {
    for _ in 0..MAX_TRIES {
        match context.ledger.last_of(&context.agent, command).await {
            Ok(Some(last)) => return Some(last),
            // The claim is gone: the ledger was set back, and has to be read again.
            Ok(None) => context.set_back.notify_one(),
            Err(error) => tracing::warn!(%command, %error, "cannot see who has claimed a command"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
