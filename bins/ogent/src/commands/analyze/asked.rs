//! Receives one line of JSON, gives the command that it asks about, or the line that answers it.

use std::collections::BTreeMap;
use std::time::Instant;

use ogent_protocol::{AnalysisRequest, Decision, RiskLevel};
use ogent_risk::{Context, Policy, Reach};
use serde::{Deserialize, Serialize};

use super::lines::{Line, MAX_LINE_BYTES};
use crate::output::format;

/// Longest error that is told: what a parser says may hold the whole line.
const MAX_ERROR_CHARACTERS: usize = 200;

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// JSON, with its newline.
    pub(super) text: String,
    /// Whether it is an error instead of a verdict.
    pub(super) is_error: bool,
}

/// The fields of an [`AnalysisRequest`] that matter to the rules. Files of other people have more: labels, names,
/// numbers. These are passed over, also where they would be an `id` or an `agent`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    command: Option<String>,
    argv: Option<Vec<String>>,
    system: Option<String>,
    shell: Option<String>,
    user: Option<String>,
    cwd: Option<String>,
    home: Option<String>,
    programs: Option<Vec<String>>,
    history: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Option<String>,
}

/// What is said of one command.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    level: RiskLevel,
    decision: Decision,
    effects: Vec<&'a str>,
    reasons: Vec<&'a str>,
    micros: f64,
    /// Why it is not a line of shell, where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    syntax_error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Failed<'a> {
    error: &'a str,
}

/// Judges what stands in one line, under `policy`, for one ordinary machine without labels.
pub(super) fn answer(line: &Line, policy: &Policy) -> Answer {
    let text = match line {
        Line::TooLong => return failed(&format!("the line is longer than {MAX_LINE_BYTES} bytes")),
        Line::Text(bytes) if bytes.trim_ascii().is_empty() => return failed("the line is empty"),
        Line::Text(bytes) => bytes,
    };
    match serde_json::from_slice::<Asked>(text) {
        Ok(asked) => judged(&AnalysisRequest::from(asked), policy),
        Err(error) => failed(&error.to_string()),
    }
}

/// A line that has no verdict.
pub(super) fn failed(error: &str) -> Answer {
    let error: String = error.chars().take(MAX_ERROR_CHARACTERS).collect();
    Answer { text: line_of(&Failed { error: &error }), is_error: true }
}

fn judged(request: &AnalysisRequest, policy: &Policy) -> Answer {
    let program = match request.program() {
        Ok(program) => program,
        Err(error) => return failed(&error.to_string()),
    };
    let context = Context::from(request);
    let began = Instant::now();
    let verdict = ogent_risk::judge(&program, &context);
    let micros = micros(began);
    let ruling = policy.rule(&verdict, Reach { labels: &BTreeMap::new(), targets: 1 });
    let text = line_of(&Judged {
        level: verdict.level,
        decision: ruling.decision,
        effects: once(verdict.effects.iter().map(|effect| effect.kind.as_str())),
        reasons: once(verdict.reasons.iter().map(|reason| reason.code.as_str())),
        micros,
        syntax_error: verdict.syntax_error.as_ref().map(|error| error.message.as_str()),
    });
    Answer { text, is_error: false }
}

/// Microseconds since then, to the tenth: clocks do not know more.
pub(super) fn micros(began: Instant) -> f64 {
    (began.elapsed().as_nanos() as f64 / 100.0).round() / 10.0
}

/// Each word where it comes first.
fn once<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

fn line_of<T: Serialize>(value: &T) -> String {
    // These types have a JSON form whatever they hold.
    format::json_line(value).unwrap_or_else(|_| "{\"error\":\"the verdict cannot be written\"}\n".to_owned())
}

impl From<Asked> for AnalysisRequest {
    fn from(asked: Asked) -> Self {
        Self {
            id: None,
            agent: None,
            command: asked.command,
            argv: asked.argv,
            system: asked.system,
            shell: asked.shell,
            user: asked.user,
            cwd: asked.cwd,
            home: asked.home,
            programs: asked.programs,
            history: asked.history,
            env: asked.env,
            stdin: asked.stdin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ogent_protocol::PolicyMode;
    use serde_json::{Value, json};

    fn policy() -> Policy {
        Policy::shipped(PolicyMode::Enforce)
    }

    fn ask(line: &str) -> (Value, bool) {
        let answer = answer(&Line::Text(line.into()), &policy());
        assert_eq!(answer.text.matches('\n').count(), 1, "{answer:?}");
        (serde_json::from_str(&answer.text).unwrap(), answer.is_error)
    }

    #[test]
    fn a_command_gets_a_verdict() {
        let (answer, is_error) = ask(r#"{"command": "true", "id": 5, "agent": [], "expect": "allow", "lines": 1}"#);
        assert!(!is_error, "{answer}");
        for name in ["level", "decision"] {
            assert!(answer[name].is_string(), "{answer}");
        }
        for name in ["effects", "reasons"] {
            assert!(answer[name].is_array(), "{answer}");
        }
        assert!(answer["micros"].is_f64(), "{answer}");
    }

    #[test]
    fn what_is_no_question_gets_an_error() {
        for line in [
            "",
            " \r",
            "{",
            "5",
            "[]",
            "rm -rf /",
            "{}",
            r#"{"command": 5}"#,
            r#"{"command": "a", "argv": ["b"]}"#,
            r#"{"command": "a", "user": 5}"#,
            r#"{"command": "a"} {"command": "b"}"#,
            "{\"command\": \"\\ud800\"}",
        ] {
            let (answer, is_error) = ask(line);
            assert!(is_error && answer["error"].is_string(), "{line:?} {answer}");
        }
        assert!(answer(&Line::Text(b"{\"command\": \"\xff\"}".into()), &policy()).is_error);
        assert!(answer(&Line::TooLong, &policy()).is_error);
    }

    #[test]
    fn an_error_does_not_repeat_the_whole_line() {
        let long = "x".repeat(500_000);
        let (answer, _) = ask(&json!({"command": "a", "history": long}).to_string());
        assert!(answer["error"].as_str().unwrap().len() <= MAX_ERROR_CHARACTERS, "{answer}");
    }

    #[test]
    fn every_field_that_may_be_asked_is_read() {
        let request = AnalysisRequest {
            id: None,
            agent: None,
            command: Some("a".into()),
            argv: Some(vec!["b".into()]),
            system: Some("c".into()),
            shell: Some("d".into()),
            user: Some("e".into()),
            cwd: Some("f".into()),
            home: Some("g".into()),
            programs: Some(vec!["h".into()]),
            history: vec!["i".into()],
            env: [("j".into(), "k".into())].into(),
            stdin: Some("l".into()),
        };
        let asked: Asked = serde_json::from_value(serde_json::to_value(&request).unwrap()).unwrap();
        assert_eq!(AnalysisRequest::from(asked), request);
    }

    #[test]
    fn a_code_is_told_once() {
        assert_eq!(once(["b", "a", "b"].into_iter()), ["b", "a"]);
    }
}
