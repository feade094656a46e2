//! Receives what came back for one try, tells what may be concluded from it. Pure.
//!
//! Only what says that it was not taken is a refusal: a status of the 4xx, and `history_full`. Behind every other 5xx,
//! and behind silence, the command may be in the history.

use ogent_protocol::rest::{CommandResult, PendingCommand, Problem};
use ogent_protocol::{CommandId, CommandStatus, Outcome};

/// What one try has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is in the history, under this id; and has ended, if that was told.
    Taken { command: CommandId, outcome: Option<Outcome> },
    /// This try did not put it there. Status 0 stands for NATS.
    Refused { status: u16, code: String },
    /// The token is not, or no longer, good: nothing was done.
    LoggedOut,
    /// An agent says that it is there already.
    Exists,
    /// Nobody was there to hear it.
    NotSent(String),
    /// It may be in the history, or may yet come there.
    Unsure(String),
}

// === impl Answer ===

impl Answer {
    /// What a gateway's answer to `execute` shows.
    pub(super) fn of_http(status: u16, body: &[u8]) -> Self {
        let code = || serde_json::from_slice::<Problem>(body).map(|problem| problem.code).unwrap_or_default();
        match status {
            200 => taken(body),
            202 => match serde_json::from_slice::<PendingCommand>(body) {
                Ok(pending) => Self::Taken { command: pending.id, outcome: outcome(pending.status) },
                Err(error) => Self::Unsure(format!("202 cannot be read: {error}")),
            },
            401 => Self::LoggedOut,
            400..=499 | 507 => Self::Refused { status, code: code() },
            _ => Self::Unsure(format!("{status} {}", code())),
        }
    }

    /// What an agent's answer on an inbox shows. `error` is its `Nats-Service-Error-Code`.
    pub(super) fn of_nats(error: Option<&str>, body: &[u8]) -> Self {
        if error.is_none() {
            return taken(body);
        }
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            return Self::Unsure("its refusal cannot be read".to_owned());
        };
        match problem.code.as_str() {
            "command_exists" => Self::Exists,
            "broker_unavailable" => Self::Unsure(problem.code),
            _ => Self::Refused { status: 0, code: problem.code },
        }
    }

    /// What two tries in the same moment show together.
    pub(super) fn and(self, other: Self) -> Self {
        let rank = |answer: &Self| match answer {
            Self::Taken { outcome: Some(_), .. } => 0,
            Self::Taken { outcome: None, .. } => 1,
            Self::Exists => 2,
            Self::Unsure(_) => 3,
            // Try again before anything is concluded.
            Self::LoggedOut => 4,
            Self::Refused { .. } => 5,
            Self::NotSent(_) => 6,
        };
        if rank(&self) <= rank(&other) { self } else { other }
    }
}

fn taken(body: &[u8]) -> Answer {
    match serde_json::from_slice::<CommandResult>(body) {
        Ok(result) => Answer::Taken { command: result.id, outcome: outcome(result.status) },
        Err(error) => Answer::Unsure(format!("the result cannot be read: {error}")),
    }
}

/// The outcome that a status tells, if it is final.
pub(super) fn outcome(status: CommandStatus) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| CommandStatus::from(*outcome) == status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &str, status: u16) -> Vec<u8> {
        serde_json::to_vec(&Problem::new(code, status, "words")).unwrap()
    }

    #[test]
    fn only_a_word_is_a_refusal() {
        let refused = |status, code: &str| Answer::Refused { status, code: code.to_owned() };
        assert_eq!(Answer::of_http(409, &problem("agent_offline", 409)), refused(409, "agent_offline"));
        assert_eq!(Answer::of_http(507, &problem("history_full", 507)), refused(507, "history_full"));
        assert_eq!(Answer::of_http(401, b""), Answer::LoggedOut);
        for (status, code) in [(500, "internal"), (503, "broker_unavailable"), (503, "not_ready"), (502, "")] {
            assert!(matches!(Answer::of_http(status, &problem(code, status)), Answer::Unsure(_)), "{code}");
        }
        // The gateway died while it wrote the body.
        assert!(matches!(Answer::of_http(200, b"{\"id\":"), Answer::Unsure(_)));
    }

    #[test]
    fn what_was_taken_is_read() {
        let body = br#"{"id":"c","agent_id":"a","status":"running"}"#;
        let command: CommandId = "c".parse().unwrap();
        assert_eq!(Answer::of_http(202, body), Answer::Taken { command: command.clone(), outcome: None });
        let body = br#"{"id":"c","agent_id":"a","status":"lost","exit_code":null,"signal":null,"stdout":"","stderr":"",
            "stdout_bytes":0,"stderr_bytes":0,"stdout_cut":0,"stderr_cut":0,"truncated":false,"duration_ms":null}"#;
        let lost = Answer::Taken { command, outcome: Some(Outcome::Lost) };
        assert_eq!(Answer::of_http(200, body), lost);
        assert_eq!(Answer::of_nats(None, body), lost);
    }

    #[test]
    fn agents_refuse_too() {
        assert_eq!(Answer::of_nats(Some("409"), &problem("command_exists", 409)), Answer::Exists);
        let busy = Answer::Refused { status: 0, code: "busy".to_owned() };
        assert_eq!(Answer::of_nats(Some("503"), &problem("busy", 503)), busy);
        let away = Answer::of_nats(Some("503"), &problem("broker_unavailable", 503));
        assert!(matches!(away, Answer::Unsure(_)));
    }

    #[test]
    fn of_two_tries_the_one_that_says_more_counts() {
        let refused = Answer::Refused { status: 409, code: String::new() };
        let unsure = Answer::Unsure(String::new());
        assert_eq!(refused.clone().and(unsure.clone()), unsure);
        assert_eq!(Answer::NotSent(String::new()).and(refused.clone()), refused);
        let taken = Answer::Taken { command: "c".parse().unwrap(), outcome: None };
        assert_eq!(unsure.and(taken.clone()), taken);
    }
}
