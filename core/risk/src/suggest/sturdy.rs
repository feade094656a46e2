//! What works in more cases.

use ogent_protocol::verdict::SuggestionKind::Sturdier;
use rable::{Node, NodeKind};

use super::call::Call;
use super::line::{Draft, Edit, Line};
use super::scan::{self, Part};

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    match call.name.as_str() {
        "apt-get" | "apt" => packages(call, drafts),
        "yum" | "dnf" | "zypper" | "microdnf" => {
            let changes = matches!(call.sub(), Some("install" | "remove" | "update" | "upgrade"));
            if changes && !call.has('y', &["--assumeyes", "--assumeno", "--non-interactive"]) {
                let answers = if call.name == "zypper" { "--non-interactive" } else { "-y" };
                drafts.push(Draft::new(Sturdier, "does not wait for an answer", vec![call.with(answers)]));
            }
        }
        "which" if call.args.len() == 1 => {
            let edits = vec![call.program.replace("command -v")];
            drafts.push(Draft::new(Sturdier, "every shell has it, and it tells by its exit code", edits));
        }
        "mkdir"
            if !call.has('p', &["--parents"])
                && call.operands().any(|arg| arg.raw.trim_end_matches('/').contains('/')) =>
        {
            drafts.push(Draft::new(
                Sturdier,
                "makes the folders above, too, and does not fail if it is there",
                vec![call.with("-p")],
            ));
        }
        "ssh" if !call.args.iter().any(|arg| arg.raw.contains("BatchMode")) && call.operands().count() > 1 => {
            let edits = vec![call.with("-o BatchMode=yes -o ConnectTimeout=10")];
            drafts.push(Draft::new(Sturdier, "fails instead of waiting for a password", edits));
        }
        "curl"
            if call.operands().any(|arg| arg.raw.contains("://"))
                && !call.has('f', &["--fail", "--fail-with-body"]) =>
        {
            drafts.push(Draft::new(Sturdier, "fails where the server answers with an error", vec![call.with("-f")]));
        }
        _ => {}
    }
}

fn packages(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let changes = matches!(
        call.sub(),
        Some("install" | "remove" | "purge" | "upgrade" | "dist-upgrade" | "full-upgrade" | "autoremove")
    );
    if !changes
        || call.has('y', &["--yes", "--assume-yes", "--simulate"])
        || call.has('s', &[])
        || call.has('q', &["-qq"])
    {
        return;
    }
    let Some(sub) = call.operands().next() else { return };
    let edits = vec![
        Edit::insert(
            call.program.range.start,
            if call.prefix.contains("DEBIAN_FRONTEND") { "" } else { "DEBIAN_FRONTEND=noninteractive " },
        ),
        Edit::insert(sub.range.end, " -y"),
    ];
    // Before `sudo` a variable would be lost; behind it, it is set for the program.
    if call.prefix.is_empty()
        || call.prefix.trim_start().starts_with("sudo")
        || call.prefix.trim_start().starts_with("env")
    {
        drafts.push(Draft::new(Sturdier, "does not wait for answers", edits));
    }
}

/// `for file in $(ls *.txt)` breaks names with spaces apart; a pattern alone does not.
pub(super) fn loop_over_ls(line: &Line<'_>, node: &Node, name: &str, words: &[Node], drafts: &mut Vec<Draft>) {
    let [Node { kind: NodeKind::Word { value, .. }, .. }] = words else { return };
    let Some(at) = word_of_loop(line, node, name, value) else { return };
    let parts = scan::parts(value);
    let [Part::Substitution { range, inner, quoted: false } | Part::Backticks { range, inner }] = parts.as_slice()
    else {
        return;
    };
    if range.len() != value.len() {
        return;
    }
    let Some(inner) = value.get(inner.clone()) else { return };
    let mut listed = inner.split_whitespace();
    if listed.next() != Some("ls") || inner.contains(['|', ';', '&', '>', '<', '$', '`', '"', '\'']) {
        return;
    }
    let patterns: Vec<&str> = listed.filter(|word| !matches!(*word, "-1" | "-d" | "--")).collect();
    let glob = match patterns.as_slice() {
        [] => "*".to_owned(),
        patterns if patterns.iter().all(|pattern| scan::has_glob(pattern) && !pattern.starts_with('-')) => {
            patterns.join(" ")
        }
        _ => return,
    };
    drafts.push(Draft::new(
        Sturdier,
        "names with spaces in them stay whole",
        vec![Edit::replace(at..at + value.len(), glob)],
    ));
}

/// Where the only word of `for name in word` stands; the parser does not tell.
fn word_of_loop(line: &Line<'_>, node: &Node, name: &str, word: &str) -> Option<usize> {
    let (start, end) = line.range(node);
    let text = line.slice(start, end);
    let blank = |char: char| char.is_whitespace();
    let rest = text.strip_prefix("for")?.trim_start_matches(blank).strip_prefix(name)?;
    let rest = rest.trim_start_matches(blank).strip_prefix("in")?.trim_start_matches(blank);
    rest.starts_with(word).then(|| end - rest.len())
}
