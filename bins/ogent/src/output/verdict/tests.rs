//! A verdict as people see it: its marks, its words, what policy says.

use super::*;
use crate::output::sanitize;
use serde_json::json;

const PLAIN: Look = Look { width: None, has_color: false };

fn verdict() -> Verdict {
    let span = |start: usize, end: usize| json!({"start": start, "end": end});
    serde_json::from_value(json!({
        "level": "critical",
        "programs": [{"name": "rm", "known": true, "installed": true, "span": span(5, 7)},
                     {"name": "frob", "known": false, "installed": false, "span": span(18, 22)}],
        "effects": [
            {"kind": "unknown", "class": "none", "provenance": "literal", "privilege": "ordinary", "level": "medium",
             "span": span(18, 22)},
            {"kind": "delete", "target": "/etc", "class": "system", "provenance": "literal", "privilege": "elevated",
             "recursive": true, "level": "critical", "span": span(0, 16)},
            {"kind": "delete", "target": "$X\u{1b}[2J", "class": "unknown", "provenance": "unknown", "privilege": "ordinary",
             "level": "high", "span": span(13, 15)}
        ],
        "reasons": [
            {"code": "delete-system", "level": "critical", "message": "removes a folder\u{202e} of the system",
             "attack": "T1485", "span": span(0, 12)},
            {"code": "unknown-program", "level": "high", "message": "nobody knows what it does", "span": span(18, 22)}
        ],
        "opaque": [{"what": "the value of X", "span": span(13, 15)}, {"what": "the value of X", "span": span(13, 15)}],
        "suggestions": [{"kind": "safer", "command": "rm -r /etc/x", "why": "names what is meant", "level": "medium"}]
    }))
    .unwrap()
}

fn judged<'a>(verdict: &'a Verdict, ruling: Option<&'a Ruling>) -> Judged<'a> {
    let command = "sudo rm /etc $X ; frob";
    Judged { command, level: verdict.level, verdict, ruling, advice: None, extent: Extent::Excerpt }
}

fn ruling(mode: PolicyMode, enforced: Decision) -> Ruling {
    let decision = if mode == PolicyMode::Enforce { enforced } else { Decision::Run };
    Ruling { decision, enforced, mode, because: "risk critical".to_owned() }
}

#[test]
fn a_verdict_is_shown() {
    let (verdict, ruling) = (verdict(), ruling(PolicyMode::Enforce, Decision::Block));
    assert_eq!(
        judged(&verdict, Some(&ruling)).text(PLAIN),
        "  sudo rm /etc $X ; frob\n\
         \x20 ^^^^^^^^^^^^ ~~   ----\n\
         \n\
         risk       critical\n\
         policy     blocked: risk critical\n\
         not there  the machine has no frob\n\
         \n\
         why:\n\
         \x20 critical  delete-system [T1485]  removes a folder\\u{202e} of the system\n\
         \x20 high      unknown-program        nobody knows what it does\n\
         \n\
         would:\n\
         \x20 delete   /etc (system, all below it, with raised rights); $X^[[2J (unknown, from somewhere unknown)\n\
         \x20 unknown\n\
         \n\
         cannot be seen:\n\
         \x20 the value of X  $X\n\
         \n\
         better:\n\
         \x20 safer  rm -r /etc/x\n\
         \x20        names what is meant (risk: medium)\n"
    );
}

#[test]
fn what_is_harmless_says_little() {
    let verdict = Verdict::default();
    assert_eq!(judged(&verdict, None).text(PLAIN), "  sudo rm /etc $X ; frob\n\nrisk  none\n");
}

#[test]
fn a_policy_says_what_it_does_and_what_it_would() {
    for (mode, enforced, words) in [
        (PolicyMode::Enforce, Decision::Run, "runs: risk critical"),
        (PolicyMode::Enforce, Decision::Ask, "needs approval: risk critical"),
        (PolicyMode::Advise, Decision::Block, "runs, because the policy only advises; it would block: risk critical"),
        (PolicyMode::Advise, Decision::Run, "runs: risk critical"),
        (PolicyMode::Off, Decision::Run, "runs: the policy is off"),
    ] {
        assert_eq!(in_words(&ruling(mode, enforced)), words);
    }
}

#[test]
fn whatever_stands_in_it_is_harmless() {
    let mut verdict = verdict();
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\r\nx".to_owned();
    verdict.syntax_error = Some(ogent_protocol::verdict::SyntaxError {
        message: evil.clone(),
        span: ogent_protocol::verdict::Span::new(usize::MAX, 0),
    });
    for program in &mut verdict.programs {
        program.name.clone_from(&evil);
    }
    for effect in &mut verdict.effects {
        effect.target = Some(evil.clone());
    }
    for reason in &mut verdict.reasons {
        (reason.code, reason.message, reason.attack) = (evil.clone(), evil.clone(), Some(evil.clone()));
    }
    for opaque in &mut verdict.opaque {
        opaque.what.clone_from(&evil);
    }
    for suggestion in &mut verdict.suggestions {
        (suggestion.command, suggestion.why) = (evil.clone(), evil.clone());
    }
    let ruling = Ruling { because: evil.clone(), ..ruling(PolicyMode::Enforce, Decision::Ask) };
    let advice: Advice = serde_json::from_value(json!({
        "model": evil, "explanation": evil, "suggestions": [evil], "raise": {"level": "critical", "reason": evil}
    }))
    .unwrap();
    for width in [None, Some(1), Some(40)] {
        let judged = Judged { command: &evil, advice: Some(&advice), ..judged(&verdict, Some(&ruling)) };
        let text = judged.text(Look { width, has_color: false });
        assert!(!text.chars().any(|c| c != '\n' && sanitize::is_harmful(c)), "{text:?}");
    }
}

#[test]
fn of_many_reasons_the_first_are_shown_unless_all_are_wanted() {
    let mut verdict = verdict();
    verdict.reasons = vec![verdict.reasons[0].clone(); 40];
    let count = |extent| {
        let judged = Judged { extent, ..judged(&verdict, None) };
        judged.text(PLAIN).matches("delete-system").count()
    };
    assert_eq!((count(Extent::Excerpt), count(Extent::Whole)), (SHOWN, 40));
}
