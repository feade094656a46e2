//! What writes over something: `mv`, `cp`, `sed -i`, `dd`, redirections.

use ogent_protocol::verdict::SuggestionKind::{Preview, Safer, Sturdier};
use rable::NodeKind;

use super::call::{Arg, Call};
use super::line::{Draft, Edit};

pub(super) fn drafts(call: &Call<'_>, alone: bool, drafts: &mut Vec<Draft>) {
    match call.name.as_str() {
        "mv" | "cp" => copied(call, drafts),
        "sed" | "perl" => in_place(call, alone, drafts),
        "dd" => raw(call, drafts),
        _ => {}
    }
    if call.prefix.trim_start().starts_with("sudo") && alone {
        redirected(call, drafts);
    }
}

fn copied(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let guarded = ["--no-clobber", "--interactive", "--backup", "--update", "--help"];
    if call.operands().count() < 2 || ['n', 'i', 'b', 'u'].iter().any(|letter| call.has(*letter, &guarded)) {
        return;
    }
    // Behind other commands it is often meant to: `sort a > b && mv b a`.
    if !call.has('f', &["--force"]) && call.range.start == 0 {
        drafts.push(Draft::new(Safer, "never writes over a file that is there", vec![call.with("-n")]));
    }
    drafts.push(Draft::new(Safer, "keeps a copy of what it writes over", vec![call.with("--backup=numbered")]));
}

/// `-i` without an ending keeps nothing of what was there.
fn in_place(call: &Call<'_>, alone: bool, drafts: &mut Vec<Draft>) {
    let at = call.options().find(|arg| arg.raw == "--in-place" || arg.has_letter('i') && arg.raw.ends_with('i'));
    let Some(option) = at else { return };
    let kept = if option.raw == "--in-place" { "--in-place=.bak".to_owned() } else { format!("{}.bak", option.raw) };
    drafts.push(Draft::new(Safer, "keeps each file as it was, with .bak behind its name", vec![option.replace(kept)]));
    let files: Vec<&Arg<'_>> = call.operands().collect();
    let scripted = call.has('e', &["--expression", "--file"]) || call.has('f', &[]);
    let file = match files.as_slice() {
        [_, file] if !scripted && call.name == "sed" => file,
        _ => return,
    };
    let single = !file.has_glob() && !file.raw.contains('$') && call.redirects.is_empty();
    if single && alone && (option.raw == "-i" || option.raw == "--in-place") {
        let edits = vec![option.remove(), Edit::insert(call.range.end, format!(" | diff -u {} -", file.raw))];
        drafts.push(Draft::new(Preview, "shows what would change", edits));
    }
}

fn raw(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let Some(target) = call.args.iter().find_map(|arg| arg.raw.strip_prefix("of=")) else { return };
    if target.trim_matches(['"', '\'']).starts_with("/dev/") {
        let preview = format!("lsblk -o NAME,SIZE,TYPE,FSTYPE,MOUNTPOINTS {target}");
        drafts.push(Draft::new(Preview, "shows what is on the device", vec![call.instead(preview)]));
    } else {
        drafts.push(Draft::new(
            Preview,
            "shows what would be written over",
            vec![call.instead(format!("ls -l {target}"))],
        ));
        if !call.args.iter().any(|arg| arg.raw.starts_with("conv=")) {
            drafts.push(Draft::new(Safer, "never writes over a file that is there", vec![call.and("conv=excl")]));
        }
    }
}

/// `sudo command > file`: the file is opened without the rights that `sudo` gives.
fn redirected(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    let [redirect] = call.redirects else { return };
    let NodeKind::Redirect { op, target, fd, .. } = &redirect.kind else { return };
    let NodeKind::Word { value, .. } = &target.kind else { return };
    // Its place is not told, so only what ends the command can be replaced.
    let from = call.last().range.end;
    if !matches!(op.as_str(), ">" | ">>") || *fd > 1 || call.range.end < from || value.starts_with("/dev/null") {
        return;
    }
    let append = if op == ">>" { "-a " } else { "" };
    let edits = vec![Edit::replace(from..call.range.end, format!(" | sudo tee {append}{value} > /dev/null"))];
    drafts.push(Draft::new(Sturdier, "the file is written with the rights that sudo gives, too", edits));
}
