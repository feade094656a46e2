//! Pipes in which a process is too many, or names are broken apart.

use ogent_protocol::verdict::SuggestionKind::{Faster, Sturdier};
use rable::{Node, NodeKind};

use super::call::Call;
use super::line::{Draft, Edit, Line};
use super::scan::{self, Part};

/// Filters that take files as their last operands and print the same of them.
const TAKES_FILE: &[&str] = &[
    "grep", "egrep", "fgrep", "sort", "uniq", "head", "tail", "cut", "awk", "sed", "nl", "tac", "rev", "less", "jq",
    "base64",
];

/// Filters that read their input only, or print another thing of a file with a name.
const READS_INPUT: &[&str] =
    &["wc", "tr", "xargs", "column", "fold", "paste", "tee", "openssl", "bc", "od", "xxd", "python3", "perl"];

pub(super) fn drafts<'a>(line: &Line<'a>, nodes: &[Node], calls: &[Option<Call<'a>>], drafts: &mut Vec<Draft>) {
    for (index, pair) in calls.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        let Some(first) = first else { continue };
        if !first.redirects.is_empty() {
            continue;
        }
        match second {
            Some(second) => between(first, second, index == 0, index + 2 == calls.len(), drafts),
            None => into_loop(line, first, nodes.get(index + 1), index == 0, drafts),
        }
    }
}

fn between(first: &Call<'_>, second: &Call<'_>, begins: bool, ends: bool, drafts: &mut Vec<Draft>) {
    match (first.name.as_str(), second.name.as_str()) {
        ("cat", _) if begins => cat(first, second, drafts),
        ("grep" | "egrep" | "fgrep", "wc") if ends => counted(first, second, drafts),
        ("sort", "uniq") => unique(first, second, drafts),
        ("ls", "grep") if begins && ends => listed(first, second, drafts),
        ("find", "xargs") => null_bytes(first, second, drafts),
        ("find", "wc") if ends => names_counted(first, second, drafts),
        ("grep", "awk") => matched(first, second, drafts),
        ("echo", _) if begins => echoed(first, drafts),
        ("tail", "grep")
            if (first.has('f', &["--follow"]) || first.has('F', &[]))
                && !ends
                && !second.args.iter().any(|arg| arg.raw == "--line-buffered") =>
        {
            drafts.push(Draft::new(
                Sturdier,
                "hands each line on as soon as it comes",
                vec![second.with("--line-buffered")],
            ));
        }
        _ => {}
    }
}

/// The first of two commands with its pipe is taken away.
fn without(first: &Call<'_>, second: &Call<'_>) -> Edit {
    Edit::replace(first.range.start..second.range.start, "")
}

/// `cat file | filter`.
fn cat(cat: &Call<'_>, filter: &Call<'_>, drafts: &mut Vec<Draft>) {
    let [file] = cat.args.as_slice() else { return };
    let one = !file.is_option()
        && file.raw != "-"
        && !file.has_glob()
        && !file.raw.starts_with('<')
        && !file.raw.starts_with('{');
    let split = scan::parts(file.raw).iter().any(|part| !matches!(part, Part::Variable { quoted: true, .. }));
    if split || !one || !filter.redirects.is_empty() || !filter.prefix.is_empty() || !cat.prefix.is_empty() {
        return;
    }
    let why = "the filter reads the file itself";
    let scripted = usize::from(matches!(filter.name.as_str(), "grep" | "egrep" | "fgrep" | "awk" | "sed" | "jq"));
    // An option might take the next word, so nothing is added behind operands that cannot be told.
    let simple = filter.operands().count() == scripted && filter.options().all(|arg| !takes_word(filter, arg.raw));
    if TAKES_FILE.contains(&filter.name.as_str()) && simple {
        drafts.push(Draft::new(Faster, why, vec![without(cat, filter), filter.and(file.raw)]));
    } else if TAKES_FILE.contains(&filter.name.as_str()) || READS_INPUT.contains(&filter.name.as_str()) {
        drafts.push(Draft::new(Faster, why, vec![without(cat, filter), filter.and(&format!("< {}", file.raw))]));
    }
}

/// Whether an option of a filter takes the next word.
fn takes_word(filter: &Call<'_>, option: &str) -> bool {
    let letters = match filter.name.as_str() {
        "grep" | "egrep" | "fgrep" => "efmABC",
        "head" | "tail" => "nc",
        "cut" => "dfcb",
        "sort" => "ktSTo",
        "awk" => "Ffv",
        "sed" => "eflns",
        "uniq" => "fsw",
        _ => "",
    };
    option.chars().count() == 2
        && option.ends_with(|char| letters.contains(char))
        && !(filter.name == "sed" && matches!(option, "-n" | "-s"))
}

/// `grep pattern | wc -l`.
fn counted(grep: &Call<'_>, wc: &Call<'_>, drafts: &mut Vec<Draft>) {
    let lines = matches!(wc.args.iter().map(|arg| arg.raw).collect::<Vec<_>>()[..], ["-l" | "--lines"]);
    let simple = grep.options().all(|arg| arg.raw.chars().skip(1).all(|char| "ivwxEFPha".contains(char)));
    // Of several files, grep counts each.
    if lines
        && simple
        && (1..=2).contains(&grep.operands().count())
        && !grep.operands().skip(1).any(|arg| arg.has_glob())
        && wc.redirects.is_empty()
    {
        let edits = vec![grep.with("-c"), Edit::replace(grep.range.end..wc.range.end, "")];
        drafts.push(Draft::new(Faster, "grep counts by itself", edits));
    }
}

