//! Receives effects while a command is followed, gives the verdict.

mod words;

use std::collections::HashMap;

use ogent_protocol::RiskLevel;
use ogent_protocol::verdict::{
    Effect, EffectKind, Opaque, Privilege, ProgramUse, Provenance, Reason, Span, SyntaxError, TargetClass, Verdict,
};

use crate::level;
use crate::limits::{MAX_EFFECTS, MAX_REASONS};

/// Something that is done, before its level is known.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) kind: EffectKind,
    pub(crate) target: Option<String>,
    pub(crate) class: TargetClass,
    pub(crate) provenance: Provenance,
    pub(crate) recursive: bool,
    pub(crate) span: Span,
    /// Instead of what the kind has by itself.
    pub(crate) level: Option<RiskLevel>,
    /// For people; made of the kind where absent.
    pub(crate) why: Option<String>,
    pub(crate) attack: Option<String>,
}

// === impl Deed ===

impl Deed {
    pub(crate) fn new(kind: EffectKind, span: Span) -> Self {
        Self {
            kind,
            target: None,
            class: TargetClass::None,
            provenance: Provenance::Literal,
            recursive: false,
            span,
            level: None,
            why: None,
            attack: None,
        }
    }

    pub(crate) fn at(self, level: RiskLevel) -> Self {
        Self { level: Some(level), ..self }
    }

    pub(crate) fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    pub(crate) fn from(self, provenance: Provenance) -> Self {
        Self { provenance, ..self }
    }

    pub(crate) fn on(self, class: TargetClass, target: impl Into<String>) -> Self {
        Self { class, target: Some(target.into()), ..self }
    }
}

/// What has been seen so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    level: RiskLevel,
    effects: Vec<Effect>,
    reasons: HashMap<String, Reason>,
    programs: Vec<ProgramUse>,
    opaque: Vec<Opaque>,
    truncated: bool,
    /// While it is over zero nothing is written down: what was before is only followed to know its traces.
    pub(crate) muted: u32,
    /// Rules that held, for the tests of the rules.
    #[cfg(test)]
    pub(crate) fired: Vec<usize>,
}

// === impl Report ===

impl Report {
    pub(crate) fn add(&mut self, deed: Deed, privilege: Privilege) {
        if self.muted > 0 {
            return;
        }
        let own = level::of(deed.kind, deed.class, deed.provenance, deed.recursive);
        let level = deed.level.unwrap_or(own);
        if level == RiskLevel::None {
            return;
        }
        self.level = self.level.max(level);
        self.reason(&deed, level);
        let Deed { kind, target, class, provenance, recursive, span, .. } = deed;
        let target = target.map(|text| words::short(&text));
        let same = |known: &&mut Effect| known.kind == kind && known.target == target && known.class == class;
        if let Some(known) = self.effects.iter_mut().find(same) {
            known.level = known.level.max(level);
            known.recursive |= recursive;
            known.privilege = known.privilege.max(privilege);
            known.provenance = known.provenance.max(provenance);
            return;
        }
        if self.effects.len() >= MAX_EFFECTS {
            self.truncated = true;
            return;
        }
        self.effects.push(Effect { kind, target, class, provenance, privilege, recursive, level, span });
    }

    fn reason(&mut self, deed: &Deed, level: RiskLevel) {
        let code = words::code(deed);
        let known = self.reasons.get(&code).map(|reason| reason.level);
        if known.is_some_and(|known| known >= level) || (known.is_none() && self.reasons.len() >= MAX_REASONS) {
            return;
        }
        let message = words::message(deed);
        let attack = deed.attack.clone().or_else(|| words::attack(deed).map(str::to_owned));
        self.reasons.insert(code.clone(), Reason { code, level, message, attack, span: deed.span });
    }

    pub(crate) fn program(&mut self, name: &str, known: bool, installed: Option<bool>, span: Span) {
        let seen = self.programs.iter().any(|other| other.name == name && other.known == known);
        if self.muted == 0 && !seen && self.programs.len() < MAX_EFFECTS {
            self.programs.push(ProgramUse { name: words::short(name), known, installed, span });
        }
    }

    pub(crate) fn opaque(&mut self, what: impl Into<String>, span: Span) {
        let what = words::short(&what.into());
        let seen = self.opaque.iter().any(|other| other.what == what);
        if self.muted == 0 && !seen && self.opaque.len() < MAX_REASONS {
            self.opaque.push(Opaque { what, span });
        }
    }

    /// Something was too long, too deep or too much: nobody knows the rest.
    pub(crate) fn give_up(&mut self, what: &str, span: Span) {
        if self.muted > 0 {
            return;
        }
        self.truncated = true;
        self.add(Deed::new(EffectKind::Unknown, span).at(RiskLevel::High).because(what), Privilege::Ordinary);
    }

    pub(crate) fn verdict(self, syntax_error: Option<SyntaxError>) -> Verdict {
        let Self { level, effects, reasons, programs, opaque, truncated, .. } = self;
        let mut reasons: Vec<Reason> = reasons.into_values().collect();
        reasons.sort_by(|a, b| b.level.cmp(&a.level).then(a.span.start.cmp(&b.span.start)).then(a.code.cmp(&b.code)));
        Verdict { level, syntax_error, programs, effects, reasons, opaque, suggestions: Vec::new(), truncated }
    }
}
