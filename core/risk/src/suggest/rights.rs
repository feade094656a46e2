//! Permissions that let everybody do everything.

use ogent_protocol::verdict::SuggestionKind::Safer;

use super::call::Call;
use super::line::Draft;

/// Modes that are too wide, with what is nearly always enough; the last for everything below a folder.
const MODES: &[(&str, &str, &str)] = &[
    ("777", "755", "u=rwX,go=rX"),
    ("0777", "0755", "u=rwX,go=rX"),
    ("666", "644", "u=rwX,go=rX"),
    ("0666", "0644", "u=rwX,go=rX"),
    ("776", "754", "u=rwX,g=rX,o=r"),
    ("757", "755", "u=rwX,go=rX"),
    ("a+rwx", "u=rwx,go=rx", "u=rwX,go=rX"),
    ("a=rwx", "u=rwx,go=rx", "u=rwX,go=rX"),
    ("ugo+rwx", "u=rwx,go=rx", "u=rwX,go=rX"),
    ("a+w", "u+w", "u+w"),
    ("o+w", "g+w", "g+w"),
    ("go+w", "g+w", "g+w"),
    ("+rwx", "u=rwx,go=rx", "u=rwX,go=rX"),
    ("a+rw", "u+rw,go+r", "u+rw,go+r"),
    ("o+rw", "o+r", "o+r"),
    ("o+rwx", "o+rx", "o+rX"),
];

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    if !call.is(&["chmod", "install", "mkdir"]) {
        return;
    }
    let recursive = call.has('R', &["--recursive"]);
    let at = match call.name.as_str() {
        "chmod" => call.operands().next(),
        // `-m 777`
        _ => call.args.iter().skip_while(|arg| arg.raw != "-m").nth(1),
    };
    let Some(mode) = at else { return };
    if let Some((_, one, all)) = MODES.iter().find(|(wide, ..)| mode.raw == *wide) {
        let narrow = if recursive { *all } else { *one };
        drafts.push(Draft::new(Safer, "others may read, and only the owner may change", vec![mode.replace(narrow)]));
    }
}
