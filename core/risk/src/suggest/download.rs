//! What is downloaded and run at once.

use ogent_protocol::verdict::SuggestionKind::Preview;
use rable::{Node, NodeKind};

use super::call::Call;
use super::line::{Draft, Edit, Line};

const SHELLS: &[&str] = &[
    "sh", "bash", "zsh", "dash", "ksh", "fish", "python", "python3", "perl", "ruby", "node", "php", "pwsh", "source",
    ".", "eval",
];

const WHY: &str = "keeps what is downloaded in a file, to be read before it is run";

/// `curl URL | sh`.
pub(super) fn drafts(line: &Line<'_>, node: &Node, calls: &[Option<Call<'_>>], drafts: &mut Vec<Draft>) {
    let [Some(first), .., Some(last)] = calls else { return };
    if !first.is(&["curl", "wget"]) || !last.is(SHELLS) {
        return;
    }
    let Some(address) = first.args.iter().find(|arg| is_address(arg.raw)) else { return };
    let (start, end) = line.range(node);
    let edits = vec![Edit::replace(start..end, kept(&first.name, address.raw))];
    drafts.push(Draft::new(Preview, WHY, edits));
}

/// `sh -c "$(curl URL)"`, `bash <(curl URL)`.
pub(super) fn substituted(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    if !call.is(SHELLS) {
        return;
    }
    let NodeKind::Command { words, .. } = &call.node.kind else { return };
    let parts = words.iter().filter_map(|word| match &word.kind {
        NodeKind::Word { parts, .. } => Some(parts),
        _ => None,
    });
    let commands = parts.flatten().filter_map(|part| match &part.kind {
        NodeKind::CommandSubstitution { command, .. } | NodeKind::ProcessSubstitution { command, .. } => Some(command),
        _ => None,
    });
    for command in commands {
        let NodeKind::Command { words, .. } = &command.kind else { continue };
        let values: Vec<&str> = words.iter().filter_map(value).collect();
        let Some((program, rest)) = values.split_first() else { continue };
        if let Some(address) = rest.iter().find(|word| is_address(word))
            && matches!(*program, "curl" | "wget")
        {
            drafts.push(Draft::new(Preview, WHY, vec![call.instead(kept(program, address))]));
        }
    }
}

fn value(word: &Node) -> Option<&str> {
    match &word.kind {
        NodeKind::Word { value, .. } => Some(value),
        _ => None,
    }
}

fn is_address(raw: &str) -> bool {
    let raw = raw.trim_start_matches(['"', '\'']);
    raw.contains("://")
        || raw.starts_with('$')
        || raw.contains('.') && raw.contains('/') && !raw.starts_with(['-', '/'])
}

fn kept(program: &str, address: &str) -> String {
    match program {
        "wget" => format!("wget -qO /tmp/script.sh {address}"),
        _ => format!("curl -fsSLo /tmp/script.sh {address}"),
    }
}
