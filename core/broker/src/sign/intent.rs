//! Receives an intent as it came, says whether its signature lets an agent do it. No I/O.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::limits::{CLOCK_SKEW, MAX_START_WITHIN};
use ogent_protocol::signature::{Purpose, SignatureFault, SignedBy, SignerRole};
use ogent_protocol::{AgentId, Cancel, Intent, Run};

use super::{Original, Verifier};

/// Whose intents count.
#[derive(Debug, Clone)]
pub struct IntentRules {
    /// What is believed.
    pub verifier: Verifier,
    /// People whose own signature counts, by name or by public key. Nobody, unless somebody says so.
    pub persons: BTreeSet<String>,
}

/// What is asked, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// To run a command.
    Run(&'a Run),
    /// To end one.
    Cancel(&'a Cancel),
}

/// Where and when an intent came.
#[derive(Debug, Clone, Copy)]
pub struct IntentCheck<'a> {
    /// Who is asked.
    pub agent: &'a AgentId,
    /// When.
    pub now: Timestamp,
    /// Whether it is new: what has waited in the ledger until its time was over gets its end as expired, and everybody
    /// sees why.
    pub is_new: bool,
}

// === impl Asked ===

impl<'a> From<&'a Intent> for Asked<'a> {
    fn from(intent: &'a Intent) -> Self {
        match intent {
            Intent::Run(run) => Self::Run(run),
            Intent::Cancel(cancel) => Self::Cancel(cancel),
        }
    }
}

impl<'a> Asked<'a> {
    fn agent(self) -> Option<&'a AgentId> {
        match self {
            Self::Run(run) => run.agent.as_ref(),
            Self::Cancel(cancel) => cancel.agent.as_ref(),
        }
    }
}

// === impl IntentRules ===

impl IntentRules {
    /// Who has signed the intent, if that counts here and now.
    ///
    /// # Errors
    /// Names the first reason why it does not.
    pub fn check(
        &self,
        asked: Asked<'_>,
        original: &Original,
        check: IntentCheck<'_>,
    ) -> Result<SignedBy, SignatureFault> {
        let seal = original.seal.clone()?.ok_or(SignatureFault::Unsigned)?;
        let by = self.verifier.verify(Purpose::Intent, &original.payload, &seal, None, check.now)?;
        self.may_ask(&by)?;
        match asked.agent() {
            Some(named) if named == check.agent => {}
            Some(_) => return Err(SignatureFault::ForeignAgent),
            None => return Err(SignatureFault::Incomplete("its agent")),
        }
        if !original.names_command {
            return Err(SignatureFault::Incomplete("its command's id"));
        }
        check_times(asked, check)?;
        says_who_it_is(asked, &by)?;
        Ok(by)
    }

    fn may_ask(&self, by: &SignedBy) -> Result<(), SignatureFault> {
        match by.role {
            SignerRole::Gateway => Ok(()),
            SignerRole::Person if self.persons.contains(&by.name) || self.persons.contains(&by.key) => Ok(()),
            SignerRole::Person => {
                Err(SignatureFault::UntrustedSigner(format!("this agent does not take orders of {}", by.name)))
            }
            SignerRole::Agent | SignerRole::Other => {
                Err(SignatureFault::NotAllowed("only gateways and people ask for commands"))
            }
        }
    }
}

fn check_times(asked: Asked<'_>, IntentCheck { now, is_new, .. }: IntentCheck<'_>) -> Result<(), SignatureFault> {
    let skew = SignedDuration::try_from(CLOCK_SKEW).unwrap_or_default();
    let most = SignedDuration::try_from(MAX_START_WITHIN).unwrap_or_default() + skew;
    let requested_at = match asked {
        Asked::Run(run) => {
            let not_after = run.not_after.ok_or(SignatureFault::Incomplete("its not_after"))?;
            if is_new && not_after < now {
                return Err(SignatureFault::Stale);
            }
            if not_after.duration_since(now) > most {
                return Err(SignatureFault::TooLong);
            }
            run.requested_at
        }
        // It has no time of its own: its effect ends with the command, whose name is never used again.
        Asked::Cancel(cancel) => cancel.requested_at,
    };
    match requested_at {
        Some(at) if at.duration_since(now) > skew => Err(SignatureFault::NotYet),
        _ => Ok(()),
    }
}

/// A gateway speaks for those who have logged in. A person speaks for one person, and approves nothing by it.
pub(super) fn says_who_it_is(asked: Asked<'_>, by: &SignedBy) -> Result<(), SignatureFault> {
    if by.role != SignerRole::Person {
        return Ok(());
    }
    let (requested_by, is_approved) = match asked {
        Asked::Run(run) => (&run.requested_by, run.approval.is_some()),
        Asked::Cancel(cancel) => (&cancel.requested_by, false),
    };
    if is_approved {
        return Err(SignatureFault::NotAllowed("an approval counts only where a gateway has signed it"));
    }
    if requested_by.as_ref().is_some_and(|name| *name != by.name) {
        return Err(SignatureFault::NotAllowed("it names another person than has signed it"));
    }
    Ok(())
}
