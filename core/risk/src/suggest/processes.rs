//! Processes: how they are ended, and how they are found.

use ogent_protocol::verdict::SuggestionKind::{Preview, Safer, Sturdier};
use rable::Node;

use super::call::{Arg, Call};
use super::line::{Draft, Edit, Line};

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    if !call.is(&["kill", "pkill", "killall"]) {
        return;
    }
    let forced = |arg: &&Arg<'_>| matches!(arg.raw, "-9" | "-KILL" | "-SIGKILL" | "-kill");
    if let Some(option) = call.args.iter().find(forced) {
        drafts.push(Draft::new(
            Safer,
            "asks the process to end, so that it can save what it has",
            vec![option.remove()],
        ));
    }
    let mut pairs = call.args.windows(2);
    if let Some([option, _]) = pairs.find(|pair| matches!(pair, [s, name] if matches!(s.raw, "-s" | "--signal") && matches!(name.raw, "9" | "KILL" | "SIGKILL"))) {
        let from = option.range.start.saturating_sub(1);
        let to = call.args.iter().skip_while(|arg| arg.range != option.range).nth(1).map_or(option.range.end, |arg| arg.range.end);
        let edits = vec![Edit::replace(from..to, "")];
        drafts.push(Draft::new(Safer, "asks the process to end, so that it can save what it has", edits));
    }
    let operands = call.rest(0);
    if call.name == "pkill" && !operands.is_empty() {
        let whole = if call.has('f', &["--full"]) { "f" } else { "" };
        drafts.push(Draft::new(
            Preview,
            "shows which processes would be ended",
            vec![call.instead(format!("pgrep -a{whole} {operands}"))],
        ));
    }
    if call.name == "killall" && call.operands().count() == 1 {
        drafts.push(Draft::new(
            Preview,
            "shows which processes would be ended",
            vec![call.instead(format!("pgrep -ax {operands}"))],
        ));
    }
}

/// `ps aux | grep name`, with what often stands behind it.
pub(super) fn piped(line: &Line<'_>, node: &Node, calls: &[Option<Call<'_>>], drafts: &mut Vec<Draft>) {
    let mut calls = calls.iter().map(Option::as_ref);
    let (Some(Some(ps)), Some(Some(grep))) = (calls.next(), calls.next()) else { return };
    if ps.name != "ps"
        || !ps
            .args
            .iter()
            .any(|arg| matches!(arg.raw, "aux" | "-ef" | "-aux" | "ax" | "-e" | "-A" | "auxw" | "auxww" | "axu"))
    {
        return;
    }
    let folds = match grep.options().map(|arg| arg.raw).collect::<Vec<_>>().as_slice() {
        [] => "",
        ["-i"] => "i",
        _ => return,
    };
    let [pattern] = grep.operands().collect::<Vec<_>>()[..] else { return };
    if grep.name != "grep" || !grep.redirects.is_empty() || !ps.redirects.is_empty() {
        return;
    }
    // `[n]ame` is a way not to find the grep itself, which pgrep never finds.
    let name = pattern.raw.replace(['[', ']'], "");
    let how = match rest(calls) {
        Some(Rest::Nothing) => "a",
        Some(Rest::Ids) => "",
        Some(Rest::Count) => "c",
        None => return,
    };
    let (start, end) = line.range(node);
    let edits = vec![Edit::replace(start..end, format!("pgrep -{how}{folds}f {name}"))];
    drafts.push(Draft::new(Sturdier, "finds processes without finding the search itself", edits));
}

/// What becomes of the processes that were found.
enum Rest {
    Nothing,
    Ids,
    Count,
}

fn rest<'c, 'a: 'c>(calls: impl Iterator<Item = Option<&'c Call<'a>>>) -> Option<Rest> {
    let mut rest = Rest::Nothing;
    for call in calls {
        let call = call?;
        let raws: Vec<&str> = call.args.iter().map(|arg| arg.raw).collect();
        rest = match (call.name.as_str(), raws.as_slice(), rest) {
            ("grep", ["-v", "grep"], Rest::Nothing) => Rest::Nothing,
            ("awk", ["'{print $2}'" | "'{ print $2 }'"], Rest::Nothing) => Rest::Ids,
            ("wc", ["-l"], Rest::Nothing) => Rest::Count,
            _ => return None,
        };
    }
    Some(rest)
}
