//! Commands as anybody may write them, through the analyser.

use ogent_protocol::{Program, RiskLevel};
use ogent_risk::{Context, judge};

/// Judges text as a line of shell. The verdict has to be within its bounds, and its places within the text.
pub fn shell(bytes: &[u8]) {
    let line = String::from_utf8_lossy(bytes).into_owned();
    let program = Program::Shell(line.clone());
    let verdict = judge(&program, &Context::default());
    assert_eq!(verdict, judge(&program, &Context::default()), "the same command has two verdicts");
    let worst = verdict.reasons.iter().map(|reason| reason.level).max().unwrap_or(RiskLevel::None);
    assert_eq!(verdict.level, worst, "the level is not that of the worst reason");
    let spans = verdict.reasons.iter().map(|reason| reason.span);
    let spans = spans
        .chain(verdict.effects.iter().map(|effect| effect.span))
        .chain(verdict.programs.iter().map(|program| program.span));
    for span in spans.chain(verdict.opaque.iter().map(|opaque| opaque.span)) {
        assert!(line.get(span.start..span.end).is_some(), "{span:?} is no part of the command");
    }
    for suggestion in &verdict.suggestions {
        assert!(suggestion.level <= verdict.level, "a suggestion is worse than the command");
    }
}
