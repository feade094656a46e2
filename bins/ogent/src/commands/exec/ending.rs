//! Receives how a command ended, gives what to exit with and what to tell the user.

use ogent_protocol::event::{Cause, Finished};
use ogent_protocol::rest::CommandView;
use ogent_protocol::{CommandStatus, Decision, Ruling, Verdict};

use super::OGENT_FAILED;
use crate::output::humane;

/// How a command ended, as far as the user's shell cares.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Its outcome.
    pub status: CommandStatus,
    /// What its process exited with.
    pub exit_code: Option<i32>,
    /// What ended its process.
    pub signal: Option<i32>,
    /// Why it did not end by itself.
    pub cause: Option<Cause>,
    /// What the agent says about it.
    pub message: Option<String>,
    /// Bytes of output that nobody has.
    pub cut: u64,
    /// Whether it left something behind that still prints.
    pub left_running: bool,
    /// What policy says, where the command was refused for its risk.
    pub refused: Option<Refused>,
}

/// A verdict, and the policy that refuses for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// What the rules say.
    pub verdict: Box<Verdict>,
    /// What policy says to that.
    pub ruling: Option<Ruling>,
}

impl From<&Finished> for End {
    fn from(end: &Finished) -> Self {
        Self {
            status: end.outcome.into(),
            exit_code: end.exit_code,
            signal: end.signal,
            cause: end.cause,
            message: end.message.clone(),
            cut: end.stdout.cut.saturating_add(end.stderr.cut),
            left_running: end.left_running,
            refused: end.verdict.clone().map(|verdict| Refused { verdict, ruling: end.ruling.clone() }),
        }
    }
}

impl From<&CommandView> for End {
    fn from(command: &CommandView) -> Self {
        Self {
            status: command.status,
            exit_code: command.exit_code,
            signal: command.signal,
            cause: command.cause,
            message: command.message.clone(),
            cut: command.cut_bytes.unwrap_or_default(),
            left_running: false,
            // The one who waited for its approval has seen the verdict already.
            refused: None,
        }
    }
}

// === impl End ===

impl End {
    /// Whether it was refused for want of an approval, and not whatever anybody says.
    fn may_be_approved(&self) -> bool {
        let ruling = self.refused.as_ref().and_then(|refused| refused.ruling.as_ref());
        ruling.is_some_and(|ruling| ruling.decision == Decision::Ask)
    }
}

/// What `ogent exec` exits with.
#[must_use]
pub fn exit_code(end: &End, was_interrupted: bool) -> u8 {
    const INTERRUPTED: u8 = 130;
    if was_interrupted {
        return INTERRUPTED;
    }
    // A code that no shell could show counts as a general failure.
    let own = end.exit_code.and_then(|code| u8::try_from(code).ok());
    let own_signal = end.signal.and_then(|signal| u8::try_from(signal).ok());
    match end.status {
        CommandStatus::Succeeded => 0,
        CommandStatus::Failed => own.filter(|code| *code != 0).unwrap_or(1),
        CommandStatus::Signaled => own_signal.and_then(|signal| signal.checked_add(128)).unwrap_or(1),
        CommandStatus::TimedOut => 124,
        CommandStatus::Cancelled => INTERRUPTED,
        CommandStatus::Unspawnable => if end.cause == Some(Cause::NoProgram) { 127 } else { 126 },
        CommandStatus::Rejected
        | CommandStatus::Denied
        | CommandStatus::Expired
        | CommandStatus::Lost
        // Nothing followed, and still it has not ended: Ogent does not know.
        | CommandStatus::AwaitingApproval
        | CommandStatus::Queued
        | CommandStatus::Accepted
        | CommandStatus::Running => OGENT_FAILED,
    }
}

/// What to tell the user where the exit code alone would not do.
#[must_use]
pub fn words(end: &End) -> Option<String> {
    let what = match end.status {
        CommandStatus::Succeeded | CommandStatus::Failed => return None,
        CommandStatus::Signaled => match end.signal {
            Some(signal) => format!("the command was ended by signal {signal}"),
            None => "the command was ended by a signal".to_owned(),
        },
        CommandStatus::TimedOut => "the command took too long and was ended".to_owned(),
        CommandStatus::Cancelled => "the command was cancelled".to_owned(),
        CommandStatus::Rejected => "the command was refused".to_owned(),
        CommandStatus::Denied => "the command was denied".to_owned(),
        CommandStatus::Expired if end.cause == Some(Cause::NotApproved) => {
            "nobody approved the command in time".to_owned()
        }
        CommandStatus::Expired => "the command was not started in time".to_owned(),
        CommandStatus::Unspawnable => "the command could not be started".to_owned(),
        CommandStatus::Lost => "the agent was lost: whether the command ran to its end is not known".to_owned(),
        CommandStatus::AwaitingApproval | CommandStatus::Queued | CommandStatus::Accepted | CommandStatus::Running => {
            "the gateway stopped telling what happens to the command".to_owned()
        }
    };
    let Some(message) = &end.message else { return Some(what) };
    // "denied by bob" says more than "the command was denied", and the same.
    let begins = what.rsplit_once(' ').filter(|(_, last)| message.starts_with(last));
    Some(begins.map_or_else(|| format!("{what}: {message}"), |(before, _)| format!("{before} {message}")))
}

