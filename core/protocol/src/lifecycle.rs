//! Which event may follow which. The agent, the gateway and the tests use this one function.
//!
//! ```text
//!             ┌──────────▶ rejected, expired, cancelled
//! unclaimed ──┤
//!             └─▶ accepted ──▶ running ─┐ output
//!                    │           │  ▲───┘
//!                    └───────────┴─────▶ every outcome; rejected and expired only before running
//! ```

use serde::{Deserialize, Serialize};

use crate::event::EventKind;
use crate::outcome::{CommandStatus, Outcome};

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Lifecycle {
    /// No agent has taken it.
    #[default]
    Unclaimed,
    /// An agent has taken it and may be starting it.
    Accepted,
    /// Its process is known to run.
    Running,
    /// It is over.
    Ended(Outcome),
}

/// An event that may not come here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event} may not follow when the command is {state:?}")]
pub struct InvalidTransition {
    /// Where the command stood.
    pub state: Lifecycle,
    /// The type of the event.
    pub event: &'static str,
}

// === impl Lifecycle ===

impl Lifecycle {
    /// Where the command stands after `event`.
    ///
    /// # Errors
    /// When the event may not come now.
    pub fn apply(self, event: &EventKind) -> Result<Self, InvalidTransition> {
        use Outcome::{Cancelled, Expired, Rejected};
        match (self, event) {
            (Self::Unclaimed, EventKind::Accepted(_)) => Ok(Self::Accepted),
            (Self::Unclaimed, EventKind::Finished(end)) if matches!(end.outcome, Rejected | Expired | Cancelled) => {
                Ok(Self::Ended(end.outcome))
            }
            (Self::Accepted, EventKind::Started(_)) | (Self::Running, EventKind::Output(_)) => Ok(Self::Running),
            // A claim may take longer than the command had time to start, or show that the command is not what the
            // ledger holds: then it is over before it runs.
            (Self::Accepted, EventKind::Finished(end)) => Ok(Self::Ended(end.outcome)),
            (Self::Running, EventKind::Finished(end)) if !matches!(end.outcome, Rejected | Expired) => {
                Ok(Self::Ended(end.outcome))
            }
            (state, event) => Err(InvalidTransition { state, event: event.name() }),
        }
    }

    /// What people are told.
    #[must_use]
    pub fn status(self) -> CommandStatus {
        match self {
            Self::Unclaimed => CommandStatus::Queued,
            Self::Accepted => CommandStatus::Accepted,
            Self::Running => CommandStatus::Running,
            Self::Ended(outcome) => outcome.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Accepted, Cause, Finished, Origin, OutputChunk, OutputStream, Started};
    use crate::intent::{Intent, IntentWire};
    use proptest::prelude::*;

    fn accepted() -> EventKind {
        let wire = IntentWire { command: Some("true".into()), ..IntentWire::default() };
        let Intent::Run(run) = wire.admit(|| "c".parse().unwrap()).unwrap() else { unreachable!() };
        let (origin, instance) = (Origin::Ledger, "i".into());
        EventKind::Accepted(Box::new(Accepted {
            intent: *run,
            origin,
            instance,
            signed_by: None,
            verdict: None,
            ruling: None,
        }))
    }

    fn any_event() -> impl Strategy<Value = EventKind> {
        prop_oneof![
            Just(accepted()),
            Just(EventKind::Started(Started { pid: 1 })),
            Just(EventKind::Output(OutputChunk { stream: OutputStream::Stdout, offset: 0, data: "x".into() })),
            proptest::sample::select(Outcome::ALL.to_vec()).prop_map(|outcome| EventKind::Finished(Box::new(
                Finished::without_process(outcome, Cause::System, "m")
            ))),
        ]
    }

    proptest! {
        #[test]
        fn one_claim_and_one_end_whatever_comes(events in proptest::collection::vec(any_event(), 0..40)) {
            let (mut state, mut claims, mut ends) = (Lifecycle::default(), 0, 0);
            for event in &events {
                let before = state;
                let Ok(after) = state.apply(event) else { continue };
                prop_assert!(!matches!(before, Lifecycle::Ended(_)), "something followed the end");
                claims += usize::from(matches!(event, EventKind::Accepted(_)));
                ends += usize::from(matches!(event, EventKind::Finished(_)));
                if matches!(event, EventKind::Started(_) | EventKind::Output(_)) {
                    prop_assert_eq!(claims, 1, "a process without a claim");
                }
                state = after;
            }
            prop_assert!(claims <= 1 && ends <= 1);
            prop_assert_eq!(ends == 1, state.status().is_final());
        }
    }

    #[test]
    fn what_was_refused_never_ran() {
        let rejected =
            EventKind::Finished(Box::new(Finished::without_process(Outcome::Rejected, Cause::TooLarge, "no")));
        assert!(Lifecycle::Unclaimed.apply(&rejected).is_ok());
        assert!(Lifecycle::Accepted.apply(&rejected).is_ok());
        assert!(Lifecycle::Running.apply(&rejected).is_err());
    }
}
