//! What removes or discards: `rm`, `git`, volumes of containers.

use ogent_protocol::verdict::SuggestionKind::{Preview, Safer, Sturdier};

use super::call::Call;
use super::line::{Draft, Edit};

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    match call.name.as_str() {
        "rm" => removed(call, drafts),
        "git" => git(call, drafts),
        "docker" | "podman" | "docker-compose" => containers(call, drafts),
        "userdel" | "deluser" => {
            if let Some(option) = call.option('r', &["--remove", "--remove-home"]) {
                drafts.push(Draft::new(Safer, "removes the account and keeps its files", vec![option.remove()]));
            }
        }
        _ => {}
    }
}

fn removed(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let operands = call.rest(0);
    if operands.is_empty() {
        return;
    }
    let recursive = call.has('r', &["--recursive"]) || call.has('R', &[]);
    let preview = if recursive { format!("find {operands} -print") } else { format!("ls -ld -- {operands}") };
    drafts.push(Draft::new(Preview, "shows what would be removed", vec![call.instead(preview)]));
    if recursive && !call.args.iter().any(|arg| arg.raw == "--one-file-system") {
        drafts.push(Draft::new(Safer, "leaves what is mounted below alone", vec![call.with("--one-file-system")]));
    }
    let edits: Vec<Edit> = call
        .operands()
        .filter(|arg| arg.raw.starts_with(['*', '?']))
        .map(|arg| Edit::insert(arg.range.start, "./"))
        .collect();
    if !edits.is_empty() && !call.args.iter().any(|arg| arg.raw == "--") {
        drafts.push(Draft::new(Sturdier, "a file whose name begins with a dash is not taken for an option", edits));
    }
}

fn git(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let replaced =
        |letter: char, names: &[&str], text: &str| call.option(letter, names).map(|option| vec![option.replace(text)]);
    match call.sub() {
        Some("reset") => {
            if let Some(option) = call.args.iter().find(|arg| arg.raw == "--hard") {
                drafts.push(Draft::new(
                    Safer,
                    "keeps changes that are not committed, or stops",
                    vec![option.replace("--keep")],
                ));
                let stash = Edit::insert(
                    call.program.range.start,
                    format!("git stash push --include-untracked && {}", call.prefix),
                );
                drafts.push(Draft::new(Safer, "puts what is not committed aside first", vec![stash]));
            }
        }
        Some("push") => {
            if let Some(edits) = replaced('f', &[], "--force-with-lease").or_else(|| {
                call.args
                    .iter()
                    .find(|arg| arg.raw == "--force")
                    .map(|option| vec![option.replace("--force-with-lease")])
            }) {
                drafts.push(Draft::new(Safer, "stops where somebody else has pushed meanwhile", edits));
            }
            if !call.has('n', &["--dry-run"]) {
                drafts.push(Draft::new(Preview, "shows what would be pushed", vec![call.and("--dry-run")]));
            }
        }
        Some("clean") => {
            if let Some(option) = call.option('f', &["--force"]) {
                let text = if option.raw == "--force" { "--dry-run".to_owned() } else { option.raw.replace('f', "n") };
                drafts.push(Draft::new(Preview, "shows what would be removed", vec![option.replace(text)]));
            }
        }
        Some("branch") => {
            if let Some(option) = call.args.iter().find(|arg| arg.raw == "-D") {
                drafts.push(Draft::new(Safer, "keeps a branch that is not merged", vec![option.replace("-d")]));
            }
        }
        Some("checkout" | "restore") if call.args.iter().any(|arg| arg.raw == "." || arg.raw == "--") => {
            let stashed = vec![call.instead("git stash push --include-untracked")];
            drafts.push(Draft::new(Safer, "puts the changes aside instead of losing them", stashed));
            drafts.push(Draft::new(
                Preview,
                "shows the changes that would be lost",
                vec![call.instead("git diff --stat")],
            ));
        }
        Some("stash") if call.begins(&["stash", "clear"]) || call.begins(&["stash", "drop"]) => {
            drafts.push(Draft::new(Preview, "shows what has been put aside", vec![call.instead("git stash list")]));
        }
        _ => {}
    }
}

fn containers(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let compose = call.name == "docker-compose" || call.begins(&["compose"]);
    if compose
        && call.operands().any(|arg| arg.raw == "down")
        && let Some(option) = call.option('v', &["--volumes"])
    {
        drafts.push(Draft::new(Safer, "keeps the volumes, and so the data", vec![option.remove()]));
    }
}