/// What to look out for where the command itself ran to its end.
#[must_use]
pub fn warnings(end: &End) -> Vec<String> {
    let mut warnings = Vec::new();
    if end.cut > 0 {
        warnings.push(format!("{} of the output were not kept; see --max-output", humane::size(end.cut)));
    }
    if end.left_running {
        warnings.push("the command left something running; what that prints is not kept".to_owned());
    }
    warnings
}

/// What to do about it, where that is clear.
#[must_use]
pub fn hint(end: &End, words: &[String]) -> Option<String> {
    match (end.status, words) {
        (CommandStatus::Unspawnable, [line]) if line.contains(char::is_whitespace) => {
            Some(format!("words after -- are run without a shell; for a line of shell write: -s {}", quoted(line)))
        }
        (CommandStatus::Rejected, _) if end.may_be_approved() => {
            Some("the agent's own policy is stricter; let somebody approve it first: add --ask".to_owned())
        }
        (CommandStatus::TimedOut, _) => Some("give it more time with --timeout".to_owned()),
        _ => None,
    }
}

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use CommandStatus::*;
    use ogent_protocol::PolicyMode;

    fn end(status: CommandStatus, exit_code: Option<i32>, signal: Option<i32>, message: Option<&str>) -> End {
        let message = message.map(str::to_owned);
        End { status, exit_code, signal, cause: None, message, cut: 0, left_running: false, refused: None }
    }

    #[test]
    fn exit_codes_are_passed_through() {
        for (status, exit, signal, message, code) in [
            (Succeeded, Some(0), None, None, 0),
            (Failed, Some(3), None, None, 3),
            (Failed, Some(255), None, None, 255),
            (Failed, Some(256), None, None, 1),
            (Failed, None, None, None, 1),
            (Signaled, None, Some(9), None, 137),
            (Signaled, None, Some(64), None, 192),
            (Signaled, None, Some(-128), None, 1),
            (Signaled, None, Some(i32::MAX), None, 1),
            (TimedOut, None, Some(15), None, 124),
            (TimedOut, Some(0), None, None, 124),
            (Cancelled, None, Some(15), None, 130),
            (Rejected, None, None, Some("too large"), 125),
            (Expired, None, None, None, 125),
            (Denied, None, None, Some("not today"), 125),
            (AwaitingApproval, None, None, None, 125),
            (Lost, None, None, None, 125),
            (Running, None, None, None, 125),
        ] {
            let end = end(status, exit, signal, message);
            assert_eq!(exit_code(&end, false), code, "{end:?}");
            assert_eq!(exit_code(&end, true), 130);
        }
        for (cause, code) in [(Cause::NoProgram, 127), (Cause::NotExecutable, 126), (Cause::NoFolder, 126)] {
            let end = End { cause: Some(cause), ..end(Unspawnable, None, None, None) };
            assert_eq!(exit_code(&end, false), code, "{end:?}");
        }
    }

    #[test]
    fn only_what_the_exit_code_does_not_say_is_said() {
        assert_eq!(words(&end(Succeeded, Some(0), None, None)), None);
        assert_eq!(words(&end(Failed, Some(1), None, None)), None);
        let rejected = words(&end(Rejected, None, None, Some("stdin: too large"))).unwrap();
        assert_eq!(rejected, "the command was refused: stdin: too large");
        let denied = words(&end(Denied, None, None, Some("denied by bob: not today"))).unwrap();
        assert_eq!(denied, "the command was denied by bob: not today");
        let late = End { cause: Some(Cause::NotApproved), ..end(Expired, None, None, None) };
        assert_eq!(words(&late).unwrap(), "nobody approved the command in time");
        let cut = End { cut: 2048, ..end(Succeeded, Some(0), None, None) };
        assert_eq!(warnings(&cut), ["2.0 KiB of the output were not kept; see --max-output"]);
    }

    #[test]
    fn a_shell_line_given_as_a_word_is_explained() {
        let end = End { cause: Some(Cause::NoProgram), ..end(Unspawnable, None, None, None) };
        assert!(hint(&end, &["ls | wc 'x'".into()]).unwrap().ends_with(r"-s 'ls | wc '\''x'\'''"));
        assert_eq!(hint(&end, &["nope".into()]), None);
    }

    #[test]
    fn where_an_approval_would_help_that_is_said() {
        let refused = |decision| {
            let ruling = Ruling { decision, enforced: decision, mode: PolicyMode::Enforce, because: "x".into() };
            let refused = Some(Refused { verdict: Box::default(), ruling: Some(ruling) });
            hint(&End { refused, ..end(Rejected, None, None, None) }, &[])
        };
        assert!(refused(Decision::Ask).unwrap().contains("--ask"));
        assert_eq!(refused(Decision::Block), None);
    }
}
