//! Receives the verdict, gives people the report and programs `summary.json`.

mod context;

use std::fmt::Write as _;

use serde::Serialize;

use crate::check::{Case, Figures, Files, Latency, Verdict, Violation};
use crate::evidence::{Evidence, Run};

/// Violations that are printed; all of them are in `summary.json`.
const PRINTED: usize = 20;

/// What `summary.json` holds.
#[derive(Serialize)]
struct Summary<'a> {
    run: &'a Run,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// The report as text; also writes `summary.json` beside the evidence.
///
/// # Errors
/// When the evidence cannot be read, or the summary not written.
pub fn report(evidence: &Evidence, verdict: &Verdict) -> anyhow::Result<String> {
    let files = Files::read(evidence)?;
    let run = files.run.clone();
    let summary = serde_json::to_vec_pretty(&Summary { run: &run, verdict })?;
    std::fs::write(evidence.path("summary.json"), summary)?;
    let mut text = head(&run);
    text.push_str(&faults(&verdict.figures));
    text.push_str(&figures(&verdict.figures));
    // The pieces of what went wrong are looked for only where something did.
    let case = (!verdict.violations.is_empty()).then(|| Case::new(files));
    text.push_str(&violations(case.as_ref(), &verdict.violations));
    Ok(text)
}

fn head(run: &Run) -> String {
    let seconds = (run.ended - run.began) / 1_000_000;
    let mut text = format!("seed {}, scene {}, {seconds} s of load\n", run.seed, run.scene);
    if let Some(sabotage) = &run.sabotage {
        let _ = writeln!(text, "SABOTAGED: {sabotage}");
    }
    for (program, version) in &run.versions {
        let _ = writeln!(text, "  {program} {version}");
    }
    let cgroups = if run.cgroups { "agents may use cgroups" } else { "agents have no cgroups here" };
    let _ = writeln!(text, "  {cgroups}");
    for skipped in &run.skipped {
        let _ = writeln!(text, "  not done here: {skipped}");
    }
    text
}

fn faults(figures: &Figures) -> String {
    let mut text = format!("\n{:<24} {:>6} {:>9} {:>12} {:>12}\n", "fault", "times", "touched", "healed, p50", "worst");
    for (kind, fault) in &figures.faults {
        let healing = |time: f64| if fault.healing.count == 0 { "–".to_owned() } else { seconds(time) };
        let (half, worst) = (healing(fault.healing.p50_ms), healing(fault.healing.worst_ms));
        let _ = writeln!(text, "{kind:<24} {:>6} {:>9} {half:>12} {worst:>12}", fault.times, fault.touched);
    }
    let (times, healing) = (figures.faults.values().map(|fault| fault.times).sum::<usize>(), &figures.healing);
    let (half, worst) = (seconds(healing.p50_ms), seconds(healing.worst_ms));
    let _ = writeln!(text, "{:<24} {times:>6} {:>9} {half:>12} {worst:>12}", "all", "");
    if figures.covered > 0 {
        let _ = writeln!(text, "{} more could not be seen to heal: another one came on top", figures.covered);
    }
    text
}

fn figures(figures: &Figures) -> String {
    let list = |counts: &std::collections::BTreeMap<String, usize>| {
        let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    };
    let latency = |of: &Latency| {
        let Latency { count, p50_ms, p99_ms, worst_ms } = of;
        format!("p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms, worst {worst_ms:.0} ms ({count})")
    };
    let rows = [
        ("offered", figures.offered.to_string()),
        ("accepted", figures.accepted.to_string()),
        ("refused", list(&figures.refused)),
        ("unknown", figures.unknown.to_string()),
        ("started", figures.started.to_string()),
        ("double starts", figures.double_starts.to_string()),
        ("lost ends", figures.lost_ends.to_string()),
        ("forgotten by set-back", figures.forgotten.to_string()),
        ("outcomes", list(&figures.outcomes)),
        ("share of lost", format!("{:.2} %", figures.share_of_lost * 100.0)),
        ("left alive, and told", figures.left_and_told.to_string()),
        ("quick, in peace", latency(&figures.quick_in_peace)),
        ("quick, under faults", latency(&figures.quick_under_faults)),
    ];
    rows.into_iter().fold("\n".to_owned(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<24} {value}");
        text
    })
}

fn violations(case: Option<&Case>, violations: &[Violation]) -> String {
    if violations.is_empty() {
        return "\nno violation\n".to_owned();
    }
    let mut text = format!("\n{} VIOLATIONS\n", violations.len());
    for invariant in 0..=10 {
        let count = violations.iter().filter(|violation| violation.invariant == invariant).count();
        if count > 0 {
            let _ = writeln!(text, "  {:<60} {count}", name(invariant));
        }
    }
    for violation in violations.iter().take(PRINTED) {
        let Violation { invariant, text: problem, nonce, command } = violation;
        let _ = writeln!(text, "\n[{invariant}] {problem}");
        if let Some(case) = case {
            text.push_str(&context::of(case, nonce.as_deref(), command.as_ref()));
        }
    }
    if violations.len() > PRINTED {
        let _ = writeln!(text, "\n… and {} more, in summary.json", violations.len() - PRINTED);
    }
    text
}

/// An invariant in a few words.
fn name(invariant: u8) -> &'static str {
    match invariant {
        1 => "1. at most one start per command",
        2 => "2. recorded before it starts",
        3 => "3. exactly one end, in time, that never changes",
        4 => "4. nothing starts that nobody asked for",
        5 => "5. outcomes tell the truth",
        6 => "6. nothing is left alive",
        7 => "7. output is complete, in order, once",
        8 => "8. everything acknowledged is readable",
        9 => "9. resources are bounded and come back",
        10 => "10. idle and healthy again, without help",
        _ => "0. the rig itself has seen enough",
    }
}

fn seconds(ms: f64) -> String {
    format!("{:.1} s", ms / 1000.0)
}

#[cfg(test)]
mod tests;
