//! Receives a verdict with the command that it is about, gives it as text for people.
//!
//! The command comes first, with its [`marks`] [`underline`]d; then what policy says, why, what it would do, what cannot
//! be seen, and what would be better.

mod effects;
mod marks;
mod underline;

use comfy_table::Color;
use ogent_protocol::verdict::{Reason, Suggestion, SuggestionKind};
use ogent_protocol::{Advice, AdvisorState, Analysis, Decision, PolicyMode, RiskLevel, Ruling, Verdict};

use super::table::{Cell, Look, Table};
use marks::Marks;
pub(crate) use underline::{Extent, plain};

/// Lines of one part that are shown, where not all of the command is wanted.
const SHOWN: usize = 12;

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    /// The command, as it was judged.
    pub(crate) command: &'a str,
    /// Its level, with what a model has added.
    pub(crate) level: RiskLevel,
    /// What the rules say.
    pub(crate) verdict: &'a Verdict,
    /// What policy says.
    pub(crate) ruling: Option<&'a Ruling>,
    /// What a model says.
    pub(crate) advice: Option<&'a Advice>,
    /// How much of it is shown.
    pub(crate) extent: Extent,
}

impl<'a> From<&'a Analysis> for Judged<'a> {
    fn from(analysis: &'a Analysis) -> Self {
        Self {
            command: &analysis.command,
            level: analysis.level,
            verdict: &analysis.verdict,
            ruling: analysis.ruling.as_ref(),
            advice: analysis.advice.as_ref(),
            extent: Extent::Excerpt,
        }
    }
}

// === impl Judged ===

impl Judged<'_> {
    /// All of it, each line with its newline.
    #[must_use]
    pub(crate) fn text(&self, look: Look) -> String {
        let marks = Marks::new(self.command, self.verdict);
        let mut text = underline::underline(self.command, &marks, self.extent, look);
        text.push('\n');
        text.push_str(&self.summary().render(look));
        for (title, rows) in [
            ("why", self.reasons()),
            ("would", self.effects()),
            ("cannot be seen", self.opaque()),
            ("better", self.suggestions()),
        ] {
            push_part(&mut text, title, &rows, look);
        }
        if let Some(advice) = self.advice {
            push_part(&mut text, "a model says", &said(advice), look);
        }
        text
    }

    fn summary(&self) -> Table {
        let mut table = Table::default();
        table.field("risk", self.level);
        if let Some(ruling) = self.ruling {
            table.field("policy", in_words(ruling));
        }
        if let Some(error) = &self.verdict.syntax_error {
            table.field("syntax", format!("not a line of shell: {}", error.message));
        }
        let is_missing = |program: &&ogent_protocol::verdict::ProgramUse| program.installed == Some(false);
        let missing: Vec<&str> = self.verdict.programs.iter().filter(is_missing).map(|it| it.name.as_str()).collect();
        if !missing.is_empty() {
            table.field("not there", format!("the machine has no {}", missing.join(", ")));
        }
        if self.verdict.truncated {
            table.field("note", "there is more than is shown here; the risk counts all of it");
        }
        table
    }

    fn most(&self) -> usize {
        if self.extent == Extent::Whole { usize::MAX } else { SHOWN }
    }

    fn reasons(&self) -> Table {
        let mut table = Table::default();
        let reasons = &self.verdict.reasons;
        for reason in reasons.iter().take(self.most()) {
            table.row([reason.level.into(), code(reason).into(), reason.message.as_str().into()]);
        }
        add_rest(&mut table, reasons.len(), self.most());
        table
    }

    fn effects(&self) -> Table {
        let mut table = Table::default();
        for (kind, targets) in effects::grouped(&self.verdict.effects) {
            table.row([kind.to_string().replace('_', " ").as_str().into(), targets.as_str().into()]);
        }
        table
    }

    fn opaque(&self) -> Table {
        let mut table = Table::default();
        let mut seen = Vec::new();
        for opaque in &self.verdict.opaque {
            let place = excerpt(self.command, opaque.span.start, opaque.span.end);
            if !seen.contains(&(opaque.what.as_str(), place)) {
                seen.push((opaque.what.as_str(), place));
            }
        }
        for (what, place) in seen.iter().take(self.most()) {
            table.row([Cell::from(*what), Cell::from(*place)]);
        }
        add_rest(&mut table, seen.len(), self.most());
        table
    }

    fn suggestions(&self) -> Table {
        let mut table = Table::default();
        for Suggestion { kind, command, why, level } in self.verdict.suggestions.iter().take(self.most()) {
            table.row([kind_in_words(*kind).into(), Cell::lines(&format!("{command}\n{why} (risk: {level})"))]);
        }
        table
    }
}

