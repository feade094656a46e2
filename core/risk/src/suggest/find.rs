//! `find`: what it removes, and how it starts other programs.

use ogent_protocol::verdict::SuggestionKind::{Faster, Preview};

use super::call::{Arg, Call};
use super::line::{Draft, Edit};

/// Programs that print other things for several files than for each of them, or take only one.
const ONE_BY_ONE: &[&str] = &[
    "sh", "bash", "zsh", "dash", "echo", "basename", "dirname", "grep", "egrep", "fgrep", "wc", "head", "tail", "test",
    "[", "tar", "mv", "cp", "ln", "awk", "sed", "perl", "python", "python3", "unzip", "convert", "ffmpeg", "printf",
];

pub(super) fn drafts(call: &Call<'_>, drafts: &mut Vec<Draft>) {
    if call.name != "find" {
        return;
    }
    if let Some(delete) = call.args.iter().find(|arg| arg.raw == "-delete") {
        drafts.push(Draft::new(Preview, "shows what would be removed", vec![delete.replace("-print")]));
    }
    let Some(exec) = Exec::of(call) else { return };
    if exec.program.is("rm") || exec.program.is("/bin/rm") || exec.program.is("unlink") || exec.program.is("shred") {
        drafts.push(Draft::new(Preview, "shows what would be removed", vec![Edit::replace(exec.range(), "-print")]));
        let plain = exec.words.iter().all(|arg| matches!(arg.raw, "-f" | "-v" | "--" | "{}"));
        if plain && exec.program.is("rm") && !call.args.iter().any(|arg| arg.raw == "-prune") {
            let edits = vec![Edit::replace(exec.range(), "-delete")];
            drafts.push(Draft::new(Faster, "find removes files without a process for each", edits));
        }
    }
    let last = exec.words.last().is_some_and(|arg| arg.raw == "{}");
    let once = exec.words.iter().filter(|arg| arg.raw.contains("{}")).count() == 1;
    let known = exec.program.text.as_deref().is_some_and(|name| !ONE_BY_ONE.contains(&name));
    if matches!(exec.end.raw, "\\;" | "';'" | "\";\"") && last && once && known {
        let edits = vec![exec.end.replace("+")];
        drafts.push(Draft::new(Faster, "starts the program once for many files, and not once for each", edits));
    }
}

/// `-exec program words \;`
struct Exec<'c, 'a> {
    option: &'c Arg<'a>,
    program: &'c Arg<'a>,
    words: &'c [Arg<'a>],
    end: &'c Arg<'a>,
}

impl<'c, 'a> Exec<'c, 'a> {
    /// The only one; none where there are several.
    fn of(call: &'c Call<'a>) -> Option<Self> {
        let is_exec = |arg: &Arg<'_>| matches!(arg.raw, "-exec" | "-execdir" | "-ok" | "-okdir");
        if call.args.iter().filter(|arg| is_exec(arg)).count() != 1 {
            return None;
        }
        let at = call.args.iter().position(is_exec)?;
        let rest = call.args.get(at + 1..)?;
        let end = rest.iter().position(|arg| matches!(arg.raw, "\\;" | "';'" | "\";\"" | "+"))?;
        let (program, words) = rest.get(..end)?.split_first()?;
        Some(Self { option: call.args.get(at)?, program, words, end: rest.get(end)? })
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.option.range.start..self.end.range.end
    }
}
