//! Cuts a verdict to what may be stored. Its level stays: it counts everything that was there.

use super::Verdict;
use crate::limits::{
    MAX_EFFECTS, MAX_REASONS, MAX_SUGGESTION_BYTES, MAX_SUGGESTIONS, MAX_VERDICT_BYTES, MAX_VERDICT_TEXT_BYTES,
};

/// Bytes that JSON may need for one of a text (`\u0000`).
const ESCAPED: usize = 6;
/// Bytes that an entry of a list needs beside its texts, at most.
const ENTRY: usize = 320;
/// Entries that are left when even the bounded lists are too much.
const FEW: usize = 8;

// === impl Verdict ===

impl Verdict {
    /// The same within the bounds of what is stored; `truncated` says whether something was left out.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let mut cut = Cut(false);
        cut.list(&mut self.programs, MAX_EFFECTS);
        cut.list(&mut self.effects, MAX_EFFECTS);
        cut.list(&mut self.reasons, MAX_REASONS);
        cut.list(&mut self.opaque, MAX_REASONS);
        let all = self.suggestions.len();
        self.suggestions.retain(|suggestion| suggestion.command.len() <= MAX_SUGGESTION_BYTES);
        self.suggestions.truncate(MAX_SUGGESTIONS);
        cut.0 |= self.suggestions.len() < all;
        if let Some(error) = &mut self.syntax_error {
            cut.text(&mut error.message);
        }
        self.programs.iter_mut().for_each(|program| cut.text(&mut program.name));
        self.effects.iter_mut().filter_map(|effect| effect.target.as_mut()).for_each(|target| cut.text(target));
        self.opaque.iter_mut().for_each(|opaque| cut.text(&mut opaque.what));
        self.suggestions.iter_mut().for_each(|suggestion| cut.text(&mut suggestion.why));
        for reason in &mut self.reasons {
            cut.text(&mut reason.code);
            cut.text(&mut reason.message);
            reason.attack.iter_mut().for_each(|attack| cut.text(attack));
        }
        if self.weight() > MAX_VERDICT_BYTES {
            cut.0 = true;
            self.shed();
        }
        self.truncated |= cut.0;
        self
    }

    /// What matters least goes first.
    fn shed(&mut self) {
        self.suggestions.clear();
        self.opaque.truncate(FEW);
        self.programs.truncate(FEW);
        if self.weight() > MAX_VERDICT_BYTES {
            self.effects.truncate(FEW);
            self.reasons.truncate(FEW);
        }
    }

    /// Bytes that it has in JSON, at most.
    fn weight(&self) -> usize {
        let texts: usize = self.syntax_error.iter().map(|error| error.message.len()).sum::<usize>()
            + self.programs.iter().map(|program| program.name.len()).sum::<usize>()
            + self.effects.iter().filter_map(|effect| effect.target.as_ref()).map(String::len).sum::<usize>()
            + self.opaque.iter().map(|opaque| opaque.what.len()).sum::<usize>()
            + self.suggestions.iter().map(|one| one.command.len() + one.why.len()).sum::<usize>()
            + self.reasons.iter().map(|reason| reason.code.len() + reason.message.len()).sum::<usize>()
            + self.reasons.iter().filter_map(|reason| reason.attack.as_ref()).map(String::len).sum::<usize>();
        let entries =
            self.programs.len() + self.effects.len() + self.opaque.len() + self.suggestions.len() + self.reasons.len();
        texts * ESCAPED + (entries + 2) * ENTRY
    }
}

/// Whether anything was cut.
struct Cut(bool);

// === impl Cut ===

impl Cut {
    fn list<T>(&mut self, list: &mut Vec<T>, most: usize) {
        self.0 |= list.len() > most;
        list.truncate(most);
    }

    fn text(&mut self, text: &mut String) {
        if text.len() > MAX_VERDICT_TEXT_BYTES {
            let end = text.floor_char_boundary(MAX_VERDICT_TEXT_BYTES - '…'.len_utf8());
            text.truncate(end);
            text.push('…');
            self.0 = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{
        Effect, EffectKind, Opaque, Privilege, ProgramUse, Provenance, Reason, RiskLevel, Span, Suggestion,
        SuggestionKind, SyntaxError, TargetClass,
    };

    fn verdict(entries: usize, text: &str) -> Verdict {
        let (span, text) = (Span::new(usize::MAX, usize::MAX), text.to_owned());
        let effect = Effect {
            kind: EffectKind::VersionControlLoss,
            target: Some(text.clone()),
            class: TargetClass::WorkingFolder,
            provenance: Provenance::CommandOutput,
            privilege: Privilege::Elevated,
            recursive: true,
            level: RiskLevel::Critical,
            span,
        };
        let reason = Reason {
            code: text.clone(),
            level: RiskLevel::Critical,
            message: text.clone(),
            attack: Some(text.clone()),
            span,
        };
        let suggestion = Suggestion {
            kind: SuggestionKind::Sturdier,
            command: text.clone(),
            why: text.clone(),
            level: RiskLevel::Critical,
        };
        let program = ProgramUse { name: text.clone(), known: false, installed: Some(false), span };
        Verdict {
            level: RiskLevel::Critical,
            syntax_error: Some(SyntaxError { message: text.clone(), span }),
            programs: vec![program; entries],
            effects: vec![effect; entries],
            reasons: vec![reason; entries],
            opaque: vec![Opaque { what: text, span }; entries],
            suggestions: vec![suggestion; entries],
            truncated: false,
        }
    }

    #[test]
    fn whatever_comes_fits() {
        for entries in [0, 1, 5, 64, 65, 1000] {
            for text in ["", "/srv", &"ü".repeat(300), &"\u{1}".repeat(511), &"\u{1}".repeat(70_000)] {
                let bounded = verdict(entries, text).bounded();
                let size = serde_json::to_vec(&bounded).unwrap().len();
                assert!(size <= MAX_VERDICT_BYTES, "{entries} of {} bytes: {size}", text.len());
                assert!(size <= bounded.weight(), "{entries} of {} bytes: {size}", text.len());
                assert_eq!(bounded.level, RiskLevel::Critical);
                assert_eq!(bounded.clone().bounded(), bounded);
            }
        }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let small = verdict(5, "rm -rf /");
        assert_eq!(small.clone().bounded(), small);
        assert!(verdict(65, "x").bounded().truncated && verdict(1, &"x".repeat(513)).bounded().truncated);
    }
}
