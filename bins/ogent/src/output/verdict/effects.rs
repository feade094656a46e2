//! Receives the effects of a command, gives them by kind: what would be done, and to what.

use ogent_protocol::verdict::{Effect, EffectKind, Privilege, Provenance, TargetClass};

/// Targets that are named of one kind.
const NAMED: usize = 6;

/// Longest target that is shown.
const LONGEST_CHARACTERS: usize = 80;

/// Each kind once, the worst first, with its targets.
pub(super) fn grouped(effects: &[Effect]) -> Vec<(EffectKind, String)> {
    let mut sorted: Vec<&Effect> = effects.iter().collect();
    sorted.sort_by_key(|effect| std::cmp::Reverse(effect.level));
    let mut kinds: Vec<(EffectKind, Vec<String>)> = Vec::new();
    for effect in sorted {
        let target = in_words(effect);
        match kinds.iter_mut().find(|(kind, _)| *kind == effect.kind) {
            Some((_, targets)) if targets.contains(&target) => {}
            Some((_, targets)) => targets.push(target),
            None => kinds.push((effect.kind, vec![target])),
        }
    }
    kinds.into_iter().map(|(kind, targets)| (kind, listed(&targets))).collect()
}

fn listed(targets: &[String]) -> String {
    let named: Vec<&str> = targets.iter().map(String::as_str).filter(|it| !it.is_empty()).take(NAMED).collect();
    let more = targets.len().saturating_sub(NAMED);
    if more > 0 { format!("{}; and {more} more", named.join("; ")) } else { named.join("; ") }
}

/// A target, and what else makes it better or worse.
fn in_words(effect: &Effect) -> String {
    let mut about = Vec::new();
    if !matches!(effect.class, TargetClass::None) {
        about.push(effect.class.to_string().replace('_', " "));
    }
    if effect.recursive {
        about.push("all below it".to_owned());
    }
    if effect.privilege == Privilege::Elevated {
        about.push("with raised rights".to_owned());
    }
    about.extend(source(effect.provenance).map(str::to_owned));
    let target = effect.target.as_deref().map(cut).unwrap_or_default();
    let about = about.join(", ");
    match (target.is_empty(), about.is_empty()) {
        (_, true) => target,
        (true, false) => about,
        (false, false) => format!("{target} ({about})"),
    }
}

fn source(provenance: Provenance) -> Option<&'static str> {
    match provenance {
        Provenance::Literal => None,
        Provenance::Decoded => Some("from a coded form"),
        Provenance::File => Some("from a file"),
        Provenance::CommandOutput => Some("from what a program prints"),
        Provenance::Unknown => Some("from somewhere unknown"),
        Provenance::Network => Some("from the network"),
    }
}

fn cut(target: &str) -> String {
    match target.char_indices().nth(LONGEST_CHARACTERS) {
        Some((end, _)) => format!("{}…", target.get(..end).unwrap_or_default()),
        None => target.to_owned(),
    }
}
