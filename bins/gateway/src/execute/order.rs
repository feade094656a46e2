//! Receives a request as a person sent it, gives `execute` a command that is complete and checked.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::limits::{DEFAULT_QUEUE_WITHIN, DEFAULT_START_WITHIN, MAX_START_WITHIN};
use ogent_protocol::rest::ExecuteRequest;
use ogent_protocol::{AgentId, CommandId, InvalidIntent, Run};

use super::IdempotencyKey;
use crate::access::Principal;

/// What a person wants.
#[derive(Debug)]
pub(crate) struct Order {
    /// Who wants it.
    pub(crate) principal: Principal,
    /// Of which agent.
    pub(crate) agent: AgentId,
    /// What.
    pub(crate) request: ExecuteRequest,
    /// What makes a retry the same command.
    pub(crate) key: Option<IdempotencyKey>,
    /// How long to wait for the outcome.
    pub(crate) wait: Duration,
    /// How long to wait for an approval and the outcome, where one is needed.
    pub(crate) wait_for_decision: Duration,
}

/// The same as a command.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) principal: Principal,
    pub(super) agent: AgentId,
    pub(super) run: Run,
    pub(super) wait: Duration,
    pub(super) may_queue: bool,
    pub(super) has_key: bool,
    pub(super) dry_run: bool,
    pub(super) ask: bool,
    pub(super) wait_for_decision: Duration,
    /// How long it has to be started where nobody has said until when.
    pub(super) start_within: Option<Duration>,
}

// === impl Order ===

impl Order {
    pub(super) fn prepare(self) -> Result<Prepared, InvalidIntent> {
        let Self { principal, agent, mut request, key, wait, wait_for_decision } = self;
        let (may_queue, dry_run, ask) = (request.queue, request.dry_run, request.ask);
        let within = if may_queue { DEFAULT_QUEUE_WITHIN } else { DEFAULT_START_WITHIN };
        let start_within = request.not_after.is_none().then_some(within);
        let id = key.as_ref().map_or_else(CommandId::generate, |key| CommandId::derive(&principal.user, key.as_str()));
        request.not_after = request.not_after.or_else(|| until(within));
        // Further ahead, an agent would not take it: what it has run must be remembered for that long.
        if request.not_after.is_some_and(|not_after| until(MAX_START_WITHIN).is_some_and(|most| not_after > most)) {
            let problem = format!("is more than {} days ahead", MAX_START_WITHIN.as_secs() / 86_400);
            return Err(InvalidIntent { field: "not_after", problem });
        }
        let run = request.into_run(id, agent.clone(), &principal.user)?;
        let has_key = key.is_some();
        Ok(Prepared { principal, agent, run, wait, may_queue, has_key, dry_run, ask, wait_for_decision, start_within })
    }
}

/// When a command is given up that says nothing of it. A stale command must not surprise anybody later.
fn until(within: Duration) -> Option<Timestamp> {
    Timestamp::now().checked_add(SignedDuration::try_from(within).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Principal {
        let (user, expires_at) = ("alice".to_owned(), Timestamp::MAX);
        Principal { user, roles: Vec::new(), epoch: 0, grant: None, scope: None, expires_at, session: None }
    }

    fn order(request: ExecuteRequest, key: Option<&str>) -> Prepared {
        let key = key.map(|key| key.parse().unwrap());
        let (wait, wait_for_decision) = (Duration::ZERO, Duration::ZERO);
        let agent = "web-1".parse().unwrap();
        Order { principal: alice(), agent, request, key, wait, wait_for_decision }.prepare().unwrap()
    }

    fn request() -> ExecuteRequest {
        ExecuteRequest { command: Some("uptime".into()), ..ExecuteRequest::default() }
    }

    #[test]
    fn a_command_always_has_a_last_moment() {
        let minutes = |prepared: Prepared| {
            let left = prepared.run.not_after.unwrap().duration_since(Timestamp::now());
            left.as_mins() + 1
        };
        assert_eq!(minutes(order(request(), None)), 5);
        assert_eq!(minutes(order(ExecuteRequest { queue: true, ..request() }, None)), 24 * 60);
    }

    #[test]
    fn nobody_orders_for_next_month() {
        let ask = |days: i64| {
            let not_after = Some(Timestamp::now() + SignedDuration::from_hours(24 * days));
            let (key, agent, request) = (None, "web-1".parse().unwrap(), ExecuteRequest { not_after, ..request() });
            let (wait, wait_for_decision) = (Duration::ZERO, Duration::ZERO);
            Order { principal: alice(), agent, request, key, wait, wait_for_decision }.prepare()
        };
        assert!(ask(6).is_ok());
        assert_eq!(ask(8).unwrap_err().field, "not_after");
    }

    #[test]
    fn a_key_makes_a_retry_the_same_command() {
        let (first, retry) = (order(request(), Some("k")), order(request(), Some("\"k\"")));
        assert_eq!(first.run.id, retry.run.id);
        assert!(first.run.asks_the_same(&retry.run));
        assert_ne!(order(request(), None).run.id, order(request(), None).run.id);
    }
}