/// `sort | uniq`.
fn unique(sort: &Call<'_>, uniq: &Call<'_>, drafts: &mut Vec<Draft>) {
    let whole = sort.options().all(|arg| arg.raw == "-r");
    if uniq.args.is_empty() && uniq.redirects.is_empty() && whole {
        let edits = vec![sort.with("-u"), Edit::replace(sort.range.end..uniq.range.end, "")];
        drafts.push(Draft::new(Faster, "sort leaves out what is there twice by itself", edits));
    }
}

/// `ls | grep name`.
fn listed(ls: &Call<'_>, grep: &Call<'_>, drafts: &mut Vec<Draft>) {
    let [pattern] = grep.args.as_slice() else { return };
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    let Some(name) =
        pattern.text.as_deref().filter(|text| text.chars().all(plain) && !text.starts_with('-') && !text.is_empty())
    else {
        return;
    };
    if ls.args.iter().all(|arg| arg.raw == "-1") && grep.redirects.is_empty() {
        let edits = vec![Edit::replace(ls.range.start..grep.range.end, format!("ls -d -- *{name}*"))];
        drafts.push(Draft::new(Faster, "the shell finds the names by itself", edits));
    }
}

/// `find … | xargs command`.
fn null_bytes(find: &Call<'_>, xargs: &Call<'_>, drafts: &mut Vec<Draft>) {
    let prints = |raw: &str| {
        matches!(
            raw,
            "-print0" | "-printf" | "-exec" | "-execdir" | "-ls" | "-delete" | "-fprint" | "-o" | "-or" | "," | "-quit"
        )
    };
    let splits = |raw: &str| {
        matches!(raw, "-0" | "--null" | "-d" | "-L" | "-l" | "-a" | "-E")
            || raw.starts_with("--delimiter")
            || raw.starts_with("-d")
    };
    let own = xargs.args.iter().take_while(|arg| arg.is_option()).any(|arg| splits(arg.raw) || arg.has_letter('0'));
    if find.args.iter().any(|arg| prints(arg.raw)) || own {
        return;
    }
    let print = match find.args.iter().find(|arg| arg.raw == "-print") {
        Some(print) => print.replace("-print0"),
        None => find.and("-print0"),
    };
    drafts.push(Draft::new(Sturdier, "names with spaces in them stay whole", vec![print, xargs.with("-0")]));
}

/// `find … | wc -l`.
fn names_counted(find: &Call<'_>, wc: &Call<'_>, drafts: &mut Vec<Draft>) {
    let prints = |raw: &str| {
        raw.starts_with("-print")
            || raw.starts_with("-exec")
            || matches!(raw, "-ls" | "-delete" | "-o" | "-or" | "-fprint")
    };
    let lines = matches!(wc.args.iter().map(|arg| arg.raw).collect::<Vec<_>>()[..], ["-l" | "--lines"]);
    if lines && !find.args.iter().any(|arg| prints(arg.raw)) {
        let edits = vec![find.and("-printf ."), Edit::replace(wc.program.range.end..wc.last().range.end, " -c")];
        drafts.push(Draft::new(Sturdier, "counts a name with a new line in it once", edits));
    }
}

/// `grep word | awk '{…}'`.
fn matched(grep: &Call<'_>, awk: &Call<'_>, drafts: &mut Vec<Draft>) {
    let operands: Vec<_> = grep.args.iter().collect();
    let (pattern, file) = match operands.as_slice() {
        [pattern] => (pattern, None),
        [pattern, file] => (pattern, Some(file)),
        _ => return,
    };
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | ' ' | ':' | ',' | '=');
    let Some(word) =
        pattern.text.as_deref().filter(|text| text.chars().all(plain) && !text.starts_with('-') && !text.is_empty())
    else {
        return;
    };
    let [program] = awk.args.as_slice() else { return };
    let Some(body) = program.raw.strip_prefix("'{") else { return };
    if file.is_some_and(|file| file.is_option() || file.has_glob()) || !grep.prefix.is_empty() {
        return;
    }
    let mut edits =
        vec![Edit::replace(grep.range.start..awk.range.start, ""), program.replace(format!("'/{word}/ {{{body}"))];
    edits.extend(file.map(|file| awk.and(file.raw)));
    drafts.push(Draft::new(Faster, "awk picks the lines by itself", edits));
}

/// `echo $x | command`.
fn echoed(echo: &Call<'_>, drafts: &mut Vec<Draft>) {
    let [word] = echo.args.as_slice() else { return };
    let parts = scan::parts(word.raw);
    let [Part::Variable { range, quoted, .. }] = parts.as_slice() else { return };
    let whole = range.len() + 2 * usize::from(*quoted) == word.raw.len();
    if whole {
        let text = if *quoted { word.raw.to_owned() } else { format!("\"{}\"", word.raw) };
        let edits = vec![echo.instead(format!("printf '%s\\n' {text}"))];
        drafts.push(Draft::new(
            Sturdier,
            "prints what is in the variable as it is, even if it begins with a dash",
            edits,
        ));
    }
}

/// `cat file | while read line; do …; done`.
fn into_loop(line: &Line<'_>, first: &Call<'_>, next: Option<&Node>, begins: bool, drafts: &mut Vec<Draft>) {
    let Some(node) =
        next.filter(|node| matches!(&node.kind, NodeKind::While { redirects, .. } if redirects.is_empty()))
    else {
        return;
    };
    let [file] = first.args.as_slice() else { return };
    if first.name != "cat" || !begins || file.is_option() || file.text.is_none() {
        return;
    }
    let (start, end) = line.range(node);
    let edits = vec![Edit::replace(first.range.start..start, ""), Edit::insert(end, format!(" < {}", file.raw))];
    drafts.push(Draft::new(Sturdier, "what the loop sets is still set behind it", edits));
}
