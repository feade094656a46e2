//! Receives a command as it came to this agent, says whether somebody who counts has really asked for it: by its signature,
//! and by what the ledger holds.

use std::time::Duration;

use ogent_broker::ledger::Held;
use ogent_broker::sign::Asked;
use ogent_broker::{ReadError, Submission, SubmitError};
use ogent_protocol::event::Finished;
use ogent_protocol::{Cause, Intent, Outcome};

use super::{Context, Job, cancelled};

/// How often the ledger may say that it does not hold a command before that is believed, and how soon it is asked again.
/// Together longer than servers of a cluster that work lag behind each other.
const HELD_TRIES: u32 = 20;
pub(super) const HELD_PAUSE: Duration = Duration::from_millis(250);

/// What a look at a signature has shown.
pub(super) enum Signature {
    /// It counts, or none is needed.
    Counts,
    /// The command does not run for it.
    Refused(Box<Finished>),
    /// The ledger does not hold the command.
    MadeUp,
}

// === impl Job ===

impl Job {
    /// Looks at the signature, before anything is claimed. The bell may have been rung by anybody who may publish here: what
    /// does not count is compared with what the ledger holds, and that decides.
    pub(super) async fn check_signature(&mut self, context: &Context) -> Signature {
        let mut looked = self.was_read;
        loop {
            let fault = match context.trust.check(Asked::Run(&self.run), &self.original, false) {
                Ok(signed_by) => {
                    self.signed_by = signed_by;
                    return Signature::Counts;
                }
                Err(fault) => fault,
            };
            let held = if looked { None } else { self.held(context, 0).await };
            match held {
                // Also where only the signature was left out: the bytes are the same then.
                Some(Held { intent: Intent::Run(run), original }) => {
                    (self.run, self.original, looked) = (*run, original, true);
                }
                None if !looked => return Signature::MadeUp,
                _ => {
                    tracing::warn!(command = %self.run.id, %fault, "refused a command for its signature");
                    let problem = format!("{}: {fault}", fault.code());
                    let end = Finished::without_process(Outcome::Rejected, Cause::Signature, problem);
                    return Signature::Refused(Box::new(end));
                }
            }
        }
    }

    /// Why the command must not run although it was claimed: the headers of a message that say where it comes from can
    /// be forged by whoever may publish here. What the ledger does not hold is put there before anything starts; what
    /// it holds differently does not start.
    pub(super) async fn forgery(&self, context: &Context, held: Result<Option<Held>, ReadError>) -> Option<Finished> {
        let held = match held {
            Ok(found) => found,
            Err(_) => self.held(context, 0).await,
        };
        let held = match held {
            // An approval counts only where a gateway has put it: who may publish here could have written it.
            None if self.run.approval.is_some() => self.held(context, HELD_TRIES).await,
            // In a cluster, a copy that lags behind may have answered: only the stream itself knows.
            None => match self.put_back(context).await {
                Ok(Submission::New { .. }) => return None,
                Ok(Submission::Existing) => self.held(context, HELD_TRIES).await,
                Err(error) => return Some(not_an_intent(error.to_string())),
            },
            found => found,
        };
        match held {
            // Byte by byte: what follows is tied to these.
            Some(Held { intent: Intent::Run(_), original }) if original.link() != self.original.link() => {
                Some(not_an_intent("it is not what the ledger holds under this id".to_owned()))
            }
            Some(Held { intent: Intent::Run(_), .. }) => None,
            Some(Held { intent: Intent::Cancel(cancel), original }) => {
                match context.trust.check(Asked::Cancel(&cancel), &original, true) {
                    // What it was cannot be compared any more.
                    Ok(_) => Some(cancelled(&cancel)),
                    // Nobody who counts has said so; that the command itself is real, its own signature says.
                    Err(_) => None,
                }
            }
            None => Some(not_an_intent("the ledger does not hold it for this agent".to_owned())),
        }
    }

    /// What the ledger holds, asked until there is an answer. `None` when it says again and again that there is nothing.
    async fn held(&self, context: &Context, tries: u32) -> Option<Held> {
        let mut nothing = 0;
        loop {
            match context.ledger.held(&context.agent, &self.run.id).await {
                Ok(Some(held)) => return Some(held),
                Ok(None) if nothing >= tries => return None,
                Ok(None) => nothing += 1,
                Err(ReadError::Corrupt { .. }) => return None,
                Err(ReadError::Unavailable(_)) => {}
            }
            tokio::time::sleep(HELD_PAUSE).await;
        }
    }

    /// Puts the command into the ledger where that does not hold it, and tries until it is known whether it does.
    pub(super) async fn put_back(&self, context: &Context) -> Result<Submission, SubmitError> {
        loop {
            match context.ledger.submit_original(&context.agent, &self.run.id, &self.original).await {
                Err(SubmitError::Unavailable(_)) => tokio::time::sleep(HELD_PAUSE).await,
                known => {
                    if let Ok(Submission::New { .. }) = &known {
                        tracing::warn!(command = %self.run.id, "put back a command that the ledger did not hold");
                    }
                    return known;
                }
            }
        }
    }
}

fn not_an_intent(problem: String) -> Finished {
    Finished::without_process(Outcome::Rejected, Cause::NotAnIntent, problem)
}