fn push_part(text: &mut String, title: &str, rows: &Table, look: Look) {
    if rows.is_empty() {
        return;
    }
    let inner = Look { width: look.width.map(|width| width.saturating_sub(2).max(1)), ..look };
    text.push_str(&format!("\n{title}:\n"));
    for line in rows.render(inner).lines() {
        text.push_str(format!("  {line}").trim_end());
        text.push('\n');
    }
}

fn add_rest(table: &mut Table, all: usize, shown: usize) {
    if let Some(more) = all.checked_sub(shown).filter(|more| *more > 0) {
        table.row([Cell::from("…"), Cell::from(format!("and {more} more"))]);
    }
}

fn said(advice: &Advice) -> Table {
    let mut table = Table::default();
    table.field(&advice.model, Cell::lines(&advice.explanation));
    if let Some(raise) = &advice.raise {
        table.field("raises to", format!("{}: {}", raise.level, raise.reason));
    }
    for suggestion in &advice.suggestions {
        table.field("suggests", Cell::lines(suggestion));
    }
    table
}

/// A code, with its technique where it has one.
fn code(reason: &Reason) -> String {
    match &reason.attack {
        Some(attack) => format!("{} [{attack}]", reason.code),
        None => reason.code.clone(),
    }
}

/// What policy says, and what it would if it were enforced.
pub(crate) fn in_words(ruling: &Ruling) -> String {
    let because = &ruling.because;
    match (ruling.mode, ruling.enforced) {
        (PolicyMode::Enforce, _) => format!("{}: {because}", decided(ruling.decision)),
        (PolicyMode::Off, _) => "runs: the policy is off".to_owned(),
        (PolicyMode::Advise, Decision::Run) => format!("runs: {because}"),
        (PolicyMode::Advise, Decision::Ask) => {
            format!("runs, because the policy only advises; it would ask: {because}")
        }
        (PolicyMode::Advise, Decision::Block) => {
            format!("runs, because the policy only advises; it would block: {because}")
        }
    }
}

fn decided(decision: Decision) -> &'static str {
    match decision {
        Decision::Run => "runs",
        Decision::Ask => "needs approval",
        Decision::Block => "blocked",
    }
}

/// Whether a model will say more.
pub(crate) fn advisor_in_words(advisor: AdvisorState) -> Option<&'static str> {
    match advisor {
        AdvisorState::Pending => Some("a model was asked as well; ask again in a moment to see what it says"),
        AdvisorState::Busy => Some("the model has too much to do and was not asked"),
        AdvisorState::Absent | AdvisorState::Answered | AdvisorState::NoOpinion | AdvisorState::Other => None,
    }
}

fn kind_in_words(kind: SuggestionKind) -> &'static str {
    match kind {
        SuggestionKind::Safer => "safer",
        SuggestionKind::Faster => "faster",
        SuggestionKind::Sturdier => "sturdier",
        SuggestionKind::Preview => "to look first",
    }
}

/// What stands at a place, if that is a place.
fn excerpt(text: &str, start: usize, end: usize) -> &str {
    const LONGEST: usize = 60;
    let start = text.floor_char_boundary(start);
    let end = text.ceil_char_boundary(end.min(start.saturating_add(LONGEST)));
    text.get(start..end).unwrap_or_default()
}

impl From<RiskLevel> for Cell {
    fn from(level: RiskLevel) -> Self {
        let color = match level {
            RiskLevel::None | RiskLevel::Low => Color::Green,
            RiskLevel::Medium => Color::Yellow,
            RiskLevel::High | RiskLevel::Critical => Color::Red,
        };
        Self::colored(level.as_str(), color)
    }
}

#[cfg(test)]
mod tests;
