//! Receives an intent as it came, says whether its signature lets an agent do it. No I/O.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::limits::{CLOCK_SKEW, MAX_START_WITHIN};
use ogent_protocol::signature::{Purpose, SignatureFault, SignedBy, SignerRole};
use ogent_protocol::{AgentId, Intent};

use super::{Original, Verifier};

/// Whose intents count.
#[derive(Debug, Clone)]
pub struct IntentRules {
    /// What is believed.
    pub verifier: Verifier,
    /// People whose own signature counts, by name or by public key. Nobody, unless somebody says so.
    pub persons: BTreeSet<String>,
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

// === impl IntentRules ===

impl IntentRules {
    /// Who has signed the intent, if that counts here and now.
    ///
    /// # Errors
    /// Names the first reason why it does not.
    pub fn check(
        &self,
        intent: &Intent,
        original: &Original,
        check: IntentCheck<'_>,
    ) -> Result<SignedBy, SignatureFault> {
        let seal = original.seal.clone()?.ok_or(SignatureFault::Unsigned)?;
        let by = self.verifier.verify(Purpose::Intent, &original.payload, &seal, None, check.now)?;
        self.may_ask(&by)?;
        match intent.agent() {
            Some(named) if named == check.agent => {}
            Some(_) => return Err(SignatureFault::ForeignAgent),
            None => return Err(SignatureFault::Incomplete("its agent")),
        }
        if !original.names_command {
            return Err(SignatureFault::Incomplete("its command's id"));
        }
        check_times(intent, check)?;
        says_who_it_is(intent, &by)?;
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

fn check_times(intent: &Intent, IntentCheck { now, is_new, .. }: IntentCheck<'_>) -> Result<(), SignatureFault> {
    let skew = SignedDuration::try_from(CLOCK_SKEW).unwrap_or_default();
    let most = SignedDuration::try_from(MAX_START_WITHIN).unwrap_or_default() + skew;
    let requested_at = match intent {
        Intent::Run(run) => {
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
        Intent::Cancel(cancel) => cancel.requested_at,
    };
    match requested_at {
        Some(at) if at.duration_since(now) > skew => Err(SignatureFault::NotYet),
        _ => Ok(()),
    }
}

/// A gateway speaks for those who have logged in. A person speaks for one person, and approves nothing by it.
pub(super) fn says_who_it_is(intent: &Intent, by: &SignedBy) -> Result<(), SignatureFault> {
    if by.role != SignerRole::Person {
        return Ok(());
    }
    let (requested_by, is_approved) = match intent {
        Intent::Run(run) => (&run.requested_by, run.approval.is_some()),
        Intent::Cancel(cancel) => (&cancel.requested_by, false),
    };
    if is_approved {
        return Err(SignatureFault::NotAllowed("an approval counts only where a gateway has signed it"));
    }
    if requested_by.as_ref().is_some_and(|name| *name != by.name) {
        return Err(SignatureFault::NotAllowed("it names another person than has signed it"));
    }
    Ok(())
}
